// The script that finds the earliest mistake in an attempt (4.2).

extension MultistepArithmetic {
  public func feedback(
    on attempt: Attempt, to question: Question, options: Compatibility
  ) throws(CriticFailure) -> Feedback {
    try ArithmeticCritic(attempt, to: question, strict: options.msaStrict).feedback()
  }
}

/// An attempt, read line by line, and what it is measured by.
struct ArithmeticCritic {
  private enum Kind { case partition, calculation, equation, answer }

  private struct Line {
    let text: String
    let label: StepLabel
    let kind: Kind
  }

  private let lines: [Line]
  /// The expression of the question without its outermost brackets.
  private let expression: String
  private let expected: Int64
  private let strict: Bool

  init(_ attempt: Attempt, to question: Question, strict: Bool) throws(CriticFailure) {
    guard let first = question.block.firstRange(of: "("),
      let last = question.block[first.upperBound...].lastRange(of: ") ="),
      let value = Arithmetic.value(of: question.block[first.upperBound..<last.lowerBound])
    else { throw CriticFailure("the question has no expression") }
    guard value == Int64(question.gold) else {
      throw CriticFailure("the question's value is \(value), but its answer \(question.gold)")
    }
    expression = String(question.block[first.upperBound..<last.lowerBound])
    expected = value
    self.strict = strict
    guard attempt.finalResponse.has("Final response") else {
      throw CriticFailure("the last line is no final response")
    }
    var lines: [Line] = []
    for (index, text) in attempt.lines.enumerated() {
      let isLast = index == attempt.lines.count - 1
      guard let label = isLast ? .finalResponse : Self.label(of: text) else {
        throw CriticFailure("line \(index + 1) has no label")
      }
      guard let kind = Self.kind(of: text) else {
        throw CriticFailure("line \(index + 1) is of no known kind")
      }
      lines.append(Line(text: text, label: label, kind: kind))
    }
    self.lines = lines
  }

  /// The label of `(1) Word…`, which may not have dots.
  private static func label(of line: String) -> StepLabel? {
    guard let (label, rest) = StepLabel.leading(line), case .step(let numbers) = label,
      numbers.count == 1, rest.utf8.first == UInt8(ascii: " ")
    else { return nil }
    let words = rest.unicodeScalars.dropFirst()
    guard words.count > 1, let start = words.first,
      start == "_" || start.properties.isAlphabetic || start.properties.numericType != nil
    else { return nil }
    return label
  }

  private static func kind(of line: String) -> Kind? {
    let lower = line.lowerCased
    if lower.has("this equation can be written as") { return .partition }
    if lower.has("let's calculate") { return .calculation }
    if line.has("the final equation is") { return .equation }
    return line.has("So the answer is") ? .answer : nil
  }

  func feedback() throws(CriticFailure) -> Feedback {
    for (index, line) in lines.enumerated() {
      guard line.text.endsWith(".") else {
        throw CriticFailure("line \(index + 1) does not end in a full stop")
      }
      guard let finding = try finding(at: index) else { continue }
      return try finding.feedback(
        in: line.label, after: index > 0 ? lines[index - 1].label : nil)
    }
    guard lines.count > 1 else { throw CriticFailure("there is no step") }
    return .scriptedSuccess(lastStep: lines[lines.count - 2].label)
  }

  private func finding(at index: Int) throws(CriticFailure) -> Finding? {
    switch lines[index].kind {
    case .partition: try checkPartition(lines[index].text)
    case .calculation: try checkCalculation(lines[index].text)
    case .equation: try checkEquation(at: index)
    case .answer: try checkAnswer(at: index)
    }
  }

  /// Only the value of the partition is compared with the question, not its structure.
  private func checkPartition(_ line: String) throws(CriticFailure) -> Finding? {
    guard let partition = ArithmeticPartition(reading: line), partition.groups.count >= 2 else {
      throw CriticFailure("the partition cannot be read")
    }
    guard let expanded = partition.expanded, let value = Arithmetic.value(of: expanded) else {
      throw CriticFailure("the partition cannot be put together")
    }
    guard value != expected else { return nil }
    return Finding(
      part: String(line.dropFirst(4)),
      reason: "it is not consistent with the original equation: \(expression)")
  }

