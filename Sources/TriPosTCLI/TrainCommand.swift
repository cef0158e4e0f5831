public import ArgumentParser
import Boundary
import Llama
public import LoRA
import QuantKernels

/// LoRA training on rows of text with weights.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a LoRA adapter on rows with a weight for each piece of text.",
    discussion: """
      A row is a line of JSON:
        {"segments":[{"text":"Q: …","weight":0},{"text":" …","weight":1.5}]}
        {"prompt":"…","completion":"…"}
        {"text":"…"}
      Weight 0 is not trained on.

      The adapter is written to the folder adapter of the output, for PEFT and, as \
      adapter.gguf, for llama.cpp; one of DoRA for PEFT alone. A run that was stopped goes on \
      with --resume and ends with the same bits.

      Examples:
        tripost train -m model.gguf --data rows.jsonl --output runs/mine
        tripost train -m model.gguf --data rows.jsonl --output runs/mine --resume
        tripost train -m model.gguf --data rows.jsonl --output runs/small \\
          --lora-rank 8 --lora-targets attn_q,attn_v --learning-rate 5e-4 --epochs 2
        tripost train -m model.gguf --data rows.jsonl --output runs/more --lora other-adapter
        tripost train -m model.gguf --data rows.jsonl --output runs/dora --dora --rslora
      """)

  @OptionGroup var model: LoadedModelOption
  @OptionGroup var threads: ThreadOption
  @OptionGroup var memory: MemoryOption

  @Option(help: ArgumentHelp("The rows, JSONL.", valueName: "file"), transform: filePath)
  var data: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The folder for everything.", valueName: "folder"),
    transform: filePath)
  var output: String

  @Flag(help: "Go on from the newest checkpoint in the output folder, or begin.")
  var resume = false

  @Option(help: "Times that the rows are gone through.")
  var epochs = 3

  @Option(help: "Optimizer steps at most.")
  var maxSteps: Int?

  @Option(name: .shortAndLong, help: "Rows that go through the model together.")
  var batchSize = 4

  @Option(help: "Batches of an optimizer step.")
  var gradAccum = 1

  @Option(name: [.long, .customLong("lr")], help: "The peak learning rate.")
  var learningRate = 2e-4

  @Option(help: "The learning rate after the warm-up.")
  var lrScheduler = LearningRateSchedule.Shape.linear

  @Option(help: "The share of the steps in which the rate rises from 0.")
  var warmupRatio = 0.03

  @Option(help: "AdamW's decay.")
  var weightDecay = 0.0

  @Option(help: "The gradient norm is clipped to this; 0 is off.")
  var maxGradNorm = 1.0

  @Option(help: "What the weighted sum of cross-entropies is divided by.")
  var lossNorm = LossNormalization.tokens

  @Option(name: .customLong("loraplus-lr-ratio"), help: "B's learning rate over A's (LoRA+).")
  var rateRatio = 1.0

  @OptionGroup var lora: LoRAOptions

  @Flag(help: "Compute layers again in the backward pass instead of keeping them: less memory.")
  var gradientCheckpointing = false

  @Option(
    help: ArgumentHelp(
      "What gradients are multiplied in; f32 for f32 weights and bf16 for others unless set.",
      valueName: "type"))
  var backward: BackwardPrecision?

  @Option(name: .shortAndLong, help: "Where random numbers start.")
  var seed = 42

  @Option(help: "Steps between checkpoints.")
  var saveEvery = 100

  @Flag(help: "Print the last step as JSON.")
  var json = false

  func validate() throws {
    try check("--epochs", epochs, in: 1...1_000_000)
    try check("--max-steps", maxSteps ?? 1, in: 1...Int.max)
    try check("--batch-size", batchSize, in: 1...4096)
    try check("--grad-accum", gradAccum, in: 1...4096)
    try check("--learning-rate", learningRate, in: 1e-12...1)
    try check("--warmup-ratio", warmupRatio, in: 0...1)
    try check("--weight-decay", weightDecay, in: 0...1)
    try check("--max-grad-norm", maxGradNorm, in: 0...1e6)
    try check("--loraplus-lr-ratio", rateRatio, in: 1e-3...1e3)
    try check("--seed", seed, in: 0...Int.max)
    try check("--save-every", saveEvery, in: 1...Int.max)
  }

  func run() throws {
    threads.apply()
    let isNew = !Files.exists(output)
    guard isNew || resume else {
      throw InputError(
        .outputIsNew, file: output, found: "the output is there already",
        hints: ["--resume goes on with it; another --output begins anew"])
    }
    let digest = try SHA256.hexOfFile(model.model)
    let model = try model.load(memory: memory.bytes)
    let rows = try TrainingData(
      reading: data, tokenizer: model.tokenizer, contextLength: model.contextLength)
    tell(about: rows)
    let adapter = try lora.adapter(for: model, digest: digest, seed: UInt64(seed))
    try Files.createDirectory(output)
    let lock = try FolderLock(output)
    defer { withExtendedLifetime(lock) {} }
    var options = options
    if let memory = memory.bytes, !gradientCheckpointing {
      options.keptLayers = try options.keptLayers(below: memory, model, adapter, rows: rows.rows)
    }
    let trainer = Trainer(model, adapter, rows: rows.rows, options: options)
    var identity: JSONObject = ["model": .string(digest)]
    if lora.lora != nil { identity["lora"] = .string(adapter.parameterDigest) }
    try train(trainer, checkpoints: CheckpointFolder("\(output)/checkpoints", identity: identity))
    try PEFTAdapter.write(adapter, to: "\(output)/adapter", replacing: true)
    if !adapter.hasMagnitudes {
      try GGUFAdapter.write(adapter, to: "\(output)/adapter/adapter.gguf", replacing: true)
    }
    if !json { try Console.print("\(output)/adapter") }
  }

  private func train(_ trainer: Trainer, checkpoints: CheckpointFolder) throws {
    for warning in try checkpoints.restore(trainer) ?? [] { Console.warn(warning) }
    let metrics = try AppendFile("\(output)/metrics.jsonl")
    let progress = ConsoleProgress("train")
    var tokens = 0
    var last: StepReport?
    let ended = try trainer.run(checkpoints: checkpoints, every: saveEvery) { report in
      tokens += report.tokens
      last = report
      try metrics.append(line: JSONValue.object(report.metrics).serialized)
      progress.update(done: report.step, of: report.steps, tokens: tokens, loss: report.loss)
      return Interruption.requested == nil
    }
    progress.finish()
    if !ended { try Stopped.check() }
    if json, let last { try Console.print(JSONValue.object(last.metrics).serialized) }
  }

  private func tell(about data: TrainingData) {
    if data.cutRows > 0 { Console.warn("\(data.cutRows) rows cut to the model's context") }
    if data.repeatedRows > 0 { Console.warn("\(data.repeatedRows) rows came before") }
    for reject in data.rejects { Console.warn("row \(reject.id) is left out: \(reject.reason)") }
  }

  private var options: TrainingOptions {
    var options = TrainingOptions()
    options.epochs = epochs
    options.maximumSteps = maxSteps
    options.batch = batchSize
    options.accumulation = gradAccum
    options.learningRate = learningRate
    options.rateRatio = rateRatio
    options.schedule = lrScheduler
    options.warmupRatio = warmupRatio
    options.weightDecay = weightDecay
    options.maximumGradientNorm = maxGradNorm == 0 ? nil : maxGradNorm
    options.normalization = lossNorm
    options.dropout = Float(lora.loraDropout)
    if gradientCheckpointing { options.keptLayers = 0 }
    options.backward = backward
    options.seed = UInt64(seed)
    return options
  }
}

extension InputError.Rule {
  fileprivate static let outputIsNew = Self("RUN-17", exit: .inputOutput)
}

extension BackwardPrecision: ExpressibleByArgument {}
extension LearningRateSchedule.Shape: ExpressibleByArgument {}
extension LossNormalization: ExpressibleByArgument {}
