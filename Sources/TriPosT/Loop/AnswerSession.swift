/// A student answering one question, a generation at a time.
///
/// It generates nothing itself: ask for `nextPrompt`, generate, hand the text back with `receive`,
/// until there is no further prompt. So that many questions can go forward in one batch.
protocol AnswerSession {
  var question: Question { get }

  /// Those that were received.
  var generations: Int { get }

  /// Why there is no further prompt; nil while there is.
  var end: SelfImprovement.End? { get }

  /// What to generate from next, or nil when the answer stands.
  func nextPrompt() -> (text: String, maxNewTokens: Int)?

  /// Takes what was generated from `nextPrompt`, without the prompt.
  mutating func receive(_ generated: String, endedByEOS: Bool)

  /// Everything the student wrote.
  var trajectory: Trajectory { get }

  /// The text for the editor.
  var prediction: String { get }

  /// The answer that stands in the end, or nil when it cannot be read.
  var answer: String? { get }

  /// Of every attempt, in order, whether it is right.
  func verdicts(by task: any ReasoningTask) -> [Bool]
}

extension AnswerSession {
  var prediction: String { trajectory.description }

  func verdicts(by task: any ReasoningTask) -> [Bool] {
    trajectory.turns.map { task.isCorrect($0.attempt, to: question) }
  }
}

extension SelfImprovement: AnswerSession {}

/// One generation with something else in front of the question: other questions, solved (docs/tripost.md, 10.3), or
/// the answer (10.11).
struct PrefacedAnswer: AnswerSession {
  /// Ends before the question.
  let preamble: String
  private var inner: SelfImprovement

  init(question: Question, task: any ReasoningTask, preamble: String, maxNewTokens: Int) {
    self.preamble = preamble
    inner = SelfImprovement(
      question: question, task: task, options: .attemptOnly(maxNewTokens: maxNewTokens))
  }

  var question: Question { inner.question }
  var generations: Int { inner.generations }
  var end: SelfImprovement.End? { inner.end }
  var trajectory: Trajectory { inner.trajectory }
  var answer: String? { inner.answer }

  func nextPrompt() -> (text: String, maxNewTokens: Int)? {
    inner.nextPrompt().map { (preamble + $0.text, $0.maxNewTokens) }
  }

  mutating func receive(_ generated: String, endedByEOS: Bool) {
    inner.receive(generated, endedByEOS: endedByEOS)
  }
}

/// One generation of the answer alone, without steps (docs/tripost.md, 10.2).
struct BareAnswer: AnswerSession {
  let question: Question
  let maxNewTokens: Int
  private(set) var generations = 0
  private(set) var end: SelfImprovement.End?
  private var line = ""

  init(question: Question, maxNewTokens: Int) {
    self.question = question
    self.maxNewTokens = maxNewTokens
  }

  var answer: String? { line.isEmpty ? nil : line }

  var trajectory: Trajectory {
    Trajectory(question: question, turns: [.init(attempt: Attempt(lines: [line]), by: .student)])
  }

  func nextPrompt() -> (text: String, maxNewTokens: Int)? {
    end == nil ? ("\(question.block)\nAnswer:", maxNewTokens) : nil
  }

  mutating func receive(_ generated: String, endedByEOS: Bool) {
    generations += 1
    line = generated.trimmed.lines[0].trimmed
    end = .generationsUsedUp
  }

  func verdicts(by task: any ReasoningTask) -> [Bool] {
    [task.isCorrect(line, to: question)]
  }
}
