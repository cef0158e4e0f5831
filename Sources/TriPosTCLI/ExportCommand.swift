import ArgumentParser
import Boundary
import GGUF
import Llama
import LoRA

/// Writes an adapter for another runtime.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes an adapter in the format of another runtime.",
    discussion: """
      gguf is one file for llama.cpp and what is built on it; peft is a folder for
      Hugging Face PEFT. Both hold the same numbers. An adapter that was not made
      here needs its base model with -m.

      Examples:
        tripost export runs/first/iteration-3/adapter --to gguf -o adapter.gguf
        tripost export adapter.gguf --to peft -o adapter
        tripost export downloaded-folder -m base.gguf --to gguf -o adapter.gguf
      """)

  /// What adapters are written as.
  enum Format: String, CaseIterable, ExpressibleByArgument {
    case gguf, peft
  }

  @Argument(
    help: ArgumentHelp("An adapter: a GGUF file or a PEFT folder.", valueName: "adapter"),
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

  @Flag(help: "Replace what is at the output.")
  var force = false

  func run() throws {
    let shape = try model.map { try LlamaConfiguration(GGUFFile($0)) }
    let digest = try model.map { try SHA256.hexOfFile($0) }
    let adapter = try Adapter.read(adapter, shape: shape, baseDigest: digest)
    for warning in adapter.warnings { Console.warn(warning) }
    switch to {
    case .peft: try PEFTAdapter.write(adapter, to: output, replacing: force)
    case .gguf: try GGUFAdapter.write(adapter, to: output, replacing: force)
    }
    try Console.print(output)
  }
}
