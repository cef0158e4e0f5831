// Questions with lettered options: how they are written, and how a letter is read (2.1, 8.5).

import Boundary

/// A question's text and its options, in their order.
struct MultipleChoice {
  let text: String
  /// Lettered A, B, C and so on.
  let options: [String]

  static let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".map(String.init)

  init(text: String, options: [String]) {
    self.text = text
    self.options = options
  }

  /// Reads a question block; nil without options or with letters out of order.
  init?(_ question: Question) {
    let lines = question.block.lines
    guard let start = lines.firstIndex(of: "Options:"), let first = lines.first,
      first.startsWith("Q: "), start > 0, lines.count > start + 1,
      lines.count - start - 1 <= Self.letters.count
    else { return nil }
    text = String(([first.dropFirst(3)] + lines[1..<start].map { $0[...] }).joined(separator: "\n"))
    var options: [String] = []
    for (letter, line) in zip(Self.letters, lines[(start + 1)...]) {
      guard line.startsWith("(\(letter)) ") else { return nil }
      options.append(String(line.dropFirst(4)))
    }
    self.options = options
  }

  /// As the student reads it.
  var block: String {
    "Q: \(text)\nOptions:\n"
      + zip(Self.letters, options).map { "(\($0)) \($1)" }.joined(separator: "\n")
  }

  /// The option of a letter in any case.
  func option(_ letter: String) -> String? {
    Self.index(of: letter).flatMap { options.indices.contains($0) ? options[$0] : nil }
  }

  static func index(of letter: String) -> Int? {
    let capital = String(decoding: letter.utf8.map { $0 & ~0x20 }, as: UTF8.self)
    return letters.firstIndex(of: capital)
  }

  /// The letter that a final line gives, made small: that of the last `answer is (B)`, or the only
  /// character of the line.
  static func letter(inFinalLine line: String) -> String? {
    let line = line.lowerCased
    func isLetter(_ byte: UInt8) -> Bool { isCapital(byte & ~0x20) }
    if line.utf8.count == 1, let only = line.utf8.first, isLetter(only) { return line }
    var found: String?
    var rest = line[...]
    while let marker = rest.firstRange(of: "answer is (") {
      rest = rest[marker.upperBound...]
      let bytes = Array(rest.utf8.prefix(2))
      if bytes.count == 2, isLetter(bytes[0]), bytes[1] == UInt8(ascii: ")") {
        found = String(UnicodeScalar(bytes[0]))
      }
    }
    return found
  }
}

/// A task whose answers are the letters of options.
public protocol MultipleChoiceTask: GeneratedTask {}

extension MultipleChoiceTask {
  public func answer(inFinalLine line: String) -> String? {
    MultipleChoice.letter(inFinalLine: line)
  }

  /// In any case.
  public func isCorrect(_ answer: String, to question: Question) -> Bool {
    MultipleChoice.index(of: answer) != nil
      && MultipleChoice.index(of: answer) == MultipleChoice.index(of: question.gold)
  }

  public func isPossible(_ gold: String, for question: Question) -> Bool {
    MultipleChoice(question)?.option(gold) != nil
  }

  /// Another letter in the final response.
  func slip(inFinalLine line: String) -> String {
    let letter = line.dropLast(2).last ?? "A"
    return "\(line.dropLast(3))\(letter == "A" ? "B" : "A"))."
  }

  /// The text without its options, so that their order and what they ask for do not matter.
  public func identity(of question: Question) -> String {
    MultipleChoice(question)?.text ?? question.block
  }
}
