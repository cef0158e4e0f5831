/// What became of one prediction, and every decision on the way.
public struct Edit: Equatable, Sendable {
  public let question: Question
  public let outcome: Outcome
  public let decisions: [Decision]

  public init(question: Question, outcome: Outcome, decisions: [Decision]) {
    self.question = question
    self.outcome = outcome
    self.decisions = decisions
  }

  /// How a prediction leaves the editor (3.8).
  public enum Outcome: Equatable, Sendable {
    /// Right without a critic's help.
    case correct(Trajectory)
    /// Repaired, with progress in each round.
    case improved(Trajectory)
    /// Repaired, but a feedback went back or came again: the wrong attempt and its feedback remain.
    case feedbackOnly(Trajectory)
    case discarded(Discard)
  }

  /// Why a prediction is not used.
  public enum Discard: String, CaseIterable, Sendable {
    /// A line of no known kind, or no attempt at all.
    case formatError = "format-error"
    /// It ends in neither feedback nor a final response.
    case noFinalResponse = "no-final-response"
    case tooLong = "too-long"
    /// The critic gave no verdict on an attempt.
    case criticFailed = "critic-failed"
    /// A right attempt that the student went on to spoil.
    case spoiltCorrectAttempt = "spoilt-correct-attempt"
    /// Wrong to the end, though the student's own feedback named every mistake.
    case ownFeedbackAgrees = "own-feedback-agrees"
    case improverFailed = "improver-failed"
    case illegalUpdate = "illegal-update"
    /// Still wrong after the last update allowed.
    case updatesUsedUp = "updates-used-up"
  }

  public enum Decision: Equatable, Sendable {
    /// A line with the same label as the one before it was left out.
    case droppedRepeatedLine(String)
    /// Everything from a second question on was left out.
    case cutAtNextQuestion
    case answerRead(String?, isCorrect: Bool)
    /// A student that wrote no feedback counts as claiming that all is right.
    case addedClosing
    /// The student's own feedback on an attempt names the mistake that the critic names.
    case keptOwnFeedback(turn: Int, critic: Mistake)
    /// The critic's feedback takes the place of the student's own, and all that followed is dropped.
    case replacedFeedback(turn: Int, own: Feedback, critic: Mistake)
    /// No verdict on the attempt of a turn.
    case criticFailed(turn: Int, reason: String)
    case improverFailed(turn: Int)
    case refusedUpdate(turn: Int, text: String, fault: UpdateFault)
    case updated(turn: Int, feedback: Feedback, isProgress: Bool)
  }

  /// What is kept, or nil when the prediction was discarded.
  public var trajectory: Trajectory? {
    switch outcome {
    case .correct(let kept), .improved(let kept), .feedbackOnly(let kept): kept
    case .discarded: nil
    }
  }
}
