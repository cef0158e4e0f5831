// What a model says about an attempt, and how it becomes feedback (docs/tripost.md, 4.6).

/// Reads the replies of models that are asked for the earliest mistake.
enum FeedbackReply {
  /// Characters of a feedback line; no attempt needs more.
  private static let longest = 2_000

  /// The feedback that a reply gives: a label, an `Error segment:` and an `Error reason:`.
  static func feedback(
    in reply: String, on attempt: Attempt
  ) -> Result<Feedback, CriticFailure> {
    func failure(_ reason: String) -> Result<Feedback, CriticFailure> { .failure(.init(reason)) }
    let lines = lines(of: reply)
    guard lines.count >= 3 else { return failure("the reply has fewer than three lines") }
    guard let step = step(in: lines[0]) else {
      return failure("the reply's first line names no step")
    }
    guard let place = attempt.index(of: step),
      (step == .finalResponse) == (place == attempt.lines.count - 1)
    else { return failure("the reply names step (\(step)), which the attempt does not have") }
    guard let part = value(of: "error segment:", in: lines[1]) else {
      return failure("the reply's second line is no error segment")
    }
    guard let reason = value(of: "error reason:", in: lines[2]) else {
      return failure("the reply's third line is no error reason")
    }
    let line =
      opening(before: place, in: attempt) + "In step (\(step)) the part "
      + quoted(part) + " is incorrect. This is because " + sentence(reason)
    guard line.utf8.count <= longest, !line.unicodeScalars.contains(where: { $0.value < 0x20 })
    else {
      return failure("the reply is too long, or has control characters")
    }
    let feedback = Feedback(parsing: line)
    return feedback.mistake == nil
      ? failure("the reply cannot be read as feedback") : .success(feedback)
  }

  /// The lines with something in them, from the one that answers the prompt's last one; without code fences.
  private static func lines(of reply: String) -> [String] {
    let lines = reply.lines.map(\.trimmed).filter { !$0.isEmpty && !$0.startsWith("```") }
    let start = lines.firstIndex { $0.hasAnyCase("earliest error step:") } ?? 0
    return Array(lines[start...])
  }

  /// The first label in brackets, or else the final response.
  private static func step(in line: String) -> StepLabel? {
    StepLabel.first(in: line, between: "(", and: ")")
      ?? (line.hasAnyCase("final response") ? .finalResponse : nil)
  }

  /// What follows a marker, without blanks and the asterisks of emphasis around it.
  private static func value(of marker: String, in line: String) -> String? {
    guard var value = line.textAfter(anyCase: marker)?.trimmed else { return nil }
    while value.utf8.first == UInt8(ascii: "*") { value = value.dropFirst().trimmed }
    return value.isEmpty ? nil : String(value)
  }

  private static func opening(before place: Int, in attempt: Attempt) -> String {
    guard place > 0, let previous = StepLabel.leading(attempt.lines[place - 1])?.label else {
      return ""
    }
    return previous == .number(1)
      ? "Step (1) is correct. " : "Step (1) to step (\(previous)) are correct. "
  }

  private static func quoted(_ text: String) -> String {
    (text.startsWith("\"") ? "" : "\"") + text
      + (text.utf8.count > 1 && text.endsWith("\"") ? "" : "\"")
  }

  /// With a small letter at its beginning and a full stop at its end.
  private static func sentence(_ text: String) -> String {
    let first =
      text.utf8.first.map { isCapital($0) } == true
      ? String(text.prefix(1)).lowerCased : String(text.prefix(1))
    return first + text.dropFirst() + (text.endsWith(".") ? "" : ".")
  }
}
