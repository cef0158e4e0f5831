// The lines around an attempt: what a student is asked with, and what introduces an update (2.1).

extension Question {
  /// "Answer: Let's think step by step.", with the hint where there is one.
  public var lead: String { "Answer: " + thought }

  /// "Updated Answer: Let's think step by step.", with the hint where there is one.
  public var updateLead: String { "Updated Answer: " + thought }

  /// The lead as the published program repeats it, without the hint (13.10).
  var leadWithoutHint: String { "Answer: " + Question.start }

  /// The question block and the lead; no newline at the end.
  public var prompt: String { block + "\n" + lead }

  private var thought: String {
    hint.isEmpty ? Question.start : Question.start + " " + hint
  }

  private static let start = "Let's think step by step."
}
