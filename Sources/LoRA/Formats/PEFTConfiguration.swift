import Boundary
import Llama

/// `adapter_config.json`: what scale the updates have, and whether there is anything that we cannot
/// do.
struct PEFTConfiguration {
  let warnings: [String]
  /// What the base is called.
  let baseName: String?
  private let file: String
  private let rank: Int
  private let alpha: Double
  /// Whether scales are alpha / √rank.
  let isRankStabilized: Bool
  /// Whether every update has DoRA's magnitudes.
  private let hasMagnitudes: Bool
  private let ranks: ModulePattern
  private let alphas: ModulePattern

  /// Fields that say nothing about the forward pass.
  private static let harmless: Set<String> = [
    "auto_mapping", "base_model_name_or_path", "corda_config", "ensure_weight_tying", "eva_config",
    "exclude_modules", "inference_mode", "layers_pattern", "layers_to_transform", "loftq_config",
    "lora_dropout", "lora_ga_config", "megatron_core", "peft_version", "qalora_group_size",
    "revision", "runtime_config", "target_modules", "task_type",
  ]
  /// Fields that are read.
  private static let used: Set<String> = [
    "peft_type", "r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern", "bias",
    "init_lora_weights", "use_dora",
  ]
  /// Fields that change the forward pass in ways that are not supported, unless they are off.
  private static let unsupported: Set<String> = [
    "alora_invocation_tokens", "arrow_config", "fan_in_fan_out", "kasa_config", "layer_replication",
    "lora_bias", "megatron_config", "modules_to_save", "monteclora_config", "target_parameters",
    "trainable_token_indices", "use_bdlora", "use_qalora", "velora_config",
  ]
  /// Ways to start that leave the base as it is; others (PiSSA, OLoRA, LoftQ …) change it.
  private static let starts: [JSONValue] = [true, false, nil, "gaussian", "eva", "orthogonal"]

  init(folder: String) throws {
    let file = "\(folder)/\(PEFTAdapter.configName)"
    self.file = file
    let object = try adapterConfiguration(file)
    try Self.checkSupport(object, file: file)
    var warnings: [String] = []
    for key in object.keys
    where
      !(Self.used.contains(key) || Self.harmless.contains(key) || Self.unsupported.contains(key))
    {
      warnings.append("\(file): unknown field \"\(escaped(key))\" is left out")
    }

    guard let rank = object["r"]?.int, rank > 0 else {
      throw InputError(
        object["r"]?.int == nil ? .adapterConfig : .adapterRankZero, file: file,
        at: .init(field: "r"), found: object["r"]?.serialized ?? "nothing",
        allowed: "a rank above 0")
    }
    self.rank = rank
    guard let alpha = object["lora_alpha"]?.double, Self.isUsable(alpha) else {
      throw InputError(
        .adapterAlpha, file: file, at: .init(field: "lora_alpha"),
        found: object["lora_alpha"]?.serialized ?? "nothing", allowed: "a number from 0 on")
    }
    self.alpha = alpha
    if alpha == 0 { warnings.append("\(file): lora_alpha is 0, so the adapter has no effect") }
    hasMagnitudes = try Self.flag("use_dora", in: object, file: file)
    isRankStabilized = try Self.flag("use_rslora", in: object, file: file)
    ranks = try Self.pattern("rank_pattern", in: object, file: file)
    alphas = try Self.pattern("alpha_pattern", in: object, file: file)
    self.warnings = warnings
    baseName = object["base_model_name_or_path"]?.string
  }

  /// Refuses magnitudes that the configuration does not announce, and the lack of those it does.
  ///
  /// - Throws: `InputError` ADP-02.
  func check(_ halves: UpdateHalves, at site: ProjectionSite, file: String) throws {
    guard (halves.magnitude != nil) != hasMagnitudes else { return }
    throw InputError(
      .adapterPairs, file: file, at: .init(entry: "module \"\(site.modulePath)\""),
      found: hasMagnitudes ? "its magnitude is missing" : "a magnitude without use_dora")
  }

  /// Alpha of a site.
  ///
  /// - Throws: `InputError` ADP-05 when the rank is not what the configuration says.
  func alpha(at site: ProjectionSite, rank: Int) throws -> Float {
    let wanted = ranks[site] ?? Double(self.rank)
    guard Double(rank) == wanted else {
      throw InputError(
        .adapterRank, file: file, at: .init(entry: "module \"\(site.modulePath)\"", field: "r"),
        found: "the tensors' rank \(rank)", allowed: "the \(wanted) of the configuration")
    }
    return Float(alphas[site] ?? self.alpha)
  }

