import Boundary
public import Llama
import QuantKernels

/// Adapters as Hugging Face PEFT keeps them: a folder of `adapter_config.json` and
/// `adapter_model.safetensors`.
///
/// Keys are `base_model.model.model.layers.{i}.{module}.lora_A.weight` `[rank, inputs]` and
/// `.lora_B.weight` `[outputs, rank]`, with the rows of Q and K in Hugging Face order. Source: PEFT
/// 0.21, `tuners/lora`.
public enum PEFTAdapter {
  static let configName = "adapter_config.json"
  static let weightsName = "adapter_model.safetensors"
  static let prefix = "base_model.model.model.layers."
  static let digestKey = "tripost.base_sha256"

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
    try checkBase(file.metadata[digestKey], wanted: baseDigest, file: weightsPath)
    let shape = try baseShape(known, recorded: file.metadata[baseShapeKey], file: weightsPath)
    var warnings = configuration.warnings
    if file.metadata[digestKey] == nil {
      warnings.append("\(folder): the files do not say which base it was trained on")
    }
    let halves = try readHalves(file, shape: shape, warnings: &warnings)
    let parts = try halves.sorted { $0.key < $1.key }.map { site, halves in
      try halves.part(at: site, shape: shape, file: weightsPath, fromHuggingFace: true) { rank in
        try configuration.alpha(at: site, rank: rank)
      }
    }
    return Adapter(
      shape: shape, parts: parts, baseDigest: file.metadata[digestKey], warnings: warnings)
  }

  /// Writes a folder whole or not at all.
  ///
  /// - Throws: `InputError` ADP-15 when something is there and `replacing` is false; input/output
  ///   errors.
  public static func write(_ adapter: Adapter, to folder: String, replacing: Bool = false) throws {
    try writeFolder(files(of: adapter), to: folder, replacing: replacing)
  }

  /// The folder's files by name.
  static func files(of adapter: Adapter) -> [(name: String, bytes: [UInt8])] {
    var metadata = [("format", "pt")]
    if let digest = adapter.baseDigest {
      metadata += [(digestKey, digest), (baseShapeKey, adapter.shape.json.serialized)]
    }
    var writer = SafetensorsWriter(metadata: metadata)
    for part in adapter.parts {
      let (a, site) = (part.update.a, part.site)
      let b = adapter.shape.huggingFaceRows(ofGGUF: part.update.b, site.projection)
      let stem = "\(prefix)\(site.layer).\(site.projection.peftName)"
      writer.add("\(stem).lora_A.weight", shape: [a.rows, a.columns], values: a.values)
      writer.add("\(stem).lora_B.weight", shape: [b.rows, b.columns], values: b.values)
    }
    return [
      (weightsName, writer.bytes()), (configName, PEFTConfiguration.bytes(describing: adapter)),
    ]
  }

  private static func readHalves(
    _ file: SafetensorsFile, shape: LlamaConfiguration, warnings: inout [String]
  ) throws -> [ProjectionSite: UpdateHalves] {
    var halves: [ProjectionSite: UpdateHalves] = [:]
    for tensor in file.tensors {
      guard let (site, isA) = place(of: tensor.name, layers: shape.layers) else {
        try refuse(tensor, file: file.path, warnings: &warnings)
        continue
      }
      guard let values = file.floats(tensor) else {
        throw InputError(
          .adapterFeature, file: file.path, at: .init(entry: "tensor \"\(tensor.name)\""),
          found: tensor.type, allowed: "F32, F16 or BF16")
      }
      let half = UpdateHalves.Half(name: tensor.name, shape: tensor.shape, values: values)
      if isA {
        halves[site, default: .init()].a = half
      } else {
        halves[site, default: .init()].b = half
      }
    }
    try file.checkUnchanged()
    guard !halves.isEmpty else {
      throw InputError(.adapterTarget, file: file.path, found: "no tensor changes this base")
    }
    return halves
  }

  /// The site and half that a tensor's name means.
  private static func place(of name: String, layers: Int) -> (ProjectionSite, isA: Bool)? {
    guard name.hasPrefix(prefix) else { return nil }
    let words = name.dropFirst(prefix.count).split(separator: ".", omittingEmptySubsequences: false)
    guard words.count == 5, let layer = Int(words[0]), "\(layer)" == words[0],
      (0..<layers).contains(layer), words[4] == "weight",
      words[3] == "lora_A" || words[3] == "lora_B",
      let projection = Projection.allCases.first(where: { $0.peftName == "\(words[1]).\(words[2])" }
      )
    else { return nil }
    return (ProjectionSite(layer: layer, projection: projection), words[3] == "lora_A")
  }

  /// Says what is wrong with a tensor that is no half of an update.
  private static func refuse(
    _ tensor: SafetensorsFile.Tensor, file: String, warnings: inout [String]
  ) throws {
    let name = tensor.name
    let ofVocabulary = name.contains("embed_tokens") || name.contains("lm_head")
    let rule: InputError.Rule
    let found: String
    if name.contains("lora_magnitude_vector") {
      (rule, found) = (.adapterFeature, "a DoRA magnitude is not supported")
    } else if name.contains("lora_embedding") || (ofVocabulary && name.contains("lora_")) {
      (rule, found) = (.adapterFeature, "updates of embeddings and output head are not supported")
    } else if ofVocabulary {
      (rule, found) = (.adapterVocabulary, "a changed vocabulary is not supported")
    } else if name.contains("lora_A") || name.contains("lora_B") {
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
