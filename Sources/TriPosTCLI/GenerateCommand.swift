import ArgumentParser
import Boundary
import Llama
import QuantKernels

/// Continues one prompt, or many at once.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Continues prompts with a model.",
    discussion: """
      Completions appear in the order of the prompts, each as soon as those before it are \
      there. With the same seed they are the same on any number of threads and with any number \
      of sequences in flight.

      With --output they go to a file of JSONL that survives being stopped, even by kill -9: \
      --resume keeps what is there and ends with the same bytes. What has to be kept for that \
      stands in a journal beside the file.

      Examples:
        tripost generate -m model.gguf -p "Once upon a time" -n 64 --temp 0
        tripost generate -m model.gguf -p "Once" --n-samples 8 --seed 7
        tripost generate -m model.gguf --prompts prompts.jsonl --json > out.jsonl
        tripost generate -m model.gguf --prompts prompts.jsonl --output out.jsonl --resume
        tripost generate -m model.gguf --prompts prompts.jsonl --memory 8G --unordered
        tripost generate -m model.gguf --prompts prompts.jsonl --lora a.gguf --lora b.gguf

      A prompt's row may name its adapters among those loaded, by number or name: \
      {"prompt":"…","lora":"b"}, {"prompt":"…","lora":[0,1]}, {"prompt":"…","lora":[]} for \
      the base alone. Without it, all adapters apply. A row's "n_predict" takes the place of -n.
      """)

  @OptionGroup var model: LoadedModelOption
  @OptionGroup var adapter: AdapterOptions
  @OptionGroup var text: TextOptions

  @Option(
    help: ArgumentHelp(
      #"A JSONL file of rows {"prompt":"…"}, where wanted with "lora" and "n_predict"."#,
      valueName: "file"),
    transform: filePath)
  var prompts: String?

  @OptionGroup var encoding: EncodingFlags

  @Option(
    name: [.customShort("n"), .long], help: ArgumentHelp("New tokens at most.", valueName: "n"))
  var nPredict = 128

  @Option(help: ArgumentHelp("Completions of each prompt.", valueName: "n"))
  var nSamples = 1

  @OptionGroup var sampling: SamplingFlags

  @Option(help: ArgumentHelp("Sequences in flight at most.", valueName: "n"))
  var parallel = 32

  @OptionGroup var memory: MemoryOption
  @OptionGroup var cache: CacheOptions
  @OptionGroup var threads: ThreadOption

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("A new file for the completions, as JSONL.", valueName: "file"),
    transform: filePath)
  var output: String?

  @Flag(help: "Go on with the file of --output, or begin it.")
  var resume = false

  @Flag(help: "Give out completions as they finish, in no order.")
  var unordered = false

  @Flag(
    help: "Print JSONL: prompt_index, sample_index, text, tokens (the new ids), finish_reason.")
  var json = false

  /// What --n-predict and a row's "n_predict" may be.
  fileprivate static let tokenCounts = 1...(1 << 24)

  func validate() throws {
    if prompts == nil {
      try text.requireOne()
    } else if text.prompt != nil || text.file != nil {
      throw ValidationError("Give exactly one of --prompt, --file and --prompts")
    }
    if resume, output == nil { throw ValidationError("--resume goes with --output") }
    try check("--n-predict", nPredict, in: Self.tokenCounts)
    try check("--n-samples", nSamples, in: 1...(1 << 20))
    try check("--parallel", parallel, in: 1...4096)
  }

  func run() throws {
    threads.apply()
    let rows = try prompts.map(PromptRow.read) ?? [PromptRow(text: try text.bytes())]
    let model = try model.load(memory: memory.bytes)
    var adapters = try adapter.load(for: model)
    let choices = try rows.map {
      try adapters.choice($0.lora, file: prompts ?? "", line: $0.line)
    }
    let generator = try Generator(
      model, updates: adapters.stacks, parallel: parallel, cache: cache.types(),
      memory: memory.bytes)
    let requests = rows.enumerated().flatMap { index, row in
      let tokens = encoding.tokens(row.text, model.tokenizer)
      return (0..<nSamples).map { sample in
        var request = GenerationRequest(
          tokens: tokens, maxNewTokens: row.nPredict ?? nPredict, options: sampling.options,
          stream: RandomStream(seed: UInt64(sampling.seed), "sample", index, sample))
        request.adapter = choices[index]
        return request
      }
    }
    try generate(requests, with: generator)
  }

  private func generate(_ requests: [GenerationRequest], with generator: Generator) throws {
    let sink: any CompletionSink =
      if let output {
        try CompletionFile(
          output, count: requests.count, nSamples: nSamples, isOrdered: !unordered,
          origin: try origin(), isResuming: resume)
      } else {
        CompletionPrinter(
          count: requests.count, nSamples: nSamples, isOrdered: !unordered, asJSON: json)
      }
    let open = sink.missing
    if open.isEmpty {
      try sink.finish()
      return StandardStreams.writeError("generate: nothing is left to do\n")
    }
    let progress = ConsoleProgress("generate")
    var report = GenerationReport()
    try generator.generate(
      open.map { requests[$0] },
      progress: { tokens in
        try Stopped.check()
        try sink.passEnded()
        progress.update(
          done: requests.count - open.count + report.completions, of: requests.count,
          tokens: tokens)
      },
      finished: { index, completion in
        report.add(completion, promptTokens: requests[open[index]].tokens.count)
        try sink.add(completion, number: open[index])
      })
    try sink.finish()
    StandardStreams.writeError("\(report)\n")
  }

  /// Everything that decides what the completions are; paths do not, contents do.
  private func origin() throws -> JSONObject {
    func digest(_ path: String) throws -> JSONValue {
      .string(
        Files.isDirectory(path)
          ? try SHA256.hexOfFile(path + "/adapter_model.safetensors") : try SHA256.hexOfFile(path))
    }
    let types = cache.types()
    return [
      "model": try digest(model.model),
      "lora": .array(try (adapter.lora + adapter.loraScaled.map(\.path)).map(digest)),
      "lora_factors": .array(adapter.loraScaled.map { .number(Double($0.factor)) }),
      "prompts": try prompts.map { try digest($0) } ?? .string(SHA256.hex(of: try text.bytes())),
      "no_bos": .bool(encoding.noBos), "parse_special": .bool(encoding.parseSpecial),
      "n_predict": .integer(Int64(nPredict)), "n_samples": .integer(Int64(nSamples)),
      "temp": .number(sampling.temp), "top_k": .integer(Int64(sampling.topK)),
      "top_p": .number(sampling.topP), "min_p": .number(sampling.minP),
      "seed": .integer(Int64(sampling.seed)), "cache_type_k": .string(types.key.rawValue),
      "cache_type_v": .string(types.value.rawValue), "unordered": .bool(unordered),
      "version": .string(Root.version),
    ]
  }
}

