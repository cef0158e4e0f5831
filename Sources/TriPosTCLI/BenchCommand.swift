import ArgumentParser
import Boundary
import Llama
import LoRA
import QuantKernels

/// Measures how fast a model runs and trains here.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures prefill, decode, batched decode and LoRA training.",
    discussion: """
      Medians of several passes over tokens of no meaning. The share is that of what this \
      machine can do at best, measured beside it: int8 operations for prefill and batches, reading \
      the weights for decode. Batches go on after a common beginning of half a prompt. Training \
      is one row of a prompt's length a step, rank 16, all projections, AdamW; its share is the time \
      that two operations a weight and token forward (int8 for quantized weights, else f32) and two \
      backward (bf16, or f32 for f32 weights and where bf16 has no instruction) take at the machine's peaks.

      Examples:
        tripost bench -m model.gguf
        tripost bench -m model.gguf -p 512 -n 128 --n-parallel 8,32 -r 5 --json
      """)

  @OptionGroup var model: LoadedModelOption

  @Option(
    name: [.customShort("p"), .long],
    help: ArgumentHelp("Tokens of the prompt.", valueName: "n"))
  var nPrompt = 512

  @Option(
    name: [.customShort("n"), .long], help: ArgumentHelp("Tokens to decode.", valueName: "n"))
  var nGen = 128

  @Option(
    help: ArgumentHelp("Sequences at once, several numbers with commas.", valueName: "list"),
    transform: Self.numbers)
  var nParallel = [8, 32]

  @Option(
    name: [.customShort("r"), .long],
    help: ArgumentHelp("Passes of which the median counts.", valueName: "n"))
  var repetitions = 3

  @Flag(help: "Leave training out.")
  var noTrain = false

  @OptionGroup var cache: CacheOptions
  @OptionGroup var threads: ThreadOption

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    try check("--n-prompt", nPrompt, in: 2...(1 << 20))
    try check("--n-gen", nGen, in: 1...(1 << 20))
    for number in nParallel { try check("--n-parallel", number, in: 1...4096) }
    try check("--repetitions", repetitions, in: 1...1000)
  }

  func run() throws {
    threads.apply()
    let model = try model.load()
    guard nPrompt / 2 + max(nPrompt, nGen) <= model.contextLength else {
      throw InputError(
        .benchFits, file: model.path, found: "prompt \(nPrompt) and \(nGen) new tokens",
        allowed: "short enough for the model's context of \(model.contextLength)")
    }
    let report = try measure(model)
    try Console.print(json ? report.json.serialized : report.description)
  }

  private func measure(_ model: LlamaModel) throws -> BenchReport {
    let work = PassWork(model)
    let limits = MachineLimits(reading: work.bytes)
    let timer = try ModelTimer(model, cache: cache.types())
    func speed(_ tokens: Int, _ pass: () throws -> Double) throws -> BenchReport.Speed {
      var rates: [Double] = []
      for _ in 0..<repetitions {
        try Stopped.check()
        rates.append(Double(tokens) / (try pass()))
      }
      return .init(tokens: tokens, rate: rates.sorted()[rates.count / 2])
    }
    _ = timer.prefill(nPrompt)
    let prefill = try speed(nPrompt) { timer.prefill(nPrompt) }
    let decode = try speed(nGen) { timer.decode(nGen) }
    let batched = try nParallel.map { count in
      let steps = max(1, nGen / 4)
      return (
        count,
        try speed(count * steps) { timer.decode(steps, sequences: count, prefix: nPrompt / 2) }
      )
    }
    let train =
      noTrain ? nil : try speed(nPrompt) { try Trainer.secondsPerStep(model, tokens: nPrompt) }
    return BenchReport(
      limits: limits, work: work, prefill: prefill, decode: decode, batched: batched, train: train,
      trainShare: train.flatMap { train in
        Trainer.leastSecondsPerToken(model, limits).map { $0 * train.rate }
      })
  }

  private static func numbers(_ argument: String) throws -> [Int] {
    try argument.split(separator: ",", omittingEmptySubsequences: false).map { word in
      guard let number = Int(word) else { throw ValidationError("'\(word)' is no number") }
      return number
    }
  }
}

extension InputError.Rule {
  fileprivate static let benchFits = Self("GGUF-M13", exit: .mismatch)
}
