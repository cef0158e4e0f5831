import Boundary
public import Llama
import QuantKernels

extension InputError.Rule {
  static let lossFinite = Self("NUM-01", exit: .diverged)
  static let gradientFinite = Self("NUM-02", exit: .diverged)
}

/// Trains an adapter, one optimizer step at a time.
///
/// Everything but A, B, the optimizer's moments, the step's number and the losses of evaluations is a function of options,
/// rows and step, so these are all that a checkpoint holds.
public final class Trainer {
  public let options: TrainingOptions
  public let adapter: Adapter
  public let rows: [TrainingRow]
  public let validation: Validation?
  /// Optimizer steps in all.
  public let steps: Int
  /// Optimizer steps done.
  public internal(set) var step = 0
  /// What the evaluations have shown.
  public internal(set) var record = ValidationRecord()

  /// One of each a parameter matrix, part by part.
  let moments: [[Moments]]
  /// Of the last step, before clipping.
  package let gradients: AdapterGradients
  private let pass: TrainingPass
  private let schedule: LearningRateSchedule
  private let scorer: Scorer?

  private var rowsPerStep: Int { options.batch * options.accumulation }
  private var stepsPerEpoch: Int { max(1, rows.count / rowsPerStep) }

  /// - Parameters:
  ///   - model: The frozen base.
  ///   - adapter: Changed in place.
  ///   - rows: Each with a target, none longer than the model's context. Rows that do not fill a
  ///     step are left over, others in each epoch.
  ///   - options: How to train.
  ///   - validation: Which rows tell the best step, if any.
  public init(
    _ model: LlamaModel, _ adapter: Adapter, rows: [TrainingRow], options: TrainingOptions,
    validation: Validation? = nil
  ) {
    precondition(options.batch > 0 && options.accumulation > 0 && options.epochs > 0)
    precondition(!rows.isEmpty && rows.allSatisfy { $0.targetCount > 0 }, "a row has no target")
    precondition(rows.allSatisfy { $0.tokens.count <= model.contextLength }, "a row is too long")
    (self.options, self.adapter, self.rows) = (options, adapter, rows)
    self.validation = validation
    scorer = validation.map { _ in Scorer(model, updates: adapter.updates) }
    let perEpoch = max(1, rows.count / (options.batch * options.accumulation))
    steps = min(options.epochs * perEpoch, options.maximumSteps ?? .max)
    schedule = LearningRateSchedule(
      options.schedule, peak: options.learningRate,
      warmup: Int((options.warmupRatio * Double(steps)).rounded(.up)), steps: steps)
    pass = TrainingPass(
      model, adapter, keptLayers: options.keptLayers, dropout: options.dropout,
      backward: options.backward)
    gradients = AdapterGradients(adapter)
    moments = adapter.parts.map { part in
      part.parameters.map { Moments(of: $0, options.optimizer) }
    }
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
      let passes = PackedRows.passes(
        batch, coefficients: factors[index], sharing: options.dropout == 0)
      var random = RandomStream(seed: options.seed, "dropout pass", step, index)
      for packed in passes {
        let part = pass.run(packed, into: gradients, dropoutKey: random.next())
        guard part.isFinite else { throw diverged(.lossFinite, "the loss \(part)", batch) }
        loss += part
        tokens += packed.tokens.count
      }
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
      let gradients = gradients.ofPart(index)
      for (place, values) in part.parameters.enumerated() {
        moments[index][place].apply(
          place == 0 ? ofA : ofB, gradient: gradients[place], to: values)
      }
      part.update.refresh()
    }
  }

  /// Whether nothing is left to do: all steps and evaluations are done, or patience has run out.
  public var hasEnded: Bool {
    !evaluationIsDue && (step == steps || validation?.patience.map { record.stale >= $0 } == true)
  }

  private var evaluationIsDue: Bool {
    guard let validation, step > record.lastStep else { return false }
    return step.isMultiple(of: validation.interval) || step == steps
  }

  /// The loss of the validation rows now, put on record; nil when `goesOn` has said no.
  ///
  /// - Throws: `InputError` with exit code 10 when it is not finite.
  private func evaluate(goesOn: () -> Bool) throws -> EvaluationReport? {
    guard let validation, let scorer,
      let loss = validation.loss(by: scorer, options.normalization, goesOn: goesOn)
    else { return nil }
    guard loss.isFinite else { throw diverged(.lossFinite, "the validation loss \(loss)", []) }
    return record.add(loss, at: step)
  }

  /// Trains to the end.
  ///
  /// - Parameters:
  ///   - checkpoints: Where to save: every `interval` steps, at the best step, and when it stops.
  ///   - interval: In steps.
  ///   - goesOn: Asked before each row of an evaluation; false stops there.
  ///   - onEvaluation: Sees each evaluation.
  ///   - onStep: Sees each step; false stops after it.
  /// - Returns: Whether training has ended.
  /// - Throws: `InputError` as `advance` does, with the last good checkpoint; input/output errors; what the closures throw.
  public func run(
    checkpoints: CheckpointFolder? = nil, every interval: Int = 50,
    goesOn: () -> Bool = { true },
    onEvaluation: (EvaluationReport) throws -> Void = { _ in },
    onStep: (StepReport) throws -> Bool
  ) throws -> Bool {
    do {
      while !hasEnded {
        var (isGoingOn, isBest) = (true, false)
        if evaluationIsDue {
          let evaluation = try evaluate(goesOn: goesOn)
          if let evaluation { try onEvaluation(evaluation) }
          (isGoingOn, isBest) = (evaluation != nil, evaluation?.isBest == true)
        } else {
          isGoingOn = try onStep(try advance())
        }
        // A step that is evaluated is saved after that.
        let isSaved = (step.isMultiple(of: interval) && !evaluationIsDue) || isBest || hasEnded
        if isSaved || !isGoingOn { try checkpoints?.write(self) }
        if !isGoingOn { break }
      }
    } catch var error as InputError where error.exit == .diverged {
      if let newest = try checkpoints?.newest() {
        error.hints.append("the last good checkpoint is \(newest)")
      }
      throw error
    }
    return hasEnded
  }
}
