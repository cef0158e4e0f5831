import ArgumentParser
import Boundary
import GGUF
import Llama
import LoRA

/// Writes an adapter for another runtime, or into its base.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes an adapter in the format of another runtime, or into its base model.",
    discussion: """
      gguf is one file for llama.cpp and what is built on it; peft is a folder for
      Hugging Face PEFT, mlx one for mlx-lm. All hold the same numbers. An adapter
      that was not made here needs its base model with -m.

      merged is the base model with the adapter in its weights, with an Ollama
      Modelfile beside it. Only the tensors that the adapter changes are written
      anew; how far its predictions lie from those of base and adapter is printed.

      Examples:
        tripost export runs/first/iteration-3/adapter --to gguf -o adapter.gguf
        tripost export adapter.gguf --to peft -o adapter
        tripost export downloaded-folder -m base.gguf --to mlx -o mlx-adapter
        tripost export adapter --to merged -m base.gguf -o merged.gguf --type Q8_0
      """)

  /// What adapters are written as.
  enum Format: String, CaseIterable, ExpressibleByArgument {
    case gguf, peft, mlx, merged
  }

  /// What changed tensors of a merged model are written as.
  enum MergedType: String, CaseIterable, ExpressibleByArgument {
    case same
    case q8_0 = "Q8_0"
    case q4_0 = "Q4_0"
    case f16 = "F16"
    case bf16 = "BF16"
    case f32 = "F32"

    var tensorType: TensorType? { TensorType.allCases.first { $0.name == rawValue } }
  }

  @Argument(
    help: ArgumentHelp(
      "An adapter: a GGUF file, or a folder of PEFT or MLX.", valueName: "adapter"),
    transform: filePath)
  var adapter: String

  @Option(help: "What to write.")
  var to: Format

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The file or folder to write.", valueName: "path"),
    transform: filePath)
  var output: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The base model, where the adapter does not know it.", valueName: "file"),
    transform: filePath)
  var model: String?

  @Option(help: "What merging writes the changed tensors as. (default: same)")
  var type: MergedType?

  @OptionGroup var threads: ThreadOption

  @Flag(help: "Replace what is at the output.")
  var force = false

  func validate() throws {
    guard to != .merged || model != nil else {
      throw ValidationError("Merging needs the base model with --model")
    }
    guard to == .merged || type == nil else {
      throw ValidationError("--type is for --to merged")
    }
  }

  func run() throws {
    threads.apply()
    let base = try model.map { try GGUFFile($0) }
    let shape = try base.map { try LlamaConfiguration($0) }
    let digest = try model.map { try SHA256.hexOfFile($0) }
    let adapter = try Adapter.read(adapter, shape: shape, baseDigest: digest)
    for warning in adapter.warnings { Console.warn(warning) }
    switch to {
    case .mlx: try MLXAdapter.write(adapter, to: output, replacing: force)
    case .peft: try PEFTAdapter.write(adapter, to: output, replacing: force)
    case .gguf: try GGUFAdapter.write(adapter, to: output, replacing: force)
    case .merged: if let base { return try merge(adapter, base) }
    }
    try Console.print(output)
  }

  private func merge(_ adapter: Adapter, _ base: GGUFFile) throws {
    let modelfile = folder + "Modelfile"
    for path in [output, modelfile] where !force && Files.exists(path) {
      throw InputError(
        .exportIsNew, file: path, found: "it is there already", hints: ["--force replaces it"])
    }
    let merged = try MergedModel(adapter, into: base, as: type?.tensorType)
    // The models one after the other: only the probe's logits stay.
    let (probe, effect) = try {
      let model = try LoadedModelOption.load(base.path)
      let probe = try LogitProbe(model, updates: adapter.updates)
      return (probe, probe.change(to: model))
    }()
    let progress = ConsoleProgress("merge")
    let report = try merged.write(to: output, replacing: force) { done, total in
      try Stopped.check()
      progress.update(done: done, of: total)
    }
    progress.finish()
    try Files.writeAtomically("FROM ./\(output.dropFirst(folder.count))\n", to: modelfile)
    for key in report.lostKeys { Console.warn("the key \(escaped(key)) could not be kept") }
    let change = probe.change(to: try LoadedModelOption.load(output))
    try Console.print(words(report, change: change, effect: effect))
  }

  /// The folder of the output with its slash, or nothing.
  private var folder: String {
    output.lastIndex(of: "/").map { String(output[...$0]) } ?? ""
  }

  private func words(
    _ report: MergedModel.Report, change: LogitProbe.Change, effect: LogitProbe.Change
  ) -> String {
    let types = report.changed.sorted { $0.key.rawValue < $1.key.rawValue }
      .map { "\($0.value) as \($0.key.name)" }.joined(separator: ", ")
    let worst =
      report.worst.error == 0
      ? "exact" : "largest error \(percent(report.worst.error)) in \(report.worst.tensor)"
    return """
      \(output)
      \(report.changed.values.reduce(0, +)) of \(report.tensors) tensors changed: \(types); \(worst)
      over \(change.positions) tokens sampled from base and adapter:
        merged model: KL \(nats(change.mean)) nats on average, \(nats(change.largest)) at most, same \
      likeliest token \(percent(change.sameLikeliest))
        base alone: KL \(nats(effect.mean)) nats on average, \(nats(effect.largest)) at most, same \
      likeliest token \(percent(effect.sameLikeliest))
      """
  }

  private func percent(_ share: Double) -> String { "\((share * 1e4).rounded() / 1e2) %" }

  private func nats(_ value: Double) -> String { "\((value * 1e6).rounded() / 1e6)" }
}

extension InputError.Rule {
  fileprivate static let exportIsNew = Self("ADP-15", exit: .inputOutput)
}
