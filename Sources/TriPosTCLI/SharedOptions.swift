public import ArgumentParser
import Boundary
import Llama
import LoRA
public import QuantKernels

/// The model that a command works with.
struct ModelOption: ParsableArguments {
  @Option(
    name: .shortAndLong, help: ArgumentHelp("The model, a GGUF file.", valueName: "file"),
    transform: filePath)
  var model: String
}

/// A model that is loaded with its weights.
struct LoadedModelOption: ParsableArguments {
  @OptionGroup var file: ModelOption

  @Flag(
    help:
      "Leave the weights in the mapped file, and lay them out for each product anew: slow to decode, but a model may be larger than memory."
  )
  var noRepack = false

  func load(memory: Int? = nil) throws -> LlamaModel {
    try Self.load(file.model, memory: memory, repacks: !noRepack)
  }

  var model: String { file.model }

  /// Reads a model below a ceiling on the process' memory, with a progress line where that takes long.
  static func load(_ path: String, memory: Int? = nil, repacks: Bool = true) throws -> LlamaModel {
    let progress = LoadProgress()
    let model = try LlamaModel(path, memory: memory, repacks: repacks) { done, total in
      try Stopped.check()
      progress.update(done: done, of: total)
    }
    progress.finish()
    return model
  }
}

/// A ceiling on the memory of the process.
struct MemoryOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Memory that the process may take, such as 8G or 512M; where it is short, fewer sequences are in flight, and training computes more layers twice.",
      valueName: "size"),
    transform: Self.size)
  var memory: ByteSize?

  var bytes: Int? { memory?.bytes }

  private static func size(_ argument: String) throws -> ByteSize {
    guard let size = ByteSize(parsing: argument) else {
      throw ValidationError("'\(argument)' is no size such as 8G or 512M")
    }
    return size
  }
}

/// How a text becomes tokens.
struct EncodingFlags: ParsableArguments {
  @Flag(help: "Put no beginning-of-text token in front.")
  var noBos = false

  @Flag(help: "Make spellings of control tokens, such as </s>, into those tokens.")
  var parseSpecial = false

  func tokens(_ text: [UInt8], _ tokenizer: any Tokenizer) -> [Int] {
    tokenizer.encode(text, addingBOS: !noBos, parsingSpecial: parseSpecial)
  }
}

/// A text from the command line or, byte by byte, from a file.
struct TextOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: ArgumentHelp("The text itself.", valueName: "text"))
  var prompt: String?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("A file with the text; its bytes are taken exactly.", valueName: "file"),
    transform: filePath)
  var file: String?

  func bytes() throws -> [UInt8] {
    guard let file else { return Array((prompt ?? "").utf8) }
    let size = try Files.size(file)
    guard size <= Limits.text else {
      throw InputError(
        .textLength, file: file, found: "a text of \(size) bytes",
        allowed: "at most \(Limits.text) bytes long")
    }
    return try Files.read(file)
  }

  func requireOne() throws {
    guard (prompt == nil) != (file == nil) else {
      throw ValidationError("Give a text with either --prompt or --file")
    }
  }
}

extension InputError.Rule {
  fileprivate static let textLength = Self("TOK-19", exit: .malformedFile)
}

/// How the next token is chosen; the defaults are llama.cpp's.
struct SamplingFlags: ParsableArguments {
  @Option(help: ArgumentHelp("Divides the logits; 0 takes the likeliest token.", valueName: "t"))
  var temp = 0.8

  @Option(help: ArgumentHelp("Keeps the k likeliest tokens; 0 keeps all.", valueName: "k"))
  var topK = 40

  @Option(help: ArgumentHelp("Keeps the likeliest tokens up to this sum.", valueName: "p"))
  var topP = 0.95

  @Option(
    help: ArgumentHelp("Keeps tokens this likely relative to the likeliest.", valueName: "p"))
  var minP = 0.05

  @Option(name: .shortAndLong, help: ArgumentHelp("Where random numbers start.", valueName: "n"))
  var seed = 42

  func validate() throws {
    try check("--temp", temp, in: 0...1e6)
    try check("--top-k", topK, in: 0...Limits.vocabulary.upperBound)
    try check("--top-p", topP, in: 0...1)
    try check("--min-p", minP, in: 0...1)
    try check("--seed", seed, in: 0...Int.max)
  }

  var options: SamplingOptions {
    SamplingOptions(temperature: temp, topK: topK, topP: topP, minP: minP)
  }
}

/// How many threads compute; the results do not depend on it.
struct ThreadOption: ParsableArguments {
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Threads; the physical cores unless set.", valueName: "n"))
  var threads: Int?

  func validate() throws { try check("--threads", threads ?? 1, in: 1...1024) }

  func apply() {
    if let threads { Kernels.threads = threads }
  }
}

/// What keys and values are stored as between passes.
struct CacheOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What keys are stored as: f32, f16 or q8_0; f16 unless set, in score f32.",
      valueName: "type"))
  var cacheTypeK: KeyValueType?

  @Option(help: ArgumentHelp("The same for values.", valueName: "type"))
  var cacheTypeV: KeyValueType?

  func types(else type: KeyValueType = .f16) -> KeyValueTypes {
    KeyValueTypes(key: cacheTypeK ?? type, value: cacheTypeV ?? type)
  }
}

extension KeyValueType: ExpressibleByArgument {}

/// Refuses a value outside its range, NaN included.
func check<T: Comparable>(_ flag: String, _ value: T, in range: ClosedRange<T>) throws {
  guard range.contains(value) else {
    throw ValidationError(
      "The value \(value) of '\(flag)' is not in \(range.lowerBound)...\(range.upperBound)")
  }
}

/// A path from the command line.
func filePath(_ argument: String) throws -> String {
  guard argument != "-" else {
    throw ValidationError("Standard input is not read; give the name of a file")
  }
  return argument
}
