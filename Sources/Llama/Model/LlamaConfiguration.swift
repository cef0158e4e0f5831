import Boundary
public import GGUF
import QuantKernels

/// What a GGUF file of a dense LLaMA must say about its shape; rules of `docs/bad-inputs.md`.
extension InputError.Rule {
  static let shapeNumberInRange = Self("GGUF-M01", exit: .malformedFile)
  static let headsDivide = Self("GGUF-M04", exit: .malformedFile)
  static let headSizeUsable = Self("GGUF-M05", exit: .malformedFile)
  static let ropeScalingKnown = Self("GGUF-M11", exit: .malformedFile)
  static let denseOnly = Self("GGUF-M12", exit: .malformedFile)
}

/// The shape of a LLaMA model, as the metadata of its GGUF file gives it.
public struct LlamaConfiguration: Equatable, Sendable {
  /// Architectures that are read.
  public static let architectures = ["llama"]

  public let architecture: String
  public let layers: Int
  /// Floats of a token's state between layers.
  public let width: Int
  public let heads: Int
  /// Heads of keys and values; `heads` is a multiple of it.
  public let kvHeads: Int
  /// Floats of one head.
  public let headSize: Int
  public let feedForward: Int
  /// Positions that the model was trained on.
  public let contextLength: Int
  /// Added to the mean square in RMS normalisation.
  public let epsilon: Float
  public let ropeBase: Float
  /// Floats of each head that rotary embedding turns.
  public let ropeDimensions: Int
  /// Positions are divided by this (linear scaling).
  public let ropeFactor: Float

  public var queryWidth: Int { heads * headSize }
  public var kvWidth: Int { kvHeads * headSize }

  /// Reads and checks the shape.
  ///
  /// - Throws: `InputError` with the rule that the file breaks.
  public init(_ file: GGUFFile) throws {
    try file.requireKind(.model)
    let architecture = try file.requireArchitecture(oneOf: Self.architectures)
    self.architecture = architecture

    func count(_ name: String, upTo limit: Int, default fallback: Int? = nil) throws -> Int {
      let key = "\(architecture).\(name)"
      if let value = try file.integer(key, in: 1...limit) { return value }
      if let fallback { return fallback }
      throw InputError(
        .shapeNumberInRange, file: file.path, at: .init(field: key), found: "the key is missing")
    }
    if let experts = try file.integer("\(architecture).expert_count", in: 0...65_536), experts > 0 {
      throw InputError(
        .denseOnly, file: file.path, at: .init(field: "\(architecture).expert_count"),
        found: "\(experts) experts", allowed: "supported; only dense models are")
    }
    layers = try count("block_count", upTo: 1024)
    width = try count("embedding_length", upTo: 1 << 20)
    heads = try count("attention.head_count", upTo: 65_536)
    kvHeads = try count("attention.head_count_kv", upTo: 65_536, default: heads)
    feedForward = try count("feed_forward_length", upTo: 1 << 24)
    contextLength = try count("context_length", upTo: 1 << 30)

    guard width.isMultiple(of: heads), heads.isMultiple(of: kvHeads) else {
      throw InputError(
        .headsDivide, file: file.path, at: .init(field: "\(architecture).attention.head_count"),
        found: "width \(width) with \(heads) heads and \(kvHeads) key/value heads",
        allowed: "divisible: heads must divide the width, key/value heads the heads")
    }
    headSize = try count("attention.key_length", upTo: 65_536, default: width / heads)
    let valueLength = try count("attention.value_length", upTo: 65_536, default: headSize)
    ropeDimensions = try count("rope.dimension_count", upTo: 65_536, default: headSize)
    guard headSize.isMultiple(of: 2), headSize <= KeyValueStore.maximumHeadSize,
      valueLength == headSize,
      ropeDimensions.isMultiple(of: 2), ropeDimensions <= headSize
    else {
      throw InputError(
        .headSizeUsable, file: file.path, at: .init(field: "\(architecture).attention.key_length"),
        found: "head size \(headSize) (values \(valueLength), rotary \(ropeDimensions))",
        allowed:
          "an even number up to \(KeyValueStore.maximumHeadSize), the same for keys and values")
    }
    epsilon =
      try file.float(
        "\(architecture).attention.layer_norm_rms_epsilon", in: Float.leastNormalMagnitude...1)
      ?? 1e-5
    ropeBase = try file.float("\(architecture).rope.freq_base", in: 1...1e12) ?? 10_000

    let scaling = try file.string("\(architecture).rope.scaling.type") ?? "none"
    guard scaling == "none" || scaling == "linear" else {
      throw InputError(
        .ropeScalingKnown, file: file.path,
        at: .init(field: "\(architecture).rope.scaling.type"), found: "\"\(scaling)\"",
        allowed: "one of the supported ones: none, linear")
    }
    let factor =
      try file.float("\(architecture).rope.scaling.factor", in: 1e-3...1e6)
      ?? file.float("\(architecture).rope.scale_linear", in: 1e-3...1e6) ?? 1
    ropeFactor = scaling == "linear" ? factor : 1
  }
}
