/// What is said about one attempt, by the student itself or by a critic.
///
/// Each case keeps its line, without the header "Feedback: ", because a student may word it its own
/// way and texts have to stay as they were.
public enum Feedback: Equatable, Sendable {
  /// The closing feedback: every step is right, and so is the final response.
  case correct(line: String)

  /// The earliest mistake; what follows it is not judged.
  case mistake(Mistake)

  /// A student's line that neither closes nor names a step and a part of it.
  case unreadable(line: String)

  public var isCorrect: Bool {
    if case .correct = self { true } else { false }
  }

  public var mistake: Mistake? {
    if case .mistake(let mistake) = self { mistake } else { nil }
  }

  /// Whether the talk goes forward from `old` to this: it closes, or names something else that is
  /// not in an earlier step (2.4).
  public func isProgress(after old: Mistake) -> Bool {
    switch self {
    case .correct: true
    case .mistake(let new): new.step >= old.step && (new.step, new.part) != (old.step, old.part)
    case .unreadable: false
    }
  }
}

/// The earliest mistake of an attempt.
public struct Mistake: Equatable, Sendable {
  public let step: StepLabel

  /// The words that are wrong, exactly as they stand between the quotes.
  public let quotedPart: String

  /// The words that are wrong, without blanks at the ends.
  public let part: String

  /// The whole feedback, with its reason.
  public let line: String

  init(step: StepLabel, quotedPart: String, line: String) {
    self.step = step
    self.quotedPart = quotedPart
    self.part = quotedPart.trimmed
    self.line = line
  }
}
