import Boundary

/// Solved examples that prompts begin with, made from training questions (docs/tripost.md, 10.3 to 10.5).
struct PromptShots {
  /// Questions with their solutions.
  let solving: String
  /// Attempts with verdicts; the last attempt is right, the others are wrong.
  let judging: String
  /// Wrong attempts with feedback and update.
  let updating: String

  /// Draws questions for all three.
  ///
  /// - Parameters:
  ///   - count: Examples of each kind; fewer where the course has no more.
  ///   - course: Its demonstrator makes the mistakes, its critic finds them.
  ///   - showingMistakes: Whether examples of judging and updating are wanted, too.
  ///   - random: Draws questions and mistakes.
  /// - Throws: What demonstrator and critic throw to end the run.
  init(_ count: Int, of course: Course, showingMistakes: Bool = true, random: RandomStream) throws {
    var random = random
    let wrong = showingMistakes ? count : 0
    var solving = ""
    var judging = ""
    var updating = ""
    var solved = 0
    var mended = 0
    for question in random.sample(course.training.count, of: course.training) {
      guard solved < count || mended < wrong else { break }
      guard let solution = course.task(of: question).solution(to: question) else { continue }
      let asked = question.prompt + "\n"
      if solved < count {
        solved += 1
        solving += "\(asked)\(solution)\n\n"
        if solved == count { judging += asked + Self.verdict(on: solution) }
      } else if let (attempt, mistake) = try Self.mistake(in: question, course, &random) {
        mended += 1
        judging = asked + Self.verdict(on: attempt, mistake) + judging
        updating +=
          asked + Self.updateRequest(attempt, .mistake(mistake), question)
          + "\(solution) \(Self.end)\n\n"
      }
    }
    self.solving = solving
    self.judging = judging
    self.updating = updating
  }

  /// A demonstrator's attempt with the mistake that the critic finds; nil when some tries give none.
  private static func mistake(
    in question: Question, _ course: Course, _ random: inout RandomStream
  ) throws -> (Attempt, Mistake)? {
    let task = course.task(of: question)
    let critic = GatedCritic(task: task, critic: course.critic)
    for _ in 0..<10 {
      guard let attempt = try course.demonstrator.attempt(at: question, random: &random),
        !task.isCorrect(attempt, to: question)
      else { continue }
      do {
        if let mistake = try critic.feedback(on: attempt, to: question).mistake {
          return (attempt, mistake)
        }
      } catch is CriticFailure {}
    }
    return nil
  }

  static func updateRequest(
    _ attempt: Attempt, _ feedback: Feedback, _ question: Question
  ) -> String {
    "\(attempt) \(end)\nFeedback: \(feedback)\n\(question.updateLead)\n"
  }

  static func verdictRequest(_ attempt: Attempt) -> String {
    "\(attempt)\n\(stepMarker)"
  }

  private static func verdict(on attempt: Attempt, _ mistake: Mistake) -> String {
    let reason = mistake.line.firstRange(of: because).map {
      String(mistake.line[$0.upperBound...])
    }
    return verdictRequest(attempt)
      + " (\(mistake.step))\n\(segmentMarker) \"\(mistake.part)\"\n"
      + "\(reasonMarker) \(reason ?? mistake.line) \(end)\n\n"
  }

  private static func verdict(on solution: Attempt) -> String {
    verdictRequest(solution) + " None\n\(segmentMarker) None\n"
      + "\(reasonMarker) The final response is correct. \(end)\n\n"
  }

  /// What a verdict says, in the words of a feedback line; nil when it cannot be read (4.4).
  static func feedback(inVerdict text: String, on attempt: Attempt) -> Feedback? {
    let verdict = untilEnd(text).trimmed
    if verdict.lowerCased.startsWith("none") { return .allCorrect(in: attempt) }
    return try? FeedbackReply.feedback(in: String(verdict), on: attempt).get()
  }

  /// The text before the end mark, or all of it.
  static func untilEnd(_ text: String) -> String { Prompt.beforeEnd(of: text) ?? text }

  private static let end = Prompt.end
  private static let stepMarker = "Earliest error step:"
  private static let segmentMarker = "Error segment:"
  private static let reasonMarker = "Error reason:"
  private static let because = "This is because "
}