  private static func isUsable(_ alpha: Double) -> Bool { alpha >= 0 && Float(alpha).isFinite }

  private static func checkSupport(_ object: JSONObject, file: String) throws {
    func refuse(_ field: String, _ allowed: String) -> InputError {
      InputError(
        .adapterFeature, file: file, at: .init(field: field),
        found: object[field]?.serialized ?? "nothing", allowed: allowed)
    }
    guard object["peft_type"]?.string == "LORA" else { throw refuse("peft_type", "\"LORA\"") }
    guard (object["bias"] ?? "none") == "none" else { throw refuse("bias", "\"none\"") }
    guard starts.contains(object["init_lora_weights"] ?? true) else {
      throw refuse("init_lora_weights", "a way to start that leaves the base as it is")
    }
    for field in unsupported.sorted() {
      switch object[field] ?? .null {
      case .null, .bool(false), .array([]): continue
      case .object(let members) where members.isEmpty: continue
      default: throw refuse(field, "supported")
      }
    }
  }

  private static func pattern(
    _ field: String, in object: JSONObject, file: String
  ) throws -> ModulePattern {
    guard let value = object[field], !value.isNull else { return .init() }
    guard let members = value.object else {
      throw InputError(
        .adapterConfig, file: file, at: .init(field: field), found: value.serialized,
        allowed: "an object of numbers")
    }
    let entries = try members.map { key, value in
      let isPlain = key.utf8.allSatisfy {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "_")
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".")
      }
      guard isPlain else {
        throw InputError(
          .adapterFeature, file: file, at: .init(field: "\(field).\(key)"), found: "a pattern",
          allowed: "a plain module name")
      }
      let isRank = field == "rank_pattern"
      guard let number = value.double, isUsable(number), !isRank || number > 0 else {
        throw InputError(
          isRank ? .adapterRankZero : .adapterAlpha, file: file,
          at: .init(field: "\(field).\(key)"),
          found: value.serialized, allowed: "usable here")
      }
      return (name: key, value: number)
    }
    return ModulePattern(entries)
  }

  /// A boolean that may be absent or null, which is false.
  private static func flag(
    _ field: String, in object: JSONObject, file: String
  ) throws -> Bool {
    guard let value = object[field], !value.isNull else { return false }
    guard let flag = value.bool else {
      throw InputError(
        .adapterConfig, file: file, at: .init(field: field), found: value.serialized,
        allowed: "true or false")
    }
    return flag
  }
}

extension PEFTConfiguration {
  /// The file's text for an adapter: keys in order, one a line, as PEFT lays it out.
  static func bytes(describing adapter: Adapter) -> [UInt8] {
    let isRankStabilized = adapter.parts.allSatisfy(\.isRankStabilized)
    func alpha(_ part: Adapter.Part) -> Float {
      part.isRankStabilized == isRankStabilized ? part.alpha : part.plainAlpha
    }
    let rank = adapter.parts.first?.update.rank ?? 1
    let commonAlpha = adapter.parts.first.map(alpha) ?? 1
    var ranks = JSONObject()
    var alphas = JSONObject()
    for part in adapter.parts {
      if part.update.rank != rank {
        ranks[part.site.modulePath] = .integer(Int64(part.update.rank))
      }
      if alpha(part) != commonAlpha { alphas[part.site.modulePath] = number(alpha(part)) }
    }
    let modules = Set(adapter.parts.map { $0.site.projection }).map { projection in
      String(projection.peftName.split(separator: ".")[1])
    }
    let object: JSONObject = [
      "alpha_pattern": .object(alphas), "auto_mapping": nil,
      "base_model_name_or_path": adapter.baseName.map { .string($0) } ?? nil,
      "bias": "none", "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true,
      "layers_pattern": nil, "layers_to_transform": nil, "lora_alpha": number(commonAlpha),
      "lora_dropout": 0.0, "modules_to_save": nil, "peft_type": "LORA",
      "r": .integer(Int64(rank)), "rank_pattern": .object(ranks), "revision": nil,
      "target_modules": .array(modules.sorted().map { .string($0) }), "task_type": "CAUSAL_LM",
      "use_dora": .bool(adapter.hasMagnitudes), "use_rslora": .bool(isRankStabilized),
    ]
    return adapterConfiguration(object)
  }

  /// Whole numbers are written as integers, which is all that Ollama's converter reads.
  private static func number(_ value: Float) -> JSONValue {
    Int64(exactly: value).map { .integer($0) } ?? .number(Double(value))
  }
}
