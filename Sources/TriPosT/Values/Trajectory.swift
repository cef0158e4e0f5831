/// A question and what followed: attempt, feedback, update, feedback, and so on.
public struct Trajectory: Equatable, Sendable {
  public let question: Question
  public var turns: [Turn]

  public init(question: Question, turns: [Turn]) {
    self.question = question
    self.turns = turns
  }

  /// An attempt and what is said about it; every attempt after the first is an update.
  public struct Turn: Equatable, Sendable {
    public var attempt: Attempt
    public var attemptSource: Source

    /// Nil when nothing was said about the last attempt.
    public var feedback: Feedback?
    public var feedbackSource: Source

    public init(
      attempt: Attempt, by attemptSource: Source, feedback: Feedback? = nil,
      from feedbackSource: Source = .student
    ) {
      self.attempt = attempt
      self.attemptSource = attemptSource
      self.feedback = feedback
      self.feedbackSource = feedbackSource
    }
  }

  /// Who wrote a piece of a trajectory.
  public enum Source: String, Sendable, CaseIterable {
    case student, critic, improver
    /// The closing line that a silent student is given.
    case editor
  }

  /// How often the attempt was updated.
  public var updateCount: Int { max(0, turns.count - 1) }
}
