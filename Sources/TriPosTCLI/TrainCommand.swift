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
        {"messages":[{"role":"user","content":"…"},{"role":"assistant","content":"…"}]}
        {"prompt":"…","completion":"…"}
        {"text":"…"}
      Weight 0 is not trained on. Messages are written by the model's chat template; those of \
      the assistant have weight 1, the others 0, unless they say their own. A number "reward" \
      multiplies the weights of its row. --show-row shows what comes of a row.

      With --val-data or --val-split the adapter of the step with the lowest loss on these rows \
      is the one that is written.

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
        tripost train -m model.gguf --data rows.jsonl --show-row 1
        tripost train -m model.gguf --data rows.jsonl --output runs/best --val-split 0.05 \\
          --eval-every 20 --early-stopping-patience 3 --report-to csv,tensorboard
      """)

  @OptionGroup var model: LoadedModelOption
  @OptionGroup var threads: ThreadOption
  @OptionGroup var memory: MemoryOption

  @OptionGroup var data: TrainingDataOptions

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The folder for everything.", valueName: "folder"),
    transform: filePath)
  var output: String?

  @Option(
    help: ArgumentHelp(
      "Print the tokens of a row with their weights, and do nothing else; rows count from 1.",
      valueName: "n"))
  var showRow: Int?

  @Flag(help: "Go on from the newest checkpoint in the output folder, or begin.")
  var resume = false

  @Option(help: "Times that the rows are gone through.")
  var epochs = 3

  @Option(help: "Optimizer steps at most.")
  var maxSteps: Int?

  @Option(name: .shortAndLong, help: "Rows of a batch.")
  var batchSize = 4

  @Option(help: "Batches of an optimizer step.")
  var gradAccum = 1

  @Option(name: [.long, .customLong("lr")], help: "The peak learning rate.")
  var learningRate = 2e-4

  @Option(help: "The learning rate after the warm-up.")
  var lrScheduler = LearningRateSchedule.Shape.linear

  @Option(help: "The share of the steps in which the rate rises from 0.")
  var warmupRatio = 0.03

  @Option(
    help: "AdamW with its moments as floats or in 8 bits, which takes a quarter of their memory.")
  var optimizer = TrainingOptions.Optimizer.adamw

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

  @Option(
    help: ArgumentHelp(
      "Write metrics.jsonl as csv or tensorboard, too; both with a comma. Kept with --resume.",
      valueName: "formats"),
    transform: logFormats)
  var reportTo: Set<TrainingLog.Format> = []

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
    try check("--show-row", showRow ?? 1, in: 1...Int.max)
    guard output != nil || showRow != nil else {
      throw ValidationError("Missing expected argument '--output <folder>'")
    }
  }

  func run() throws {
    threads.apply()
    if let showRow { return try show(row: showRow) }
    guard let output else { return }
    let isNew = !Files.exists(output)
    guard isNew || resume else {
      throw InputError(
        .outputIsNew, file: output, found: "the output is there already",
        hints: ["--resume goes on with it; another --output begins anew"])
    }
    let digest = try SHA256.hexOfFile(model.model)
    let model = try model.load(memory: memory.bytes)
    let (rows, validation, counts) = try data.load(for: model, seed: UInt64(seed))
    let adapter = try lora.adapter(for: model, digest: digest, seed: UInt64(seed))
    try Files.createDirectory(output)
    let lock = try FolderLock(output)
    defer { withExtendedLifetime(lock) {} }
    var options = options
    if let memory = memory.bytes, !gradientCheckpointing {
      options.keptLayers = try options.keptLayers(below: memory, model, adapter, rows: rows)
    }
    let trainer = Trainer(model, adapter, rows: rows, options: options, validation: validation)
    var identity: JSONObject = ["model": .string(digest)]
    if lora.lora != nil { identity["lora"] = .string(adapter.parameterDigest) }
    let checkpoints = CheckpointFolder("\(output)/checkpoints", identity: identity)
    let formats = reportTo.union(TrainingLog.formats(in: output))
    let session = try TrainingSession(
      trainer, checkpoints, folder: output, reportTo: formats, counts: counts)
    try session.run(saveEvery: saveEvery)
    let best = try checkpoints.bestAdapter(of: trainer)
    try PEFTAdapter.write(best, to: "\(output)/adapter", replacing: true)
    if !best.hasMagnitudes {
      try GGUFAdapter.write(best, to: "\(output)/adapter/adapter.gguf", replacing: true)
    }
    if !json { return try Console.print("\(output)/adapter") }
    if let last = session.last { try Console.print(JSONValue.object(last.metrics).serialized) }
  }

  private func show(row number: Int) throws {
    let model = try model.load()
    let view = RowView(row: try data.row(number, for: model), tokenizer: model.tokenizer)
    let isColoured = StandardStreams.outputIsTerminal && !Console.wantsNoColour
    try Console.print("\(view.summary)\n\(isColoured ? view.coloured : view.table)")
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
    options.optimizer = optimizer
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

/// `csv`, `tensorboard`, or both.
private func logFormats(_ argument: String) throws -> Set<TrainingLog.Format> {
  Set(
    try argument.split(separator: ",", omittingEmptySubsequences: false).map { name in
      guard let format = TrainingLog.Format(rawValue: String(name)) else {
        let names = TrainingLog.Format.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("'\(name)' of --report-to is none of \(names)")
      }
      return format
    })
}

extension BackwardPrecision: ExpressibleByArgument {}
extension LearningRateSchedule.Shape: ExpressibleByArgument {}
extension LossNormalization: ExpressibleByArgument {}
extension TrainingOptions.Optimizer: ExpressibleByArgument {}
