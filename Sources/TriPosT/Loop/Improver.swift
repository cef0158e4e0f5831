/// Rewrites an attempt from its mistake on (IMP): a script, or a large model.
public protocol Improver: Sendable {
  /// For reports: "script", or who is asked.
  var name: String { get }

  /// Writes what follows the lines before the mistake.
  ///
  /// - Parameters:
  ///   - prefix: The lines before the mistake, which are kept as they are.
  ///   - attempt: The whole attempt with the mistake.
  ///   - mistake: What the critic says about it.
  ///   - question: What is asked.
  /// - Returns: Lines joined by newlines, or nil when there is no way to repair the attempt.
  /// - Throws: Only what ends the run.
  func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) throws -> String?

  /// This improver for one edit, whose name tells its random numbers from those of others.
  func asked(for sample: String) -> any Improver
}

extension Improver {
  /// An improver without random numbers is the same for every edit.
  public func asked(for sample: String) -> any Improver { self }
}

/// The improver that a task brings along: an extension of the published method (5.2).
public struct ScriptedImprover<Task: ScriptedTask>: Improver {
  public let name = "script"
  public let task: Task

  public init(_ task: Task) {
    self.task = task
  }

  public func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) throws -> String? {
    task.continuation(of: prefix, repairing: attempt, mistake: mistake, to: question)?
      .joined(separator: "\n")
  }
}
