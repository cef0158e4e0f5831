// Integer arithmetic with + - *, signs and brackets; nothing else is an expression.
//
// An expression is read once, by precedence, into postfix order, and then run over a stack of
// values or of texts. Nothing recurses, so hostile nesting costs no more than its length.

package struct Arithmetic {
  package enum Token: Equatable {
    case number(Int64)
    case plus, minus, times, negate
    case bracket  // only while reading
  }

  package let postfix: [Token]

  /// Reads an expression; nil when it is none.
  ///
  /// Numbers have no leading zeros and fit 64 bits.
  package init?(parsing text: some StringProtocol) {
    var output: [Token] = []
    var pending: [Token] = []
    var awaitsOperand = true
    let bytes = Array(text.utf8)
    var place = 0
    while place < bytes.count {
      let byte = bytes[place]
      place += 1
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"): continue
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        let start = place - 1
        while place < bytes.count, isDigit(bytes[place]) { place += 1 }
        guard awaitsOperand, byte != UInt8(ascii: "0") || place == start + 1,
          let value = Int64(String(decoding: bytes[start..<place], as: UTF8.self))
        else { return nil }
        output.append(.number(value))
        awaitsOperand = false
      case UInt8(ascii: "("):
        guard awaitsOperand else { return nil }
        pending.append(.bracket)
      case UInt8(ascii: ")"):
        guard !awaitsOperand else { return nil }
        while let top = pending.last, top != .bracket { output.append(pending.removeLast()) }
        guard pending.popLast() == .bracket else { return nil }
      case UInt8(ascii: "-") where awaitsOperand: pending.append(.negate)
      case UInt8(ascii: "+") where awaitsOperand: continue
      case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "*"):
        let token: Token =
          byte == UInt8(ascii: "*") ? .times : byte == UInt8(ascii: "+") ? .plus : .minus
        while let top = pending.last, Arithmetic.binds(top, atLeastAs: token) {
          output.append(pending.removeLast())
        }
        pending.append(token)
        awaitsOperand = true
      default: return nil
      }
    }
    guard !awaitsOperand else { return nil }
    while let top = pending.popLast() {
      guard top != .bracket else { return nil }
      output.append(top)
    }
    postfix = output
  }

  private static func binds(_ top: Token, atLeastAs token: Token) -> Bool {
    switch top {
    case .negate, .times: true
    case .plus, .minus: token != .times
    case .bracket, .number: false
    }
  }

  /// The value, or nil when a step leaves 64 bits.
  package var value: Int64? {
    var stack: [Int64] = []
    for token in postfix {
      if case .number(let value) = token {
        stack.append(value)
        continue
      }
      guard let right = stack.popLast() else { return nil }
      let left = token == .negate ? 0 : stack.popLast()
      guard let left else { return nil }
      let (result, overflow) =
        switch token {
        case .plus: left.addingReportingOverflow(right)
        case .times: left.multipliedReportingOverflow(by: right)
        default: left.subtractingReportingOverflow(right)
        }
      guard !overflow else { return nil }
      stack.append(result)
    }
    return stack.last
  }

  /// Every operation in brackets of its own, a sign with its number: "((3 + (-4 * 2)) - 1)".
  ///
  /// Nil when a sign stands before a bracket or another sign.
  package var fullyBracketed: String? {
    var stack: [String] = []
    for token in postfix {
      if case .number(let value) = token {
        stack.append("\(value)")
        continue
      }
      guard let right = stack.popLast() else { return nil }
      if token == .negate {
        guard right.utf8.allSatisfy(isDigit) else { return nil }
        stack.append("-" + right)
        continue
      }
      guard let left = stack.popLast() else { return nil }
      let sign = token == .plus ? "+" : token == .minus ? "-" : "*"
      stack.append("(\(left) \(sign) \(right))")
    }
    return stack.last
  }

  /// The value of a text, or nil when the text is no expression or its value leaves 64 bits.
  package static func value(of text: some StringProtocol) -> Int64? {
    Arithmetic(parsing: text)?.value
  }

  /// What follows a fully bracketed text step by step, down to a number: in each round the innermost
  /// brackets are replaced by their values, left to right and wherever they occur.
  package static func reductions(of text: String) -> [String]? {
    var steps: [String] = []
    var current = text
    while current.has("(") {
      let brackets = innermostBrackets(of: current)
      guard !brackets.isEmpty else { return nil }
      for bracket in brackets {
        guard let value = value(of: bracket) else { return nil }
        current = current.replacing(bracket, by: "\(value)")
        steps.append(current)
      }
    }
    return steps
  }

  /// The brackets that hold no others, left to right, with their brackets on.
  package static func innermostBrackets(of text: String) -> [String] {
    var found: [String] = []
    var opening: String.Index?
    for index in text.utf8.indices {
      switch text.utf8[index] {
      case UInt8(ascii: "("): opening = index
      case UInt8(ascii: ")"):
        if let start = opening { found.append(String(text[start...index])) }
        opening = nil
      default: continue
      }
    }
    return found
  }

  /// The last number in a text, its sign with it.
  package static func lastNumber(in text: some StringProtocol) -> Int64? {
    let bytes = Array(text.utf8)
    guard let last = bytes.lastIndex(where: isDigit) else { return nil }
    var start = last
    while start > 0, isDigit(bytes[start - 1]) { start -= 1 }
    if start > 0, bytes[start - 1] == UInt8(ascii: "-") { start -= 1 }
    return Int64(String(decoding: bytes[start...last], as: UTF8.self))
  }
}
