public import Boundary

/// What one optimizer step did.
public struct StepReport: Equatable, Sendable {
  /// Counted from 1.
  public let step: Int
  public let steps: Int
  /// Epochs finished after this step; a fraction inside one.
  public let epoch: Double
  /// Nats, before the step.
  public let loss: Double
  /// Of all gradients together, before clipping.
  public let gradientNorm: Double
  public let learningRate: Double
  /// Tokens that went through the model.
  public let tokens: Int
  /// Tokens whose prediction was trained on.
  public let targets: Int

  /// A line of `metrics.jsonl`: the same on every run.
  public var metrics: JSONObject {
    [
      "step": .integer(Int64(step)), "epoch": .number(epoch), "loss": .number(loss),
      "learning_rate": .number(learningRate), "grad_norm": .number(gradientNorm),
      "tokens": .integer(Int64(tokens)), "targets": .integer(Int64(targets)),
    ]
  }
}
