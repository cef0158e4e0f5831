public import Boundary

/// What happened in a run, as it happens; the command line shows these.
public enum RunEvent: Sendable {
  /// A line worth a person's attention: leftovers removed, a stage found complete, an early end.
  case note(String)
  case stageBegan(StageName)
  case progress(StageName, Progress)
  /// A stage is on record, with its numbers in the order in which they should be read.
  case stageEnded(StageName, numbers: JSONObject, seconds: Double)

  /// A stage of an iteration, as people call it.
  public struct StageName: Hashable, Sendable, CustomStringConvertible {
    public let iteration: Int
    /// "sampling attempts", "training", "evaluating".
    public let work: String

    public var description: String {
      (iteration == 0 ? "ft rationale" : "t = \(iteration)") + " · " + work
    }
  }

  /// How far a stage is.
  public struct Progress: Sendable {
    /// Of `total`; questions or optimizer steps.
    public let done: Int
    public let total: Int
    public let unit: String
    /// Generated or trained in this process.
    public let tokens: Int
    /// Of this process.
    public let seconds: Double
    /// The newest loss in nats a token, when training.
    public let loss: Double?

    public var tokensPerSecond: Double { seconds > 0 ? Double(tokens) / seconds : 0 }
  }
}
