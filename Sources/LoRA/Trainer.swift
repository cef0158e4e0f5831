public import Boundary
public import Llama
public import QuantKernels

extension InputError.Rule {
  static let lossFinite = Self("NUM-01", exit: .diverged)
  static let gradientFinite = Self("NUM-02", exit: .diverged)
}

/// Everything that decides what training does to an adapter, given the model and the rows.
public struct TrainingOptions: Equatable, Sendable {
  public var epochs = 4
  /// Rows of a micro-batch, which go through the model together.
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
    [
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
  }
}

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

/// Trains an adapter, one optimizer step at a time.
///
/// Everything but A, B, the optimizer's moments and the step's number is a function of options,
/// rows and step, so these four are all that a checkpoint holds.
public final class Trainer {
  public let options: TrainingOptions
  public let adapter: Adapter
  public let rows: [TrainingRow]
  /// Optimizer steps in all.
  public let steps: Int
  /// Optimizer steps done.
  public internal(set) var step = 0

  let moments: (first: AdapterGradients, second: AdapterGradients)
  /// Of the last step, before clipping.
  package let gradients: AdapterGradients
  private let pass: TrainingPass
  private let schedule: LearningRateSchedule

  private var rowsPerStep: Int { options.batch * options.accumulation }
  private var stepsPerEpoch: Int { max(1, rows.count / rowsPerStep) }

  /// - Parameters:
  ///   - model: The frozen base.
  ///   - adapter: Changed in place.
  ///   - rows: Each with a target, none longer than the model's context. Rows that do not fill a
  ///     step are left over, others in each epoch.
  ///   - options: How to train.
  public init(
    _ model: LlamaModel, _ adapter: Adapter, rows: [TrainingRow], options: TrainingOptions
  ) {
    precondition(options.batch > 0 && options.accumulation > 0 && options.epochs > 0)
    precondition(!rows.isEmpty && rows.allSatisfy { $0.targetCount > 0 }, "a row has no target")
    precondition(rows.allSatisfy { $0.tokens.count <= model.contextLength }, "a row is too long")
    (self.options, self.adapter, self.rows) = (options, adapter, rows)
    let perEpoch = max(1, rows.count / (options.batch * options.accumulation))
    steps = min(options.epochs * perEpoch, options.maximumSteps ?? .max)
    schedule = LearningRateSchedule(
      options.schedule, peak: options.learningRate,
      warmup: Int((options.warmupRatio * Double(steps)).rounded(.up)), steps: steps)
    pass = TrainingPass(
      model, adapter, keptLayers: options.keptLayers, dropout: options.dropout,
      backward: options.backward)
    gradients = AdapterGradients(adapter)
    moments = (AdapterGradients(adapter), AdapterGradients(adapter))
  }

  /// The order of the rows in an epoch: a function of the seed and the epoch alone.
  static func order(of count: Int, epoch: Int, seed: UInt64) -> [Int] {
    var random = RandomStream(seed: seed, "row order", epoch)
    var order = Array(0..<count)
    random.shuffle(&order)
    return order
  }

  /// The micro-batches of the next step.
  private func nextBatches() -> [[TrainingRow]] {
    let (epoch, index) = step.quotientAndRemainder(dividingBy: stepsPerEpoch)
    let order = Self.order(of: rows.count, epoch: epoch, seed: options.seed)
    let chosen = order.dropFirst(index * rowsPerStep).prefix(rowsPerStep).map { rows[$0] }
    return stride(from: 0, to: chosen.count, by: options.batch).map {
      Array(chosen[$0..<min($0 + options.batch, chosen.count)])
    }
  }

