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
        tripost generate -m model.gguf --prompts prompts.jsonl --memory 8G
      """)

  @OptionGroup var model: ModelOption
  @OptionGroup var adapter: AdapterOptions
  @OptionGroup var text: TextOptions

  @Option(
    help: ArgumentHelp(#"A JSONL file of rows {"prompt":"…"}."#, valueName: "file"),
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
    let prompts = try prompts.map(Self.read) ?? [try text.bytes()]
    let model = try model.load(memory: memory.bytes)
    let generator = try Generator(
      model, updates: try adapter.updates(for: model), parallel: parallel, cache: cache.types(),
      memory: memory.bytes)
    let requests = prompts.enumerated().flatMap { index, prompt in
      let tokens = encoding.tokens(prompt, model.tokenizer)
      return (0..<nSamples).map { sample in
        GenerationRequest(
          tokens: tokens, maxNewTokens: nPredict, options: sampling.options,
          stream: RandomStream(seed: UInt64(sampling.seed), "sample", index, sample))
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

  /// The prompts of a JSONL file.
  private static func read(_ path: String) throws -> [[UInt8]] {
    var prompts: [[UInt8]] = []
    try JSONLines.forEach(path) { row, line in
      guard let text = row["prompt"]?.string else {
        throw InputError(
          .promptRow, file: path, at: .init(field: "prompt", line: line),
          found: row["prompt"] == nil ? "a missing key" : "the value", allowed: "a string")
      }
      prompts.append(Array(text.utf8))
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
