import Boundary
public import Llama
import QuantKernels

/// Adapters as mlx-lm keeps them: a folder of `adapter_config.json` and `adapters.safetensors`.
///
/// Keys are `model.layers.{i}.{module}.lora_a` `[inputs, rank]` and `.lora_b` `[rank, outputs]`, both
/// transposed against PEFT, with DoRA `.m` `[outputs]`; rows of Q and K are in Hugging Face order. One
/// scale multiplies all updates: where sites have their own, B is scaled so that the effect stays.
/// Source: mlx-lm, `tuner/lora.py`, `tuner/dora.py` and `tuner/utils.py`.
public enum MLXAdapter {
  static let configName = "adapter_config.json"
  static let weightsName = "adapters.safetensors"
  static let prefix = "model.layers."

  /// Reads a folder and checks it against the base.
  ///
  /// - Parameters:
  ///   - folder: The folder's path.
  ///   - known: The base's shape; without it the adapter has to carry it.
  ///   - baseDigest: The base's SHA-256, where it is known.
  /// - Returns: The adapter in F32, its rows in GGUF order.
  /// - Throws: `InputError` with the rule that the folder breaks.
  public static func read(
    _ folder: String, shape known: LlamaConfiguration? = nil, baseDigest: String? = nil
  ) throws -> Adapter {
    let configuration = try Configuration("\(folder)/\(configName)")
    let path = "\(folder)/\(weightsName)"
    let file = try SafetensorsFile(path)
    let digest = file.metadata[Adapter.digestKey]
    try checkBase(digest, wanted: baseDigest, name: configuration.baseName, file: path)
    let shape = try baseShape(known, recorded: file.metadata[baseShapeKey], file: path)
    let halves = try file.updateHalves(place: { place(of: $0, layers: shape.layers) }) { tensor in
      let isUpdate = tensor.name.contains(".lora_")
      throw InputError(
        isUpdate ? .adapterTarget : .adapterExtraTensor, file: path,
        at: .init(entry: "tensor \"\(tensor.name)\""),
        found: isUpdate
          ? "it names no matrix of this base that adapters may change"
          : "trained weights beside the updates are not supported",
        hints: isUpdate ? ["was it made for another base model?"] : [])
    }
    let parts = try halves.map { site, halves in
      guard (halves.magnitude != nil) == configuration.hasMagnitudes else {
        throw InputError(
          .adapterPairs, file: path, at: .init(entry: "module \"\(site.modulePath)\""),
          found: configuration.hasMagnitudes
            ? "its magnitude is missing" : "a magnitude without fine_tune_type \"dora\"")
      }
      return try transposed(halves).part(
        at: site, shape: shape, file: path, fromHuggingFace: true
      ) { rank in Float(configuration.scale * Double(rank)) }
    }
    let warnings = digest == nil ? [unknownBase(folder, name: configuration.baseName)] : []
    return Adapter(
      shape: shape, parts: parts, baseDigest: digest, baseName: configuration.baseName,
      warnings: warnings)
  }

  /// Writes a folder whole or not at all.
  ///
  /// - Throws: `InputError` ADP-07 when scales are too far apart for one number, ADP-15 when something
  ///   is there and `replacing` is false; input/output errors.
  public static func write(_ adapter: Adapter, to folder: String, replacing: Bool = false) throws {
    // One alpha and one rank give the scale exactly; others say it as a float.
    let first = adapter.parts.first { $0.alpha != 0 } ?? adapter.parts.first
    let (scale, factors) = commonScale(of: adapter.parts, \.update.scale)
    let exact = first.map { Double($0.plainAlpha) / Double($0.update.rank) }
    var writer = SafetensorsWriter(metadata: adapter.baseMetadata)
    for (part, factor) in zip(adapter.parts, factors) {
      let (a, site) = (part.update.a, part.site)
      let b = adapter.shape.huggingFaceRows(
        ofGGUF: try scaled(part, by: factor), site.projection)
      let stem = "\(prefix)\(site.layer).\(site.projection.peftName)"
      writer.add(
        "\(stem).lora_a", shape: [a.columns, a.rows], values: transposed(a.values, a.rows))
      writer.add(
        "\(stem).lora_b", shape: [b.columns, b.rows], values: transposed(b.values, b.rows))
      if let magnitude = part.update.magnitude {
        writer.add(
          "\(stem).m", shape: [b.rows],
          values: adapter.shape.huggingFaceRows(ofGGUFColumns: magnitude, site.projection).values)
      }
    }
    let config = Configuration(
      scale: exact.flatMap { Float($0) == scale ? $0 : nil } ?? Double(scale),
      hasMagnitudes: adapter.hasMagnitudes, baseName: adapter.baseName)
    try writeFolder(
      [
        FileInPieces(weightsName, writer.write),
        FileInPieces(configName, bytes: config.bytes(describing: adapter)),
      ], to: folder, replacing: replacing)
  }