/// A prompt, and what its row says besides.
private struct PromptRow {
  let text: [UInt8]
  var lora: JSONValue?
  /// New tokens at most, where the row says it.
  var nPredict: Int?
  var line = 0

  /// The prompts of a JSONL file.
  static func read(_ path: String) throws -> [PromptRow] {
    var prompts: [PromptRow] = []
    try JSONLines.forEach(path) { row, line in
      guard let text = row["prompt"]?.string else {
        throw InputError(
          .promptRow, file: path, at: .init(field: "prompt", line: line),
          found: row["prompt"] == nil ? "a missing key" : "the value", allowed: "a string")
      }
      let nPredict = row["n_predict"]?.int
      guard row["n_predict"] == nil || nPredict.map(GenerateCommand.tokenCounts.contains) == true
      else {
        throw InputError(
          .promptRow, file: path, at: .init(field: "n_predict", line: line), found: "the value",
          allowed: "a whole number from 1 to \(GenerateCommand.tokenCounts.upperBound)")
      }
      prompts.append(
        PromptRow(text: Array(text.utf8), lora: row["lora"], nPredict: nPredict, line: line))
    }
    guard !prompts.isEmpty else {
      throw InputError(.promptRows, file: path, found: "0 prompts")
    }
    return prompts
  }
}

extension InputError.Rule {
  fileprivate static let promptRows = Self("DS-01", exit: .malformedFile)
  fileprivate static let promptRow = Self("DS-04", exit: .malformedFile)
}
