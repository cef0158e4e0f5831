/// Word Sorting: the words of a list in alphabetical order (docs/tripost.md, 9.2).
public struct WordSorting: GeneratedTask {
  public static let name = "word_sorting"
  public let hint = ""

  /// How many questions of which length there are.
  public let plan: [Portion]

  public init(plan: [Portion]) {
    self.plan = plan
  }

  /// Mends `"x"?`, which lacks a blank.
  public func prepared(_ text: String) -> String { text.replacing("\"?", by: "\" ?") }

  /// The words, with one blank between two of them.
  public func answer(inFinalLine line: String) -> String? {
    guard let rest = line.textAfter(anyCase: "the answer is:"), let stop = rest.lastRange(of: ".")
    else { return nil }
    return String(rest[..<stop.lowerBound]).words.joined(separator: " ")
  }

  public func isCorrect(_ answer: String, to question: Question) -> Bool {
    answer.words == question.gold.words
  }

  public func hasValidContent(_ attempt: Attempt, to question: Question) -> Bool {
    !attempt.lines.contains { $0.has("Hence") && $0.has("?") }
  }

  /// The question for a list of words.
  public func question(sorting words: [String], id: String, cell: Cell) -> Question {
    Question(
      id: id,
      block: Self.opening + words.joined(separator: " "), hint: hint,
      gold: words.sorted(by: Self.precedes).joined(separator: " "), cell: cell)
  }

  static let opening = "Q: Sort the following words alphabetically:\nList: "

  /// The order of character codes.
  static func precedes(_ a: String, _ b: String) -> Bool {
    a.utf8.lexicographicallyPrecedes(b.utf8)
  }
}

extension Question {
  /// The words after `List: `.
  var listedWords: [String]? {
    guard let line = block.lines.first(where: { $0.startsWith("List: ") }) else { return nil }
    return String(line.dropFirst("List: ".count)).words.map(String.init)
  }
}
