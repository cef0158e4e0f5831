import Boundary
public import Llama
public import LoRA
public import QuantKernels

/// A quantized LLaMA with a LoRA adapter.
public final class LlamaStudent: Student {
  private let model: LlamaModel
  private let modelDigest: String
  private let settings: RunConfiguration.LoRASettings
  private let parallel: Int
  private let memory: Int?
  private var adapter: Adapter?
  /// Of its peaks alone; reading as much as the weights would take their memory again.
  private lazy var limits = MachineLimits(reading: 0)

  /// - Parameters:
  ///   - model: The base.
  ///   - modelDigest: SHA-256 of the model's file; adapters carry it.
  ///   - settings: The shape of new adapters.
  ///   - parallel: Sequences in flight.
  ///   - memory: Bytes that the process may have in all.
  public init(
    _ model: LlamaModel, modelDigest: String, settings: RunConfiguration.LoRASettings,
    parallel: Int, memory: Int? = nil
  ) {
    self.model = model
    self.modelDigest = modelDigest
    self.settings = settings
    self.parallel = parallel
    self.memory = memory
  }

  public var contextLength: Int { model.contextLength }

  public func tokenCount(of text: String) -> Int {
    // BOS is counted by the tokenizer, EOS ends every training row.
    model.tokenizer.encode(text, addingBOS: true).count + 1
  }

  /// Prompts that leave no room in the context lose their beginning (docs/tripost.md, 8.1).
  public func complete(
    _ requests: [StudentRequest], progress: (_ tokens: Int) throws -> Void,
    each: (_ index: Int, _ answer: StudentAnswer) throws -> Void
  ) throws {
    let generator = try Generator(
      model, updates: [adapter?.updates ?? [:]], parallel: parallel, memory: memory)
    let generations = requests.map { request in
      let tokens = model.tokenizer.encode(request.prompt, addingBOS: true)
      let room = max(1, model.contextLength - request.maxNewTokens)
      return GenerationRequest(
        tokens: tokens.count < model.contextLength ? tokens : Array(tokens.suffix(room)),
        maxNewTokens: request.maxNewTokens, options: request.sampling, stream: request.stream)
    }
    try generator.generate(generations, progress: progress) { index, completion in
      try each(
        index,
        StudentAnswer(
          text: completion.text, tokens: completion.tokens.count,
          endedByEOS: completion.finishReason == .endOfText))
    }
  }

  public func beginAdapter(seed: UInt64) {
    let named = settings.targets.compactMap { Projection(named: $0) }
    adapter = Adapter(
      shape: model.configuration,
      projections: named.isEmpty ? Projection.allCases : named,
      rank: settings.rank, alpha: Float(settings.alpha), seed: seed, baseDigest: modelDigest,
      baseName: model.name)
  }

  /// Reads a PEFT folder, or an adapter in a GGUF file.
  public func loadAdapter(_ path: String) throws {
    adapter = try Adapter.read(path, shape: model.configuration, baseDigest: modelDigest)
  }

  /// The PEFT folder, with the GGUF file for llama.cpp in it.
  public func saveAdapter(_ folder: String) throws {
    let adapter = trained()
    try PEFTAdapter.write(adapter, to: folder, replacing: true)
    try GGUFAdapter.write(adapter, to: "\(folder)/adapter.gguf", replacing: true)
  }

  public func learn(
    from texts: [TrainingText], options: TrainingOptions, checkpoints: CheckpointFolder,
    every interval: Int, note: (String) throws -> Void, each: (StepReport) throws -> Bool
  ) throws -> Bool {
    let rows = try texts.map(row)
    let adapter = trained()
    for warning in adapter.warnings { try note(warning) }
    if !texts.allSatisfy({ $0.keepsPrompt { model.tokenizer.encode($0, addingBOS: true) } }) {
      try note(
        "the tokenizer joins \"Feedback:\" with what follows it, so the model cannot go on from prompts that end with it"
      )
    }
    var options = options
    if let memory {
      options.keptLayers = try options.keptLayers(below: memory, model, adapter, rows: rows)
    }
    let trainer = Trainer(model, adapter, rows: rows, options: options)
    for problem in try checkpoints.restore(trainer) ?? [] { try note(problem) }
    return try trainer.run(checkpoints: checkpoints, every: interval, onStep: each)
  }

  public func loss(of texts: [TrainingText]) throws -> Double {
    let scorer = Scorer(model, updates: adapter?.updates ?? [:])
    return Validation.loss(of: try texts.map(row), by: scorer, .weights) ?? 0
  }

  public func leastSeconds(
    inferred: Int, trained: Int, backward: BackwardPrecision?
  ) -> Double? {
    guard inferred + trained > 0,
      let forward = Trainer.leastSecondsPerToken(model, limits, withBackward: false),
      let step = Trainer.leastSecondsPerToken(model, limits, in: backward)
    else { return nil }
    return Double(inferred) * forward + Double(trained) * step
  }

  private func row(_ text: TrainingText) throws -> TrainingRow {
    try TrainingRow(
      id: text.id, segments: text.segments.map { TextSegment($0.text, weight: Float($0.weight)) },
      tokenizer: model.tokenizer)
  }

  private func trained() -> Adapter {
    guard let adapter else { preconditionFailure("a student is given an adapter first") }
    return adapter
  }
}
