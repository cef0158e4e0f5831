/// Logical Deduction: which object is in which place of an order (docs/tripost.md, 9.4).
public struct LogicalDeduction: MultipleChoiceTask {
  public static let name = "logical_deduction"

  public let hint =
    "Let \"??\" represents 0 or more objects, and \"?\" represents exactly 1 object."

  /// How many questions of which size there are.
  public let plan: [Portion]

  public init(plan: [Portion]) {
    self.plan = plan
  }

  /// Mends `Kim?`, which lacks a blank.
  public func prepared(_ text: String) -> String {
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if byte == UInt8(ascii: "?"), let last = bytes.last, !isBlank(last), last != byte,
        last != UInt8(ascii: "\"")
      {
        bytes.append(UInt8(ascii: " "))
      }
      bytes.append(byte)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The words of the chosen option stand in the final line and in the line before it.
  public func hasValidContent(_ attempt: Attempt, to question: Question) -> Bool {
    guard let choice = MultipleChoice(question) else { return true }
    guard attempt.lines.count > 1, let letter = answer(of: attempt),
      let option = choice.option(letter)
    else { return false }
    return attempt.lines.suffix(2).allSatisfy { Self.says(option, in: $0) }
  }

  /// Whether a line has all words of a statement, up to articles, dashes and a plural's s; a word within
  /// another counts, as in the published test of contents (4.5).
  static func says(_ statement: String, in line: String) -> Bool {
    let text = contentWords(of: line).joined(separator: " ")
    return contentWords(of: statement).allSatisfy(text.has)
  }

  /// The same with whole words, so that "second-cheapest" does not say "cheapest".
  static func saysExactly(_ statement: String, in line: String) -> Bool {
    Set(contentWords(of: statement)).isSubset(of: contentWords(of: line))
  }

  private static func contentWords(of text: String) -> [String] {
    let letters = text.lowerCased.utf8.filter {
      isBlank($0) || isDigit($0) || isCapital($0 & ~0x20) || $0 >= 0x80
    }
    return String(decoding: letters, as: UTF8.self).words.map(String.init)
      .filter { !["a", "an", "the", "is", "are"].contains($0) }
      .map { $0.endsWith("s") ? String($0.dropLast()) : $0 }
  }
}
