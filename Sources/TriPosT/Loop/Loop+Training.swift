import Boundary
import LoRA
import QuantKernels

// How an iteration's adapter is trained (docs/tripost.md, 7).

extension Loop {
  /// Trains iteration 0 from a new adapter, later ones from the adapter that the method starts from.
  ///
  /// Without texts or epochs the adapter stays what it is.
  func train(_ iteration: Int) throws {
    let name = RunEvent.StageName(iteration: iteration, work: "training")
    let rows = RunFolder.name(iteration, "train.jsonl")
    let before = start(of: iteration).map(adapterFiles) ?? []
    try stage(.train, name, inputs: [rows] + before) {
      let texts = try readTexts(rows)
      let checkpoints = CheckpointFolder(
        folder.url(RunFolder.name(iteration, "checkpoints")),
        identity: ["model_sha256": .string(modelDigest), "iteration": .integer(Int64(iteration))])
      // Training changes the adapter, so it is nobody's until it is saved.
      current = nil
      if let start = start(of: iteration) {
        try use(start)
        current = nil
      } else {
        try student.beginAdapter(seed: seed("adapter"))
      }
      let options = trainingOptions(iteration)
      if !texts.isEmpty, options.epochs > 0 {
        let ended = try student.learn(
          from: texts, options: options, checkpoints: checkpoints,
          every: configuration.train.checkpointEvery, note: { try report(.note($0)) },
          each: { try record($0, name) })
        if !ended { try Interruption.check(folder.path) }
      }
      let adapter = RunFolder.name(iteration, "adapter")
      try student.saveAdapter(folder.url(adapter))
      current = iteration
      return (
        try trainingFacts(iteration), try Files.list(folder.url(adapter)).map { "\(adapter)/\($0)" }
      )
    }
    try Files.remove(folder.url(RunFolder.name(iteration, "checkpoints")))
  }

  /// Puts a step on record; says whether to go on.
  private func record(_ step: StepReport, _ name: RunEvent.StageName) throws -> Bool {
    var numbers = step.metrics
    numbers["step"] = nil
    meter.add(step.tokens, at: seconds())
    try folder.metrics.record(
      "step", iteration: name.iteration, step: step.step, numbers: numbers, clock: meter.clock)
    // A checkpoint may not be ahead of the steps on record.
    if step.step.isMultiple(of: configuration.train.checkpointEvery) { try folder.metrics.sync() }
    try progress(name, step.step, of: step.steps, unit: "steps", loss: step.loss)
    return Interruption.requested == nil
  }

  private func trainingFacts(_ iteration: Int) throws -> JSONObject {
    let steps = folder.metrics.records("step", iteration: iteration)
    var facts: JSONObject = [
      "steps": .integer(Int64(steps.count)),
      "trained_tokens": .integer(Int64(steps.reduce(0) { $0 + ($1["tokens"]?.int ?? 0) })),
      "first_loss": steps.first?["loss"] ?? .null, "last_loss": steps.last?["loss"] ?? .null,
    ]
    let solutions = course.validation.compactMap {
      TrainingText(rationaleOf: $0, task: course.task(of: $0))
    }
    .filter { student.tokenCount(of: $0.text) <= student.contextLength }
    if !solutions.isEmpty {
      facts["validation_loss"] = .number(try student.loss(of: solutions))
    }
    return facts
  }

  private func trainingOptions(_ iteration: Int) -> TrainingOptions {
    let train = configuration.train
    let stage = iteration == 0 ? configuration.rationale : train.stage
    var options = TrainingOptions()
    options.epochs = stage.epochs
    options.batch = train.batch
    options.accumulation = train.accumulation
    options.learningRate = stage.learningRate
    options.schedule = train.schedule
    options.warmupRatio = train.warmupRatio
    options.normalization = train.lossNorm
    options.maximumGradientNorm = train.maxGradNorm > 0 ? train.maxGradNorm : nil
    options.weightDecay = train.weightDecay
    options.dropout = Float(configuration.lora.dropout)
    options.backward = train.backward
    options.seed = seed("training/\(iteration)")
    return options
  }

  private func seed(_ purpose: String) -> UInt64 {
    var stream = stream(purpose)
    return stream.next()
  }
}
