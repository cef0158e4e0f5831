import Boundary
public import GGUF
package import QuantKernels

extension InputError.Rule {
  static let vocabularyMatches = Self("GGUF-M15", exit: .mismatch)
}

/// A LLaMA model with its tokenizer, ready to compute.
public final class LlamaModel: Sendable {
  /// The file it came from.
  public let path: String
  /// What its metadata calls it, or else the file's name.
  public let name: String
  public let configuration: LlamaConfiguration
  public let weights: LlamaWeights
  public let tokenizer: any Tokenizer
  /// How the file wants conversations to be written: a program in Jinja.
  public let chatTemplate: String?
  package let rotary: RotaryTable

  /// Positions that a sequence may have.
  public var contextLength: Int { rotary.length }

  /// Reads and checks a GGUF file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - contextLength: Positions to prepare for; the trained length when absent.
  ///   - memory: Bytes that the process may have in all.
  ///   - repacks: Whether weights are packed now, or stay in the mapped file and are packed for each product.
  ///   - progress: Called with the bytes of weights done and those in all.
  /// - Throws: `InputError` when the file is not a model that this runtime can run, or its weights alone take more
  ///   memory.
  public init(
    _ path: String, contextLength: Int? = nil, memory: Int? = nil, repacks: Bool = true,
    progress: (Int, Int) throws -> Void = { _, _ in }
  ) throws {
    let file = try GGUFFile(path)
    self.path = path
    name = Self.name(of: file)
    configuration = try LlamaConfiguration(file)
    tokenizer = try SentencePieceTokenizer(file)
    chatTemplate = try file.string("tokenizer.chat_template")
    if let memory, repacks { try LlamaWeights.check(file, fits: memory) }
    weights = try LlamaWeights(file, configuration, repacks: repacks, progress: progress)
    guard tokenizer.vocabularySize <= weights.tokenEmbedding.rows else {
      throw InputError(
        .vocabularyMatches, file: path, at: .init(entry: "tensor \"token_embd.weight\""),
        found: "\(weights.tokenEmbedding.rows) rows for \(tokenizer.vocabularySize) tokens",
        allowed: "enough; every token needs a row")
    }
    rotary = RotaryTable(
      dimensions: configuration.ropeDimensions,
      length: contextLength ?? configuration.contextLength, base: configuration.ropeBase,
      scale: 1 / Double(configuration.ropeFactor), divisors: weights.ropeDivisors)
  }

  /// What the metadata of a model's file calls it, or else the file's name without its ending.
  public static func name(of file: GGUFFile) -> String {
    if case .string(let name) = file.value("general.name"), !name.isEmpty { return name }
    let name = file.path.split(separator: "/").last.map(String.init) ?? file.path
    return name.hasSuffix(".gguf") ? String(name.dropLast(5)) : name
  }

  /// An empty store for the keys and values of so many pages of `KeyValueStore.pageLength` positions.
  func makeStore(pages: Int, types: KeyValueTypes = .init()) -> KeyValueStore {
    KeyValueStore(
      layers: configuration.layers, kvHeads: configuration.kvHeads,
      headSize: configuration.headSize, pages: pages, types: types)
  }
}
