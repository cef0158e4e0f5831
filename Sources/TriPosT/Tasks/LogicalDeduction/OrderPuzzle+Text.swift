// How a pattern is written: `(above) Zoe ?? Kim ? (below)`; and how one is read.

extension OrderPuzzle {
  /// Without the quotes around it.
  func text(of pattern: OrderPattern) -> String {
    var pieces = ["(\(axis.ends.low))"]
    for (index, gap) in pattern.gaps.enumerated() {
      pieces += Array(repeating: "?", count: gap.least)
      if gap.isOpen { pieces.append("??") }
      if index < pattern.objects.count { pieces.append(shortNames[pattern.objects[index]]) }
    }
    return (pieces + ["(\(axis.ends.high))"]).joined(separator: " ")
  }

  /// Whether a text lists all objects, in any order.
  func isInventory(_ text: String) -> Bool {
    guard let colon = text.firstRange(of: ": "), let own = inventory.firstRange(of: ": ") else {
      return false
    }
    return text[..<colon.lowerBound] == inventory[..<own.lowerBound]
      && Self.objects(of: String(text[colon.upperBound...])).sorted() == names.sorted()
  }

  /// What a text says of the objects; nil when it is of no known form.
  func sentence(_ text: String) -> OrderSentence? { OrderSentence(text, names, axis) }

  /// What became of reading a pattern.
  enum Reading: Equatable {
    case pattern(OrderPattern)
    /// It names something that the question does not have.
    case stranger(String)
    case unreadable
  }

  /// Reads a pattern without its quotes; one from the high end to the low one is turned round.
  func pattern(reading text: String) -> Reading {
    guard text.startsWith("("), text.endsWith(")"), let closing = text.firstRange(of: ")"),
      let opening = text.lastRange(of: "("), closing.upperBound <= opening.lowerBound
    else { return .unreadable }
    let first = text[text.index(after: text.startIndex)..<closing.lowerBound]
    let last = text[opening.upperBound...].dropLast()
    let isForward = first == axis.ends.low && last == axis.ends.high
    guard isForward || first == axis.ends.high && last == axis.ends.low else { return .unreadable }
    var objects: [Int] = []
    var gaps = [OrderPattern.Gap.exactly(0)]
    var rest = text[closing.upperBound..<opening.lowerBound].trimmed
    while !rest.isEmpty {
      if rest.hasPrefix("?") {
        let isOpen = rest.hasPrefix("??")
        if isOpen {
          gaps[gaps.count - 1].isOpen = true
        } else {
          gaps[gaps.count - 1].least += 1
        }
        rest = rest.dropFirst(isOpen ? 2 : 1).trimmed
      } else if let (object, name) = name(beginning: rest) {
        objects.append(object)
        gaps.append(.exactly(0))
        rest = rest.dropFirst(name.count).trimmed
      } else {
        return .stranger(String(String(rest).words[0]))
      }
    }
    // Of signs that are more than the objects, one too many says the same as any number.
    for index in gaps.indices { gaps[index].least = min(gaps[index].least, table.size + 1) }
    return .pattern(
      isForward
        ? OrderPattern(objects: objects, gaps: gaps)
        : OrderPattern(objects: objects.reversed(), gaps: gaps.reversed()))
  }

  /// The object whose name, short or long, a text begins with; of several the longest.
  private func name(beginning text: Substring) -> (object: Int, name: String)? {
    let found = (names + shortNames).enumerated().filter { _, name in
      guard text.hasPrefix(name) else { return false }
      let next = text.dropFirst(name.count).utf8.first
      return next.map { isBlank($0) || $0 == UInt8(ascii: "?") } ?? true
    }
    return found.max { $0.element.utf8.count < $1.element.utf8.count }
      .map { ($0.offset % names.count, $0.element) }
  }
}
