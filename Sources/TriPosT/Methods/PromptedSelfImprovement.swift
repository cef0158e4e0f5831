/// A student that is shown in its prompts how to judge and how to update, and does both with its own attempts
/// (docs/tripost.md, 10.5).
///
/// An attempt without solved questions before it, as after ft rationale; then feedback and update in turn.
struct PromptedSelfImprovement: AnswerSession {
  struct Options {
    /// Solved examples of judging and of updating, each ending before the question.
    var shots: PromptShots
    /// Updates at most.
    var maxUpdates: Int
    /// New tokens of one generation.
    var maxNewTokens: Int
    /// Whether the gold answer says when to stop, and not the student's own feedback.
    var stopsWhenCorrect: Bool
  }

  let question: Question
  private(set) var generations = 0
  private(set) var end: SelfImprovement.End?
  private let task: any ReasoningTask
  private let options: Options
  private var turns: [Trajectory.Turn] = []
  /// What the next generation is.
  private var step = Step.attempt

  private enum Step { case attempt, feedback, update }

  init(question: Question, task: any ReasoningTask, options: Options) {
    self.question = question
    self.task = task
    self.options = options
  }

  var trajectory: Trajectory { Trajectory(question: question, turns: turns) }

  var answer: String? { turns.last.flatMap { task.answer(of: $0.attempt) } }

  func nextPrompt() -> (text: String, maxNewTokens: Int)? {
    guard end == nil else { return nil }
    let asked = question.prompt + "\n"
    guard let turn = turns.last, step != .attempt else { return (asked, options.maxNewTokens) }
    switch (step, turn.feedback) {
    case (.update, let feedback?):
      return (
        options.shots.updating + asked
          + PromptShots.updateRequest(turn.attempt, feedback, question),
        options.maxNewTokens
      )
    default:
      return (
        options.shots.judging + asked + PromptShots.verdictRequest(turn.attempt),
        min(options.maxNewTokens, Self.verdictTokens)
      )
    }
  }

  mutating func receive(_ generated: String, endedByEOS: Bool) {
    guard end == nil else { return }
    generations += 1
    switch step {
    case .attempt, .update: take(attempt: generated)
    case .feedback: take(verdict: generated)
    }
  }

  /// Takes an attempt or update; what is no legal one ends the work, a first attempt stands all the same.
  private mutating func take(attempt text: String) {
    let lines = PromptShots.untilEnd(text).trimmed.lines
    let last = lines.firstIndex { LineHeader($0) == .finalResponse }
    let attempt = Attempt(lines: last.map { Array(lines[...$0]) } ?? lines)
    let isFirst = turns.isEmpty
    let isLegal =
      Attempt(cleaning: attempt.lines) == attempt
      && task.answer(of: attempt) != nil && turns.last?.attempt != attempt
    if isLegal || isFirst { turns.append(.init(attempt: attempt, by: .student)) }
    if !isLegal {
      end = .noProgress
    } else if options.stopsWhenCorrect, task.isCorrect(attempt, to: question) {
      end = .closed
    } else if turns.count > options.maxUpdates {
      end = .generationsUsedUp
    } else {
      step = .feedback
    }
  }

  private mutating func take(verdict text: String) {
    let place = turns.count - 1
    guard let feedback = PromptShots.feedback(inVerdict: text, on: turns[place].attempt) else {
      end = .noProgress
      return
    }
    turns[place].feedback = feedback
    if feedback.isCorrect {
      end = .closed
    } else {
      step = .update
    }
  }

  /// New tokens of a verdict: three lines.
  private static let verdictTokens = 256
}
