// A row of the official TriPosT files: of the raw ones, or of those cut from them for training and
// validation (docs/tripost.md, 9.5).

import Boundary

struct OfficialRow {
  private let row: JSONValue

  init(_ row: JSONValue) {
    self.row = row
  }

  /// Raw files say which split a row is of: theirs has no third one, so `validation` is the test.
  func isUsed(for use: QuestionUse) -> Bool {
    guard let split = row["meta_data"]?["new_split"]?.string else { return true }
    return split == "train" ? use != .test : use == .test
  }

  func question<Task: GeneratedTask>(_ task: Task) -> Result<Question, QuestionFault> {
    row["text"] == nil ? raw(task) : cut(task)
  }

  private func raw<Task: GeneratedTask>(_ task: Task) -> Result<Question, QuestionFault> {
    guard var text = row["question"]?.string.map(Self.normalized) else {
      return .failure(.init("\"question\" is missing"))
    }
    guard let gold = Self.answer(row["correct_choice"] ?? row["correct_answer"]) else {
      return .failure(.init("\"correct_answer\" or \"correct_choice\" is missing"))
    }
    if text.startsWith("Q:") { text = String(text.dropFirst(2)).trimmed }
    var block = "Q: " + text
    if let choices = row["formatted_choices"]?.string.map(Self.normalized), !block.has("\nOptions:")
    {
      block += "\n" + (choices.startsWith("Options:") ? choices : "Options:\n" + choices)
    }
    return task.checked(
      block: block, gold: gold,
      solution: row["rationale"]?.string.flatMap { Self.solution(Self.normalized($0).lines) })
  }

  /// Everything before the lead is the question; what follows its line is the solution.
  private func cut<Task: GeneratedTask>(_ task: Task) -> Result<Question, QuestionFault> {
    guard let lines = row["text"]?.string.map({ Self.normalized($0).lines }),
      let lead = lines.firstIndex(where: { $0.startsWith("Answer:") }), lead > 0
    else { return .failure(.init("\"text\" has no line that begins with Answer:")) }
    let solution = Self.solution(Array(lines[(lead + 1)...]))
    let written = String(lines[lead].dropFirst("Answer:".count)).trimmed
    guard
      let gold = Self.answer(row["meta_data"]?["answer"])
        ?? solution.flatMap({ task.answer(of: $0) }) ?? (solution == nil ? written : nil)
    else { return .failure(.init("there is no answer that can be read")) }
    return task.checked(
      block: lines[..<lead].joined(separator: "\n"), gold: gold, solution: solution)
  }

  /// The attempt in the lines of a rationale; nil when they do not end in a final response.
  private static func solution(_ lines: [String]) -> Attempt? {
    let start = lines.firstIndex { !$0.startsWith("Answer:") } ?? lines.endIndex
    let attempt = Attempt(lines: Array(lines[start...]))
    return attempt.finalResponse.startsWith("(Final response)") ? attempt : nil
  }

  /// An answer as a text: a number and a list of words as they stand in a final response.
  private static func answer(_ value: JSONValue?) -> String? {
    switch value {
    case .string(let text): text
    case .integer(let number): "\(number)"
    case .number(let number): Int64(exactly: number).map { "\($0)" }
    case .array(let words): words.compactMap(\.string).joined(separator: " ")
    default: nil
    }
  }

  /// Straight quotes, single blanks, nothing at the ends of lines and of the text.
  private static func normalized(_ text: String) -> String {
    var result = text
    for (curly, straight) in [
      ("\u{201C}", "\""), ("\u{201D}", "\""), ("\u{2018}", "'"), ("\u{2019}", "'"), ("\r\n", "\n"),
    ] { result = result.replacing(curly, by: straight) }
    while result.has("  ") { result = result.replacing("  ", by: " ") }
    return result.lines.map(\.trimmed).joined(separator: "\n").trimmed
  }
}