  private func checkCalculation(_ line: String) throws(CriticFailure) -> Finding? {
    guard let (letter, text) = Self.calculation(in: line) else {
      throw CriticFailure("a calculation names no letter")
    }
    let chain = Self.numericPieces(of: text)
    if strict, let first = chain.first, let groups {
      guard let group = groups.first(where: { $0.letter == letter }) else {
        return Finding(part: "\(letter) = \(first)", reason: "step (1) names no \(letter)")
      }
      if let value = Arithmetic.value(of: first), Arithmetic.value(of: group.text) != value {
        return Finding(part: first, reason: "it is not consistent with step (1)")
      }
    }
    return Self.checkChain(chain)
  }

  private func checkEquation(at index: Int) throws(CriticFailure) -> Finding? {
    guard let marker = lines[index].text.firstRange(of: "final equation is ") else {
      throw CriticFailure("the final equation cannot be read")
    }
    let text = lines[index].text[marker.upperBound...]
    let pieces = Self.pieces(of: text)
    guard pieces.count >= 2, pieces[0].utf8.contains(where: isCapital) else {
      throw CriticFailure("the final equation has no letters")
    }
    let (symbolic, numeric) = (pieces[0], pieces[1])
    // Two letters without an operator between them could become a number and a negative one.
    let ones = symbolic.utf8.map { isCapital($0) ? "(1)" : String(UnicodeScalar($0)) }.joined()
    if strict, Self.checkValidity(ones) != nil {
      return Finding(part: symbolic, reason: "it is an invalid equation")
    }
    var substituted = symbolic
    for letter in symbolic.utf8.filter(isCapital).map({ String(UnicodeScalar($0)) }) {
      guard let value = value(of: letter, before: index) else {
        return Finding(
          part: "\(symbolic) = \(numeric)",
          reason: "\(letter) has not been calculated in previous steps")
      }
      substituted = substituted.replacing(letter, by: "\(value)")
    }
    if let invalid = Self.checkValidity(substituted) ?? Self.checkValidity(numeric) {
      return invalid
    }
    let value = Arithmetic.value(of: numeric)
    guard value == Arithmetic.value(of: substituted) else {
      return Finding(
        part: "\(symbolic) = \(numeric)",
        reason: "this substitution is incosistent with the results in the previous steps")
    }
    guard value == expected else {
      return Finding(
        part: symbolic, reason: "this equation is inconsistent with the question statement")
    }
    return Self.checkChain(Self.numericPieces(of: text))
  }

  private func checkAnswer(at index: Int) throws(CriticFailure) -> Finding? {
    guard let answer = Self.statedAnswer(in: lines[index].text) else {
      throw CriticFailure("the final response states no whole number")
    }
    guard index > 0, let result = Arithmetic.lastNumber(in: lines[index - 1].text) else {
      throw CriticFailure("there is no result before the final response")
    }
    guard Int64(answer) != result else { return nil }
    return Finding(
      part: "the answer is \(answer).",
      reason: "this answer is inconsistent with the result in step (\(lines[index - 1].label))")
  }

  /// The first `the answer is -12.` of a line, its number as written.
  private static func statedAnswer(in line: String) -> String? {
    var rest = line[...]
    while let marker = rest.firstRange(of: "the answer is ") {
      rest = rest[marker.upperBound...]
      guard let stop = rest.firstRange(of: ".") else { return nil }
      let number = rest[..<stop.lowerBound]
      let digits = number.utf8.first == UInt8(ascii: "-") ? number.dropFirst() : number
      if !digits.isEmpty, digits.utf8.allSatisfy(isDigit), Int64(String(number)) != nil {
        return String(number)
      }
    }
    return nil
  }

  // MARK: Chains of equations

