import Boundary
public import QuantKernels

/// Everything that decides what training does to an adapter, given the model and the rows.
public struct TrainingOptions: Equatable, Sendable {
  /// What AdamW keeps its moments in.
  public enum Optimizer: String, CaseIterable, Sendable {
    /// F32: 8 bytes a parameter.
    case adamw
    /// Blocks of 8-bit codes: 2.03 bytes a parameter.
    case adamw8bit = "adamw-8bit"
  }

  public var epochs = 4
  /// Rows of a micro-batch.
  public var batch = 4
  /// Micro-batches of an optimizer step.
  public var accumulation = 1
  /// Ends training early where that is fewer steps than the epochs have.
  public var maximumSteps: Int?
  public var learningRate = 2e-4
  /// The learning rate of B, and of DoRA's magnitudes, over that of A (LoRA+).
  ///
  /// Source: Hayou et al. 2024, "LoRA+: Efficient Low Rank Adaptation of Large Models".
  public var rateRatio = 1.0
  public var schedule = LearningRateSchedule.Shape.linear
  /// The share of all steps that warm up, rounded up.
  public var warmupRatio = 0.03
  public var normalization = LossNormalization.tokens
  /// The largest global gradient norm; larger gradients are scaled down to it.
  public var maximumGradientNorm: Double? = 1
  public var optimizer = Optimizer.adamw
  public var betas = (0.9, 0.999)
  public var epsilon = 1e-8
  public var weightDecay = 0.0
  /// The share of each update's input that is zeroed.
  public var dropout: Float = 0
  /// The topmost layers whose activations are kept for the backward pass; the others are computed
  /// again: same bits, less memory, more time.
  public var keptLayers = Int.max
  /// What gradients are multiplied in on their way back; nil is f32 for f32 weights, bf16 for others.
  public var backward: BackwardPrecision?
  public var seed: UInt64 = 42

  public init() {}

  public static func == (a: Self, b: Self) -> Bool { a.identity == b.identity }

  /// What has to be equal for a checkpoint to go on with the same bits; the number of layers
  /// kept need not.
  var identity: JSONObject {
    var all: JSONObject = [
      "epochs": .integer(Int64(epochs)), "batch": .integer(Int64(batch)),
      "accumulation": .integer(Int64(accumulation)),
      "maximum_steps": maximumSteps.map { .integer(Int64($0)) } ?? .null,
      "learning_rate": .number(learningRate), "rate_ratio": .number(rateRatio),
      "schedule": .string(schedule.rawValue),
      "warmup_ratio": .number(warmupRatio), "normalization": .string(normalization.rawValue),
      "maximum_gradient_norm": maximumGradientNorm.map { .number($0) } ?? .null,
      "beta_1": .number(betas.0), "beta_2": .number(betas.1), "epsilon": .number(epsilon),
      "weight_decay": .number(weightDecay), "dropout": .number(Double(dropout)),
      "backward": backward.map { .string($0.rawValue) } ?? .null, "seed": .string("\(seed)"),
    ]
    if optimizer != .adamw { all["optimizer"] = .string(optimizer.rawValue) }
    return all
  }
}