  /// Does one optimizer step.
  ///
  /// - Throws: `InputError` with exit code 10 when loss or gradient is not finite; nothing has
  ///   changed then.
  public func advance() throws -> StepReport {
    precondition(step < steps, "training has ended")
    let batches = nextBatches()
    let (loss, tokens) = try accumulate(batches)
    let norm = try gradientNorm(batches)
    let clip = options.maximumGradientNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
    let rate = schedule.rate(at: step)
    apply(rate: rate, clip: clip)
    step += 1
    return StepReport(
      step: step, steps: steps, epoch: Double(step) / Double(stepsPerEpoch), loss: loss,
      gradientNorm: norm, learningRate: rate, tokens: tokens,
      targets: batches.joined().reduce(0) { $0 + $1.targetCount })
  }

  /// Fills `gradients` with a step's.
  private func accumulate(_ batches: [[TrainingRow]]) throws -> (loss: Double, tokens: Int) {
    gradients.clear()
    let factors = WeightedLoss.coefficients(of: batches, options.normalization)
    var (loss, tokens) = (0.0, 0)
    for (index, batch) in batches.enumerated() {
      // Rows that share a beginning would share its zeros, too.
      let packed = PackedRows(
        batch, coefficients: factors[index], sharing: options.dropout == 0)
      var random = RandomStream(seed: options.seed, "dropout pass", step, index)
      let part = pass.run(packed, into: gradients, dropoutKey: random.next())
      guard part.isFinite else { throw diverged(.lossFinite, "the loss \(part)", batch) }
      loss += part
      tokens += packed.tokens.count
    }
    return (loss, tokens)
  }

  /// The norm of all gradients together: squares summed in double precision, part by part.
  private func gradientNorm(_ batches: [[TrainingRow]]) throws -> Double {
    var sum = 0.0
    for index in adapter.parts.indices {
      sum += gradients.ofPart(index).reduce(0) { $0 + squaredSum($1) }
    }
    guard sum.isFinite else {
      throw diverged(
        .gradientFinite, "the gradient norm \(sum.squareRoot())", batches.flatMap { $0 })
    }
    return sum.squareRoot()
  }

  private func diverged(
    _ rule: InputError.Rule, _ found: String, _ rows: [TrainingRow]
  ) -> InputError {
    let ids = rows.map { escaped($0.id, limit: 24) }.joined(separator: ", ")
    return InputError(
      rule, at: .init(entry: "step \(step + 1)", field: "rows \(ids)"), found: found,
      allowed: "finite",
      hints: ["the adapter is as it was before the step; a lower learning rate may help"])
  }

  private func apply(rate: Double, clip: Double) {
    func optimizer(_ rate: Double) -> AdamWStep {
      AdamWStep(
        step: step + 1, learningRate: rate, betas: options.betas, epsilon: options.epsilon,
        weightDecay: options.weightDecay, clip: clip)
    }
    let (ofA, ofB) = (optimizer(rate), optimizer(rate * options.rateRatio))
    for (index, part) in adapter.parts.enumerated() {
      let (gradients, first) = (gradients.ofPart(index), moments.first.ofPart(index))
      let second = moments.second.ofPart(index)
      for (place, values) in part.parameters.enumerated() {
        (place == 0 ? ofA : ofB).apply(
          gradient: gradients[place], first: first[place], second: second[place], to: values)
      }
      part.update.refresh()
    }
  }

  /// Trains to the end.
  ///
  /// - Parameters:
  ///   - checkpoints: Where to save, every `interval` steps and when it stops.
  ///   - interval: In steps.
  ///   - onStep: Sees each step; false stops after it.
  /// - Returns: Whether training has ended.
  /// - Throws: `InputError` as `advance` does, input/output errors, what `onStep` throws.
  public func run(
    checkpoints: CheckpointFolder? = nil, every interval: Int = 50,
    onStep: (StepReport) throws -> Bool
  ) throws -> Bool {
    while step < steps {
      let goesOn = try onStep(try advance())
      if step.isMultiple(of: interval) || step == steps || !goesOn {
        try checkpoints?.write(self)
      }
      if !goesOn { break }
    }
    return step == steps
  }
}
