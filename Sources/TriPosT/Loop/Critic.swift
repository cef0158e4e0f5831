/// Finds the earliest mistake of an attempt (FBK): a script, or a large model.
///
/// It does not decide whether the answer is right and does not see the gold answer; that is
/// `GatedCritic`'s part.
public protocol Critic: Sendable {
  /// For reports: "script", or who is asked.
  var name: String { get }

  /// - Throws: `CriticFailure` when there is no verdict; any other error ends the run.
  func feedback(on attempt: Attempt, to question: Question) throws -> Feedback

  /// This critic for one edit, whose name tells its random numbers from those of others.
  func asked(for sample: String) -> any Critic
}

extension Critic {
  /// A critic without random numbers is the same for every edit.
  public func asked(for sample: String) -> any Critic { self }
}

/// A critic that has nothing to say about an attempt; the attempt is discarded.
public struct CriticFailure: Error, Equatable, Sendable {
  public let reason: String

  public init(_ reason: String) {
    self.reason = reason
  }
}

/// The critic that a task brings along.
public struct ScriptedCritic<Task: ScriptedTask>: Critic {
  public let name = "script"
  public let task: Task
  public let options: Compatibility

  public init(_ task: Task, options: Compatibility = .clean) {
    self.task = task
    self.options = options
  }

  public func feedback(on attempt: Attempt, to question: Question) throws -> Feedback {
    try task.feedback(on: attempt, to: question, options: options)
  }
}

/// A critic behind the gold answer: right attempts are closed, wrong ones diagnosed (4.1).
public struct GatedCritic: Sendable {
  public let task: any ReasoningTask
  public let critic: any Critic

  public init(task: any ReasoningTask, critic: any Critic) {
    self.task = task
    self.critic = critic
  }

  /// The closing feedback, or a mistake; never anything else.
  ///
  /// - Throws: `CriticFailure` when the answer cannot be read, or the critic finds no mistake.
  public func feedback(on attempt: Attempt, to question: Question) throws -> Feedback {
    guard let answer = task.answer(of: attempt) else {
      throw CriticFailure("the final response has no answer that can be read")
    }
    if task.isCorrect(answer, to: question), task.hasValidContent(attempt, to: question) {
      return .allCorrect(in: attempt)
    }
    let feedback = try critic.feedback(on: attempt, to: question)
    guard feedback.mistake != nil else {
      throw CriticFailure("the critic finds no mistake: \(feedback)")
    }
    return feedback
  }
}
