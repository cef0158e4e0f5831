public import Boundary

/// A kind of question: how it is answered, and when an answer is right.
///
/// Data and pure functions; a task sees no model, no file and no clock.
public protocol ReasoningTask: Sendable {
  /// For files and commands: "multistep_arithmetic".
  var name: String { get }

  /// What the lead says after "Let's think step by step."; empty where there is nothing to say.
  var hint: String { get }

  /// The groups that scores are reported for, in order of reporting.
  var cells: [Cell] { get }

  /// A student's text with the slips mended that the task's parsers could not stand (3.3, step 1).
  func prepared(_ text: String) -> String

  /// The answer that a final line gives, or nil when it gives none (8.5).
  func answer(inFinalLine line: String) -> String?

  /// Whether an answer is the gold one.
  func isCorrect(_ answer: String, to question: Question) -> Bool

  /// Whether the steps lead to the answer: the guard against a right answer wrongly read out (4.5).
  func hasValidContent(_ attempt: Attempt, to question: Question) -> Bool

  /// The solution that the task itself writes, without feedback; nil when it finds none.
  func rationale(for question: Question) -> Attempt?
}

extension ReasoningTask {
  public func prepared(_ text: String) -> String { text }

  /// The answer of an attempt, or nil when its last line gives none.
  public func answer(of attempt: Attempt) -> String? {
    answer(inFinalLine: attempt.finalResponse)
  }

  /// The answer that a whole text gives: in its last line, or before it if that is feedback (8.5).
  public func answer(inText text: String) -> String? {
    let lines = text.lines
    let end = lines.last?.has("Feedback") == true ? lines.count - 1 : lines.count
    return lines[..<end].last.flatMap(answer(inFinalLine:))
  }

  /// Whether the last line of an attempt gives the gold answer.
  public func isCorrect(_ attempt: Attempt, to question: Question) -> Bool {
    answer(of: attempt).map { isCorrect($0, to: question) } ?? false
  }

  /// The solution to learn from: the one that came with the question, or else the task's own.
  public func solution(to question: Question) -> Attempt? {
    question.solution ?? rationale(for: question)
  }

  /// The trajectory that a solution makes with its closing feedback, or nil without a solution.
  public func groundTruth(for question: Question) -> Trajectory? {
    solution(to: question).map {
      Trajectory(
        question: question,
        turns: [
          .init(attempt: $0, by: .editor, feedback: .allCorrect(in: $0), from: .editor)
        ])
    }
  }
}

/// A task that judges and mends attempts by itself, without another model (4.2, 5.2).
public protocol ScriptedTask: ReasoningTask {
  /// The earliest mistake of an attempt whose answer is wrong.
  ///
  /// - Throws: `CriticFailure` when the attempt cannot be read or shows no mistake.
  func feedback(
    on attempt: Attempt, to question: Question, options: Compatibility
  ) throws(CriticFailure) -> Feedback

  /// The lines that repair an attempt from its mistake on, given the lines before it; nil when the
  /// script cannot tell.
  func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) -> [String]?

  /// A line of a right solution with a mistake in it of the kind that students make; unchanged where
  /// there is no place for one, which a final response always has.
  func slip(in line: String, random: inout RandomStream) -> String
}
