import Boundary
public import Llama
import QuantKernels

/// Adapters as Hugging Face PEFT keeps them: a folder of `adapter_config.json` and
/// `adapter_model.safetensors`.
///
/// Keys are `base_model.model.model.layers.{i}.{module}.lora_A.weight` `[rank, inputs]` and
/// `.lora_B.weight` `[outputs, rank]`, with DoRA `.lora_magnitude_vector` `[outputs]`, with the rows of
/// Q and K in Hugging Face order. Source: PEFT 0.21, `tuners/lora`.
public enum PEFTAdapter {
  static let configName = "adapter_config.json"
  static let weightsName = "adapter_model.safetensors"
  static let prefix = "base_model.model.model.layers."

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
    let weightsPath = "\(folder)/\(weightsName)"
    guard Files.exists(weightsPath) || !Files.exists("\(folder)/adapter_model.bin") else {
      throw InputError.pickledAdapter("\(folder)/adapter_model.bin")
    }
    let configuration = try PEFTConfiguration(folder: folder)
    let file = try SafetensorsFile(weightsPath)
    let digest = file.metadata[Adapter.digestKey]
    try checkBase(digest, wanted: baseDigest, name: configuration.baseName, file: weightsPath)
    let shape = try baseShape(known, recorded: file.metadata[baseShapeKey], file: weightsPath)
    var warnings = configuration.warnings
    if digest == nil { warnings.append(unknownBase(folder, name: configuration.baseName)) }
    let halves = try file.updateHalves(place: { place(of: $0, layers: shape.layers) }) {
      try refuse($0, file: weightsPath, warnings: &warnings)
    }
    let parts = try halves.map { site, halves in
      try configuration.check(halves, at: site, file: weightsPath)
      return try halves.part(
        at: site, shape: shape, file: weightsPath, fromHuggingFace: true,
        isRankStabilized: configuration.isRankStabilized
      ) { try configuration.alpha(at: site, rank: $0) }
    }
    return Adapter(
      shape: shape, parts: parts, baseDigest: digest, baseName: configuration.baseName,
      warnings: warnings)
  }

  /// Writes a folder whole or not at all.
  ///
  /// - Throws: `InputError` ADP-15 when something is there and `replacing` is false; input/output
  ///   errors.
  public static func write(_ adapter: Adapter, to folder: String, replacing: Bool = false) throws {
    try writeFolder(files(of: adapter), to: folder, replacing: replacing)
  }

  /// The folder's files by name.
  static func files(of adapter: Adapter) -> [FileInPieces] {
    var writer = SafetensorsWriter(metadata: [("format", "pt")] + adapter.baseMetadata)
    for part in adapter.parts {
      let (a, site) = (part.update.a, part.site)
      let b = adapter.shape.huggingFaceRows(ofGGUF: part.update.b, site.projection)
      let stem = "\(prefix)\(site.layer).\(site.projection.peftName)"
      writer.add("\(stem).lora_A.weight", shape: [a.rows, a.columns], values: a.values)
      writer.add("\(stem).lora_B.weight", shape: [b.rows, b.columns], values: b.values)
      if let magnitude = part.update.magnitude {
        writer.add(
          "\(stem).lora_magnitude_vector", shape: [b.rows],
          values: adapter.shape.huggingFaceRows(ofGGUFColumns: magnitude, site.projection).values)
      }
    }
    return [
      FileInPieces(weightsName, writer.write),
      FileInPieces(configName, bytes: PEFTConfiguration.bytes(describing: adapter)),
    ]
  }

  /// The site and half that a tensor's name means.
  private static func place(
    of name: String, layers: Int
  ) -> (ProjectionSite, UpdateHalves.Role)? {
    guard name.hasPrefix(prefix) else { return nil }
    let words = name.dropFirst(prefix.count).split(separator: ".", omittingEmptySubsequences: false)
    guard words.count >= 4,
      let site = ProjectionSite(layer: words[0], module: "\(words[1]).\(words[2])", of: layers)
    else { return nil }
    switch words[3...].joined(separator: ".") {
    case "lora_A.weight": return (site, .a)
    case "lora_B.weight": return (site, .b)
    case "lora_magnitude_vector": return (site, .magnitude)
    default: return nil
    }
  }

  /// Says what is wrong with a tensor that is no half of an update.
  private static func refuse(
    _ tensor: SafetensorsFile.Tensor, file: String, warnings: inout [String]
  ) throws {
    let name = tensor.name
    let ofVocabulary = name.contains("embed_tokens") || name.contains("lm_head")
    let rule: InputError.Rule
    let found: String
    if name.contains("lora_embedding") || (ofVocabulary && name.contains("lora_")) {
      (rule, found) = (.adapterFeature, "updates of embeddings and output head are not supported")
    } else if ofVocabulary {
      (rule, found) = (.adapterVocabulary, "a changed vocabulary is not supported")
    } else if ["lora_A", "lora_B", "lora_magnitude"].contains(where: name.contains) {
      (rule, found) = (.adapterTarget, "it names no matrix of this base that adapters may change")
    } else if ["F32", "F16", "BF16", "F64"].contains(tensor.type) {
      (rule, found) = (.adapterExtraTensor, "trained weights beside A and B are not supported")
    } else {
      return warnings.append("\(file): tensor \"\(escaped(name))\" is left out")
    }
    throw InputError(
      rule, file: file, at: .init(entry: "tensor \"\(name)\""), found: found,
      hints: rule == .adapterTarget ? ["was it made for another base model?"] : [])
  }
}
