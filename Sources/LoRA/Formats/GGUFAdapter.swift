import Boundary
import GGUF
public import Llama
import QuantKernels

/// Adapters as llama.cpp loads them: a GGUF file of type `adapter`.
///
/// A tensor's name is the base tensor's whole name and `.lora_a` or `.lora_b`; A is `[rank,
/// inputs]`, B `[outputs, rank]`, slowest first. The scale is alpha / rank, and alpha is one number
/// for all of them: where sites have scales of their own, B is scaled so that the effect stays.
/// Source: llama.cpp, `convert_lora_to_gguf.py` and `llama-adapter.cpp`.
public enum GGUFAdapter {
  static let alphaKey = "adapter.lora.alpha"
  static let baseNameKey = "general.base_model.0.name"

  /// Reads an adapter and checks it against the base.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - known: The base's shape; without it the adapter has to carry it.
  ///   - baseDigest: The base's SHA-256, where it is known.
  /// - Returns: The adapter in F32, whatever the file's type.
  /// - Throws: `InputError` with the rule that the file breaks.
  public static func read(
    _ path: String, shape known: LlamaConfiguration? = nil, baseDigest: String? = nil
  ) throws -> Adapter {
    let file = try GGUFFile(path)
    try check(
      file, "general.type", "adapter", rule: .adapterFileWanted,
      hints: ["a model is given with -m, its adapter with --lora"])
    try check(file, "adapter.type", "lora", rule: .adapterFeature)
    let shape = try baseShape(known, recorded: try file.string(baseShapeKey), file: path)
    try check(file, "general.architecture", shape.architecture, rule: .adapterFitsBase)
    let digest = try file.string(Adapter.digestKey)
    let baseName = try file.string(baseNameKey)
    try checkBase(digest, wanted: baseDigest, name: baseName, file: path)
    var warnings = file.warnings
    if digest == nil { warnings.append(unknownBase(path, name: baseName)) }

    let alpha = try readAlpha(file, warnings: &warnings)
    var halves: [ProjectionSite: UpdateHalves] = [:]
    for tensor in file.tensors {
      guard let (site, isA) = place(of: tensor.name, layers: shape.layers) else {
        guard !tensor.name.hasSuffix("_norm.weight") else {
          throw InputError(
            .adapterExtraTensor, file: path, at: .init(entry: "tensor \"\(tensor.name)\""),
            found: "a trained norm weight", allowed: "supported")
        }
        throw InputError(
          .adapterTarget, file: path, at: .init(entry: "tensor \"\(tensor.name)\""),
          found: "it names no matrix of this base that adapters may change",
          hints: ["was it made for another base model?"])
      }
      let half = UpdateHalves.Half(
        name: tensor.name, shape: tensor.dims.reversed(), values: try floats(tensor, file))
      if isA {
        halves[site, default: .init()].a = half
      } else {
        halves[site, default: .init()].b = half
      }
    }
    guard !halves.isEmpty else {
      throw InputError(.adapterTarget, file: path, found: "the adapter has no tensors")
    }
    let parts = try halves.sorted { $0.key < $1.key }.map { site, halves in
      // Alpha 0 means the user's scale alone to llama.cpp, which is alpha = rank.
      try halves.part(at: site, shape: shape, file: path, fromHuggingFace: false) { rank in
        alpha == 0 ? Float(rank) : alpha
      }
    }
    return Adapter(
      shape: shape, parts: parts, baseDigest: digest, baseName: baseName, warnings: warnings)
  }

  /// Writes a file whole or not at all.
  ///
  /// - Throws: `InputError` as `writer` does, ADP-15 when something is there and `replacing` is
  ///   false; input/output errors.
  public static func write(_ adapter: Adapter, to path: String, replacing: Bool = false) throws {
    guard replacing || !Files.exists(path) else { throw InputError.adapterIsThere(path) }
    try writer(of: adapter).write(to: path)
  }