  /// The site and half that a tensor's name means.
  private static func place(
    of name: String, layers: Int
  ) -> (ProjectionSite, UpdateHalves.Role)? {
    guard name.hasPrefix(prefix) else { return nil }
    let words = name.dropFirst(prefix.count).split(separator: ".", omittingEmptySubsequences: false)
    guard words.count == 4,
      let site = ProjectionSite(layer: words[0], module: "\(words[1]).\(words[2])", of: layers)
    else { return nil }
    switch words[3] {
    case "lora_a": return (site, .a)
    case "lora_b": return (site, .b)
    case "m": return (site, .magnitude)
    default: return nil
    }
  }

  /// A and B as the other formats have them; of other shapes than matrices, as they are.
  private static func transposed(_ halves: UpdateHalves) -> UpdateHalves {
    var turned = halves
    for role in [UpdateHalves.Role.a, .b] {
      guard let half = halves[role], half.shape.count == 2 else { continue }
      turned[role] = .init(
        name: half.name, shape: half.shape.reversed(),
        values: transposed(half.values, half.shape[0]))
    }
    return turned
  }

  /// The transpose of a row-major matrix.
  private static func transposed(_ values: [Float], _ rows: Int) -> [Float] {
    guard rows > 0 else { return [] }
    let columns = values.count / rows
    var turned = [Float](repeating: 0, count: values.count)
    for column in 0..<columns {
      for row in 0..<rows { turned[column * rows + row] = values[row * columns + column] }
    }
    return turned
  }

  /// `adapter_config.json`.
  private struct Configuration {
    /// What the updates are multiplied by.
    let scale: Double
    /// Whether the updates are DoRA's.
    let hasMagnitudes: Bool
    /// What the base is called.
    let baseName: String?

    init(scale: Double, hasMagnitudes: Bool, baseName: String?) {
      (self.scale, self.hasMagnitudes, self.baseName) = (scale, hasMagnitudes, baseName)
    }

    init(_ file: String) throws {
      let object = try adapterConfiguration(file)
      let type = object["fine_tune_type"] ?? "lora"
      guard type == "lora" || type == "dora" else {
        throw InputError(
          .adapterFeature, file: file, at: .init(field: "fine_tune_type"), found: type.serialized,
          allowed: "\"lora\" or \"dora\"")
      }
      hasMagnitudes = type == "dora"
      let parameters = object["lora_parameters"]
      guard let scale = parameters?["scale"]?.double, (0...1e30).contains(scale) else {
        throw InputError(
          .adapterAlpha, file: file, at: .init(field: "lora_parameters.scale"),
          found: parameters?["scale"]?.serialized ?? "nothing", allowed: "a number from 0 to 1e30")
      }
      self.scale = scale
      baseName = object["model"]?.string
    }

    func bytes(describing adapter: Adapter) -> [UInt8] {
      let keys = Projection.allCases.filter { projection in
        adapter.parts.contains { $0.site.projection == projection }
      }
      let rank = adapter.parts.map(\.update.rank).max() ?? 1
      return adapterConfiguration([
        "fine_tune_type": hasMagnitudes ? "dora" : "lora",
        "lora_parameters": [
          "rank": .integer(Int64(rank)), "scale": .number(scale), "dropout": 0.0,
          "keys": .array(keys.map { .string($0.peftName) }),
        ],
        "model": baseName.map { .string($0) } ?? nil,
        "num_layers": .integer(Int64(adapter.shape.layers)),
      ])
    }
  }
}
