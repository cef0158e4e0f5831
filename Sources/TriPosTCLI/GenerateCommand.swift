import ArgumentParser
import Boundary
import Llama

/// Continues one prompt, or many at once.
struct GenerateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Continues prompts with a model.",
    discussion: """
      Completions are printed in the order of the prompts. With the same seed they are the \
      same on any number of threads and with any number of sequences in flight.

      Examples:
        tripost generate -m model.gguf -p "Once upon a time" -n 64 --temp 0
        tripost generate -m model.gguf -p "Once" --n-samples 8 --seed 7
        tripost generate -m model.gguf --prompts prompts.jsonl --json > out.jsonl
        tripost generate -m model.gguf --prompts prompts.jsonl --lora a.gguf --lora b.gguf

      A prompt's row may name its adapters among those loaded, by number or name: \
      {"prompt":"…","lora":"b"}, {"prompt":"…","lora":[0,1]}, {"prompt":"…","lora":[]} for \
      the base alone. Without it, all adapters apply.
      """)

  @OptionGroup var model: ModelOption
  @OptionGroup var adapter: AdapterOptions
  @OptionGroup var text: TextOptions

  @Option(
    help: ArgumentHelp(
      #"A JSONL file of rows {"prompt":"…"}, where wanted with "lora"."#, valueName: "file"),
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

  @OptionGroup var cache: CacheOptions
  @OptionGroup var threads: ThreadOption

  @Flag(
    help: "Print JSONL: prompt_index, sample_index, text, tokens (the new ids), finish_reason.")
  var json = false

  func validate() throws {
    if prompts == nil {
      try text.requireOne()
    } else if text.prompt != nil || text.file != nil {
      throw ValidationError("Give exactly one of --prompt, --file and --prompts")
    }
    try check("--n-predict", nPredict, in: 1...(1 << 24))
    try check("--n-samples", nSamples, in: 1...(1 << 20))
    try check("--parallel", parallel, in: 1...4096)
  }

  func run() throws {
    threads.apply()
    let rows = try prompts.map(Self.read) ?? [PromptRow(text: try text.bytes())]
    let model = try model.load()
    var adapters = try adapter.load(for: model)
    let choices = try rows.map {
      try adapters.choice($0.lora, file: prompts ?? "", line: $0.line)
    }
    let generator = Generator(
      model, updates: adapters.stacks, parallel: parallel, cache: cache.types)
    let requests = rows.enumerated().flatMap { index, row in
      let tokens = encoding.tokens(row.text, model.tokenizer)
      return (0..<nSamples).map { sample in
        var request = GenerationRequest(
          tokens: tokens, maxNewTokens: nPredict, options: sampling.options,
          stream: RandomStream(seed: UInt64(sampling.seed), "sample", index, sample))
        request.adapter = choices[index]
        return request
      }
    }
    try complete(requests, with: generator)
  }

  /// Prints the completions, each as soon as those before it are there.
  private func complete(_ requests: [GenerationRequest], with generator: Generator) throws {
    let progress = ConsoleProgress("generate")
    var early: [Int: Completion] = [:]
    var printed = 0
    try generator.generate(
      requests,
      progress: { tokens in
        try Stopped.check()
        progress.update(done: printed + early.count, of: requests.count, tokens: tokens)
      },
      finished: { index, completion in
        early[index] = completion
        while let next = early.removeValue(forKey: printed) {
          try Console.print(words(of: next, number: printed, of: requests.count))
          printed += 1
        }
      })
    progress.finish()
  }

  private func words(of completion: Completion, number: Int, of count: Int) -> String {
    let (prompt, sample) = number.quotientAndRemainder(dividingBy: nSamples)
    if json {
      return
        ([
          "prompt_index": .integer(Int64(prompt)), "sample_index": .integer(Int64(sample)),
          "text": .string(completion.text),
          "tokens": .array(completion.tokens.map { .integer(Int64($0)) }),
          "finish_reason": .string(completion.finishReason.rawValue),
        ] as JSONValue).serialized
    }
    let title = "prompt \(prompt), sample \(sample): \(completion.finishReason.rawValue)"
    return count == 1 ? completion.text : "--- \(title)\n\(completion.text)"
  }

  /// A prompt, and what its row says about adapters.
  private struct PromptRow {
    let text: [UInt8]
    var lora: JSONValue?
    var line = 0
  }

  /// The prompts of a JSONL file.
  private static func read(_ path: String) throws -> [PromptRow] {
    var prompts: [PromptRow] = []
    try JSONLines.forEach(path) { row, line in
      guard let text = row["prompt"]?.string else {
        throw InputError(
          .promptRow, file: path, at: .init(field: "prompt", line: line),
          found: row["prompt"] == nil ? "a missing key" : "the value", allowed: "a string")
      }
      prompts.append(PromptRow(text: Array(text.utf8), lora: row["lora"], line: line))
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