  /// What writes the file, F32.
  ///
  /// - Throws: `InputError` ADP-08 for DoRA, which the format has no place for; ADP-07 when scales are
  ///   too far apart for one number.
  private static func writer(of adapter: Adapter) throws -> GGUFWriter {
    guard !adapter.hasMagnitudes else {
      throw InputError(
        .adapterFeature, found: "an adapter with DoRA's magnitudes",
        allowed: "possible in a GGUF adapter",
        hints: ["export --to merged -m BASE.gguf puts it into the base; peft and mlx can hold it"])
    }
    let (alpha, factors) = commonScale(of: adapter.parts, \.plainAlpha)
    var writer = GGUFWriter()
    writer.set("general.architecture", .string(adapter.shape.architecture))
    writer.set("general.type", .string("adapter"))
    writer.set("adapter.type", .string("lora"))
    if let baseName = adapter.baseName {
      writer.set("general.base_model.count", .uint32(1))
      writer.set(baseNameKey, .string(baseName))
    }
    writer.set(alphaKey, .float32(alpha))
    if let digest = adapter.baseDigest {
      writer.set(Adapter.digestKey, .string(digest))
      writer.set(baseShapeKey, .string(adapter.shape.json.serialized))
    }
    for (part, factor) in zip(adapter.parts, factors) {
      let b = try scaled(part, by: factor)
      for (suffix, matrix) in [("lora_a", part.update.a), ("lora_b", b)] {
        writer.add(
          name: "\(part.site).weight.\(suffix)", type: .f32, dims: [matrix.columns, matrix.rows]
        ) { append in try append(littleEndian(matrix.values)) }
      }
    }
    return writer
  }

  private static func check(
    _ file: GGUFFile, _ key: String, _ wanted: String, rule: InputError.Rule, hints: [String] = []
  ) throws {
    let found = try file.string(key)
    guard found == wanted else {
      throw InputError(
        rule, file: file.path, at: .init(field: key), found: found.map { "\"\($0)\"" } ?? "nothing",
        allowed: "\"\(wanted)\"", hints: hints)
    }
  }

  private static func readAlpha(_ file: GGUFFile, warnings: inout [String]) throws -> Float {
    guard let alpha = try file.float(alphaKey, in: 0...Float.greatestFiniteMagnitude) else {
      throw InputError(
        .adapterAlpha, file: file.path, at: .init(field: alphaKey), found: "the key is missing")
    }
    if alpha == 0 { warnings.append("\(file.path): alpha is 0, so the scale is 1 for every rank") }
    return alpha
  }

  /// The site and half that a tensor's name means.
  private static func place(of name: String, layers: Int) -> (ProjectionSite, isA: Bool)? {
    let words = name.split(separator: ".", omittingEmptySubsequences: false)
    guard words.count == 5, words[0] == "blk", let layer = Int(words[1]), "\(layer)" == words[1],
      (0..<layers).contains(layer), let projection = Projection(rawValue: String(words[2])),
      words[3] == "weight", words[4] == "lora_a" || words[4] == "lora_b"
    else { return nil }
    return (ProjectionSite(layer: layer, projection: projection), words[4] == "lora_a")
  }

  private static func floats(_ tensor: TensorInfo, _ file: GGUFFile) throws -> [Float] {
    guard tensor.dims.count == 2, WeightMatrix.supports(tensor.type) else {
      throw InputError(
        tensor.dims.count == 2 ? .adapterFeature : .adapterShape, file: file.path,
        at: .init(entry: "tensor \"\(tensor.name)\""),
        found: "\(tensor.type.name) \(tensor.dims)", allowed: "a matrix of a supported type")
    }
    guard !tensor.dims.contains(0) else { return [] }
    let matrix = Matrix(rows: tensor.rows, columns: tensor.columns)
    let weights = unsafe file.withBytes(of: tensor) { bytes in
      unsafe WeightMatrix(
        type: tensor.type, rows: tensor.rows, columns: tensor.columns, bytes: bytes)
    }
    for row in 0..<tensor.rows { weights.copyRow(row, into: matrix, row: row) }
    return matrix.values
  }
}

extension InputError.Rule {
  static let adapterFileWanted = Self("GGUF-K26", exit: .mismatch)
}
