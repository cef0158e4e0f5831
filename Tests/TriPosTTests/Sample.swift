import TriPosT

/// The worked examples of docs/tripost.md, 4.2 and 9.1.
enum Sample {
  static let task = MultistepArithmetic()
  static let seen = MultistepArithmetic.Shape(length: 3, depths: [2]).publishedCell

  static let question = Question(
    id: "sample", block: "Q: ((3 + -4 * 2 - 1) * (8 - 5 + -6 * 2)) =", hint: task.hint, gold: "54",
    cell: seen)

  static let steps = [
    #"(1) This equation can be written as "(A * B)", where A = (3 + -4 * 2 - 1) and "#
      + "B = (8 - 5 + -6 * 2).",
    "(2) Let's calculate A = (3 + -4 * 2 - 1) = ((3 + (-4 * 2)) - 1) = ((3 + -8) - 1) = "
      + "(-5 - 1) = -6.",
    "(3) Let's calculate B = (8 - 5 + -6 * 2) = ((8 - 5) + (-6 * 2)) = (3 + (-6 * 2)) = "
      + "(3 + -12) = -9.",
    "(4) Then, the final equation is (A * B) = (-6 * -9) = 54.",
    "(Final response) So the answer is 54.",
  ]

  static let attempt = Attempt(lines: steps)

  /// The attempt with other lines in places; an empty one takes the line out.
  static func attempt(_ changes: [Int: String]) -> Attempt {
    Attempt(
      lines: steps.indices.map { changes[$0] ?? steps[$0] }.filter { !$0.isEmpty })
  }

  /// Wrong at step 2, and consistently so after it.
  static let wrong = attempt([
    1: "(2) Let's calculate A = (3 + -4 * 2 - 1) = ((3 + (-4 * 2)) - 1) = ((3 + -8) - 1) = "
      + "(-5 - 1) = -4.",
    3: "(4) Then, the final equation is (A * B) = (-4 * -9) = 36.",
    4: "(Final response) So the answer is 36.",
  ])

  static let feedbackOnWrong =
    #"Step (1) is correct. In step (2) the part " (-5 - 1) = -4 " is incorrect. This is because "#
    + "there is an calculation error, since (-5 - 1) is not equal to -4."

  static let closing = "Step (1) to step (4) are correct. The final response is also correct."

  static func text(_ lines: [String]) -> String { lines.joined(separator: "\n") }

  /// A text as a student would leave it: question, lead, then the lines.
  static func prediction(_ lines: [String]) -> String { text([question.prompt] + lines) }
}