  /// The pieces between equal signs, up to the full stop that ends the line.
  private static func pieces(of text: Substring) -> [String] {
    text.dropLast().utf8.split(separator: UInt8(ascii: "="))
      .map { String(Substring($0).trimmed) }.filter { !$0.isEmpty }
  }

  private static func numericPieces(of text: Substring) -> [String] {
    pieces(of: text).filter { !$0.utf8.contains(where: isCapital) }
  }

  private static func checkChain(_ chain: [String]) -> Finding? {
    for (left, right) in zip(chain, chain.dropFirst()) {
      if let invalid = checkValidity(left) ?? checkValidity(right) { return invalid }
      guard Arithmetic.value(of: left) == Arithmetic.value(of: right) else {
        return Finding(
          part: "\(left) = \(right)",
          reason: "there is an calculation error, since \(left) is not equal to \(right)")
      }
    }
    return nil
  }

  private static func checkValidity(_ text: String) -> Finding? {
    guard Arithmetic.value(of: text) == nil else { return nil }
    let opening = text.utf8.count { $0 == UInt8(ascii: "(") }
    let closing = text.utf8.count { $0 == UInt8(ascii: ")") }
    return Finding(
      part: text,
      reason: "it is an invalid equation"
        + (opening == closing
          ? "" : " as the number of left and right brackets do not match"))
  }

  // MARK: Letters

  /// The letter and the chain of `calculate X = …`.
  static func calculation(in line: String) -> (letter: String, text: Substring)? {
    var rest = line[...]
    while let marker = rest.firstRange(of: "calculate ") {
      rest = rest[marker.upperBound...]
      if let letter = rest.utf8.first, isCapital(letter), rest.dropFirst().hasPrefix(" = ") {
        return (String(UnicodeScalar(letter)), rest.dropFirst(4))
      }
    }
    return nil
  }

  private func value(of letter: String, before index: Int) -> Int64? {
    lines[..<index].lazy.map(\.text).first { $0.has("calculate \(letter) = ") }
      .flatMap(Arithmetic.lastNumber(in:))
  }

  /// The groups of the first partition that can be read; nil without one.
  private var groups: [(letter: String, text: String)]? {
    lines.lazy.filter { $0.kind == .partition }
      .compactMap { ArithmeticPartition(reading: $0.text)?.groups }.first
  }
}

extension ArithmeticPartition {
  /// Reads `can be written as "…", where A = (…) and B = (…).`; nil without an equation.
  init?(reading line: String) {
    guard let opening = line.firstRange(of: "can be written as \""),
      let closing = line[opening.upperBound...].lastRange(of: "\",")
    else { return nil }
    self.init(
      symbolic: String(line[opening.upperBound..<closing.lowerBound]),
      groups: Self.groups(in: Array(line.utf8)))
  }

  /// Every `X = (…)` with no letter in its brackets, each as long as can be.
  private static func groups(in bytes: [UInt8]) -> [(letter: String, text: String)] {
    var groups: [(letter: String, text: String)] = []
    var place = 0
    while place + 4 < bytes.count {
      let opening = place + 4
      place += 1
      guard isCapital(bytes[opening - 4]), bytes[(opening - 3)...opening].elementsEqual(" = (".utf8)
      else { continue }
      let limit =
        bytes[opening...].firstIndex { isCapital($0 & ~0x20) } ?? bytes.count
      guard let closing = bytes[opening..<limit].lastIndex(of: UInt8(ascii: ")")),
        closing > opening + 1
      else { continue }
      groups.append(
        (
          String(UnicodeScalar(bytes[opening - 4])),
          String(decoding: bytes[opening...closing], as: UTF8.self)
        ))
      place = closing + 1
    }
    return groups
  }

  /// The equation with every letter replaced by its group; nil when it lacks one of the letters.
  var expanded: String? {
    var text = symbolic
    for (letter, group) in groups {
      guard text.has(letter) else { return nil }
      text = text.replacing(letter, by: group)
    }
    return text
  }
}
