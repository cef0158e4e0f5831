import Boundary
import Llama
import QuantKernels
import TestSupport
import Testing

@testable import LoRA

@Suite("PEFT adapters")
struct PEFTAdapterTests {
  static func shape() throws -> LlamaConfiguration {
    try TinyModel(seed: 1).load().model.configuration
  }

  /// The configuration that PEFT writes for rank 2, with changes.
  static func configuration(_ changes: JSONObject = [:]) -> JSONObject {
    var object: JSONObject = [
      "peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"], "bias": "none",
    ]
    for (key, value) in changes { object[key] = value }
    return object
  }

  static let stem = "base_model.model.model.layers.0.self_attn.q_proj"

  /// A and B of layer 0's query, of rank 2.
  static func tensors() -> [(String, [Int], [Float])] {
    [
      ("\(stem).lora_A.weight", [2, 32], (0..<64).map { Float($0) }),
      ("\(stem).lora_B.weight", [32, 2], (0..<64).map { Float($0) }),
    ]
  }

  static func read(
    _ tensors: [(String, [Int], [Float])] = tensors(),
    _ configuration: JSONObject? = configuration(),
    metadata: [(String, String)] = [], baseDigest: String? = nil
  ) throws -> Adapter {
    try Scratch.folder { folder in
      var writer = SafetensorsWriter(metadata: metadata)
      for (name, shape, values) in tensors { writer.add(name, shape: shape, values: values) }
      try Files.writeAtomically(writer.bytes(), to: "\(folder)/adapter_model.safetensors")
      if let configuration {
        try Files.writeAtomically(
          JSONValue.object(configuration).serialized, to: "\(folder)/adapter_config.json")
      }
      return try PEFTAdapter.read(folder, shape: try shape(), baseDigest: baseDigest)
    }
  }

  static func verdict(_ body: () throws -> Adapter) throws -> String {
    do {
      _ = try body()
      return "ok"
    } catch let error as InputError {
      return "\(error.rule.code) \(error.exit.rawValue)"
    }
  }

  @Test("a good folder gives scale alpha / rank")
  func good() throws {
    let adapter = try Self.read()
    #expect(adapter.parts.count == 1)
    #expect(adapter.parts[0].update.scale == 2)
    #expect(adapter.parts[0].update.a.values == (0..<64).map { Float($0) })
  }

  @Test("rows of Q and K go from halves to pairs, those of others stay")
  func rowOrder() throws {
    // Head size 8: GGUF's pair (2i, 2i + 1) is Hugging Face's (i, i + 4).
    let b = try Self.read().parts[0].update.b
    let first = (0..<8).map { Int(b[$0, 0]) / 2 }
    #expect(first == [0, 4, 1, 5, 2, 6, 3, 7])
    let second = (8..<16).map { Int(b[$0, 0]) / 2 }
    #expect(second == [8, 12, 9, 13, 10, 14, 11, 15])
    let shape = try Self.shape()
    #expect(shape.ggufRows(ofHuggingFace: b, .value).values == b.values)
    let again = shape.ggufRows(ofHuggingFace: shape.huggingFaceRows(ofGGUF: b, .key), .key)
    #expect(again.values == b.values)
  }

  @Test("rsLoRA's scale is alpha / √rank, and stays so in PEFT and in GGUF")
  func rankStabilized() throws {
    let adapter = try Self.read(Self.tensors(), Self.configuration(["use_rslora": true]))
    #expect(abs(adapter.parts[0].update.scale - 4 / Float(2).squareRoot()) < 1e-6)
    try Scratch.folder { folder in
      try PEFTAdapter.write(adapter, to: "\(folder)/a")
      let json = try JSONValue(parsing: Files.readText("\(folder)/a/adapter_config.json"))
      #expect(json["use_rslora"] == true && json["lora_alpha"] == 4)
      try GGUFAdapter.write(adapter, to: "\(folder)/a.gguf")
      let gguf = try GGUFAdapter.read("\(folder)/a.gguf", shape: adapter.shape)
      #expect(abs(gguf.parts[0].update.scale / adapter.parts[0].update.scale - 1) < 1e-6)
      #expect(gguf.parts[0].update.b.values == adapter.parts[0].update.b.values)
    }
  }

  /// Magnitudes of layer 0's query.
  static let magnitude = (
    "\(stem).lora_magnitude_vector", [32], (0..<32).map { Float($0) }
  )

  @Test("DoRA's magnitudes of Q follow its rows")
  func magnitudes() throws {
    let adapter = try Self.read(
      Self.tensors() + [Self.magnitude], Self.configuration(["use_dora": true]))
    let values = try #require(adapter.parts[0].update.magnitude?.values)
    #expect(values.prefix(8) == [0, 4, 1, 5, 2, 6, 3, 7])
  }

  @Test("ADP-02, ADP-04, ADP-12: magnitudes missing, not announced, of another size, not finite")
  func badMagnitudes() throws {
    let dora = Self.configuration(["use_dora": true])
    #expect(try Self.verdict { try Self.read(Self.tensors(), dora) } == "ADP-02 5")
    #expect(
      try Self.verdict { try Self.read(Self.tensors() + [Self.magnitude]) } == "ADP-02 5")
    #expect(try Self.verdict { try Self.read([Self.magnitude], dora) } == "ADP-02 5")
    let short = (Self.magnitude.0, [31], Array(Self.magnitude.2.dropLast()))
    #expect(try Self.verdict { try Self.read(Self.tensors() + [short], dora) } == "ADP-04 5")
    let odd = (Self.magnitude.0, [32], Self.magnitude.2.map { $0 == 7 ? .nan : $0 })
    #expect(try Self.verdict { try Self.read(Self.tensors() + [odd], dora) } == "ADP-12 4")
  }

  @Test("ADP-01: an adapter that names another base; one that names none gets a warning")
  func base() throws {
    let named = [("tripost.base_sha256", "aa")]
    #expect(try Self.verdict { try Self.read(metadata: named, baseDigest: "bb") } == "ADP-01 5")
    #expect(try Self.read(metadata: named, baseDigest: "aa").warnings.isEmpty)
    #expect(try Self.read(baseDigest: "aa").warnings.count == 1)
    let called = Self.configuration(["base_model_name_or_path": "some/llama"])
    let foreign = try Self.read(Self.tensors(), called, baseDigest: "aa")
    #expect(foreign.baseName == "some/llama" && foreign.warnings[0].contains("some/llama"))
    do {
      _ = try Self.read(Self.tensors(), called, metadata: named, baseDigest: "bb")
    } catch let error as InputError {
      #expect(error.hints.contains { $0.contains("some/llama") })
    }
  }

  @Test("ADP-02: A without B, B without A", arguments: [0, 1])
  func pairs(missing: Int) throws {
    var tensors = Self.tensors()
    tensors.remove(at: missing)
    #expect(try Self.verdict { try Self.read(tensors) } == "ADP-02 5")
  }

  @Test(
    "ADP-03: targets that the base does not have",
    arguments: [
      "layers.2.self_attn.q_proj", "layers.00.self_attn.q_proj", "layers.-1.self_attn.q_proj",
      "layers.0.self_attn.qkv_proj", "layers.0.self_attn",
      "layers.99999999999999999999.mlp.up_proj",
    ])
  func targets(module: String) throws {
    let tensors = Self.tensors().map {
      ($0.0.replacing("layers.0.self_attn.q_proj", with: module), $0.1, $0.2)
    }
    #expect(try Self.verdict { try Self.read(tensors) } == "ADP-03 5")
  }

  @Test(
    "ADP-04: wrong shapes, transposed halves, ranks that differ",
    arguments: [
      ([2, 31], [32, 2]), ([2, 32], [31, 2]), ([32, 2], [2, 32]), ([2, 32], [32, 3]),
      ([64], [32, 2]),
      ([2, 32, 1], [32, 2]),
    ])
  func shapes(a: [Int], b: [Int]) throws {
    let tensors = zip(Self.tensors(), [a, b]).map { tensor, shape in
      (tensor.0, shape, [Float](repeating: 0, count: shape.reduce(1, *)))
    }
    #expect(try Self.verdict { try Self.read(tensors) } == "ADP-04 5")
  }

  @Test("ADP-05: the tensors' rank is not the configuration's, unless a pattern says so")
  func rankPattern() throws {
    #expect(
      try Self.verdict { try Self.read(Self.tensors(), Self.configuration(["r": 4])) } == "ADP-05 5"
    )
    for key in ["q_proj", "self_attn.q_proj", "model.layers.0.self_attn.q_proj"] {
      let configuration = Self.configuration([
        "r": 4, "rank_pattern": .object([key: 2]), "alpha_pattern": .object([key: 6]),
      ])
      #expect(try Self.read(Self.tensors(), configuration).parts[0].update.scale == 3)
    }
    let huge = Self.configuration(["rank_pattern": ["q_proj": 1e38]])
    #expect(try Self.verdict { try Self.read(Self.tensors(), huge) } == "ADP-05 5")
    let other = Self.configuration(["r": 4, "rank_pattern": ["k_proj": 2]])
    #expect(try Self.verdict { try Self.read(Self.tensors(), other) } == "ADP-05 5")
  }

  @Test("ADP-06: a rank beyond a matrix's smaller side is warned of, once")
  func excessRank() throws {
    let shape = try Self.shape()
    #expect(Adapter(shape: shape, rank: 16, alpha: 1, seed: 1).warnings.isEmpty)
    // Keys and values are 16 x 32 in both layers.
    let warnings = Adapter(shape: shape, rank: 17, alpha: 1, seed: 1).warnings
    #expect(
      warnings.count == 1 && warnings[0].contains("blk.0.attn_k is more than its matrix of 16 x 32")
    )
    #expect(warnings[0].hasSuffix("so are 3 others"))
    let tensors = Self.tensors().map { name, _, _ in
      let sides = name.contains("lora_A") ? [33, 32] : [32, 33]
      return (name, sides, [Float](repeating: 1, count: 33 * 32))
    }
    let read = try Self.read(tensors, Self.configuration(["r": 33]))
    #expect(read.warnings.contains { $0.contains("rank 33 of blk.0.attn_q") })
  }

  @Test("ADP-06: rank 0")
  func rankZero() throws {
    #expect(
      try Self.verdict { try Self.read(Self.tensors(), Self.configuration(["r": 0])) } == "ADP-06 4"
    )
    let empty = Self.tensors().map { ($0.0, $0.1[0] == 2 ? [0, 32] : [32, 0], [Float]()) }
    #expect(try Self.verdict { try Self.read(empty) } == "ADP-06 4")
  }

  @Test(
    "ADP-07: alpha missing, negative, no number", arguments: [nil, -1, "4", 1e300] as [JSONValue])
  func alpha(value: JSONValue) throws {
    var configuration = Self.configuration()
    configuration["lora_alpha"] = value.isNull ? nil : value
    #expect(try Self.verdict { try Self.read(Self.tensors(), configuration) } == "ADP-07 4")
  }

  @Test("ADP-07: alpha 0 is read, with a warning")
  func alphaZero() throws {
    let adapter = try Self.read(Self.tensors(), Self.configuration(["lora_alpha": 0]))
    #expect(adapter.parts[0].update.scale == 0)
    #expect(adapter.warnings.contains { $0.contains("no effect") })
  }

  @Test(
    "ADP-08: what is not supported is named, never ignored",
    arguments: [
      ("fan_in_fan_out", true), ("bias", "all"), ("lora_bias", true),
      ("modules_to_save", ["lm_head"]), ("layer_replication", [[0, 1]]), ("peft_type", "LOHA"),
      ("trainable_token_indices", [1]), ("init_lora_weights", "pissa"),
      ("rank_pattern", ["q_proj|k_proj": 2]), ("alora_invocation_tokens", [1]),
    ] as [(String, JSONValue)])
  func unsupported(field: String, value: JSONValue) throws {
    let configuration = Self.configuration([field: value])
    #expect(try Self.verdict { try Self.read(Self.tensors(), configuration) } == "ADP-08 5")
    do {
      _ = try Self.read(Self.tensors(), configuration)
    } catch let error as InputError {
      #expect(error.place.field?.hasPrefix(field) == true)
    }
  }

  @Test(
    "ADP-08: updates of the embedding are refused by name",
    arguments: [
      "base_model.model.model.embed_tokens.lora_embedding_A",
      "base_model.model.lm_head.lora_A.weight",
    ])
  func unsupportedTensors(name: String) throws {
    #expect(try Self.verdict { try Self.read(Self.tensors() + [(name, [1], [1])]) } == "ADP-08 5")
  }

  @Test("ADP-09: a changed vocabulary")
  func vocabulary() throws {
    let tensor = ("base_model.model.model.embed_tokens.weight", [1], [Float(1)])
    #expect(try Self.verdict { try Self.read(Self.tensors() + [tensor]) } == "ADP-09 5")
  }

  @Test("ADP-10: the configuration is missing, no JSON, no object, of wrong types")
  func configurationFile() throws {
    #expect(try Self.verdict { try Self.read(Self.tensors(), nil) } == "ADP-10 4")
    for text in ["", "[]", "{", "{\"r\":2,\"r\":2}", "\u{FEFF}"] {
      let verdict = try Scratch.folder { folder in
        try Files.writeAtomically(
          SafetensorsWriter().bytes(), to: "\(folder)/adapter_model.safetensors")
        try Files.writeAtomically(text, to: "\(folder)/adapter_config.json")
        return try Self.verdict { try PEFTAdapter.read(folder, shape: try Self.shape()) }
      }
      #expect(verdict == "ADP-10 4", "\(text)")
    }
    for wrong in [["r": "2"], ["use_rslora": 1], ["use_dora": "yes"]] as [JSONObject] {
      let configuration = Self.configuration(wrong)
      #expect(try Self.verdict { try Self.read(Self.tensors(), configuration) } == "ADP-10 4")
    }
  }

  @Test("ADP-10: unknown fields give a warning")
  func unknownField() throws {
    let adapter = try Self.read(
      Self.tensors(), Self.configuration(["new_thing": 1]),
      metadata: [("tripost.base_sha256", "aa")])
    #expect(adapter.warnings.count == 1 && adapter.warnings[0].contains("new_thing"))
  }

  @Test("ADP-11: trained weights beside A and B")
  func extraTensors() throws {
    let tensor = ("base_model.model.model.norm.weight", [1], [Float(1)])
    #expect(try Self.verdict { try Self.read(Self.tensors() + [tensor]) } == "ADP-11 5")
  }

  @Test(
    "ADP-12: values that are not finite", arguments: [Float.nan, .infinity, -.infinity], [0, 1])
  func finite(value: Float, half: Int) throws {
    var tensors = Self.tensors()
    tensors[half].2[17] = value
    do {
      _ = try Self.read(tensors)
      Issue.record("read")
    } catch let error as InputError {
      #expect(error.rule.code == "ADP-12" && error.exit == .malformedFile)
      #expect(error.place.index == 17)
      #expect(error.place.entry?.contains(tensors[half].0) == true)
    }
  }

  @Test("ADP-15: a target that exists is replaced only on demand")
  func exists() throws {
    let adapter = try Self.read()
    try Scratch.folder { folder in
      let target = "\(folder)/adapter"
      try PEFTAdapter.write(adapter, to: target)
      #expect(throws: InputError.self) { try PEFTAdapter.write(adapter, to: target) }
      try Files.writeAtomically("x", to: "\(target)/old")
      try PEFTAdapter.write(adapter, to: target, replacing: true)
      #expect(try Files.list(target) == ["adapter_config.json", "adapter_model.safetensors"])
      #expect(try Files.list(folder) == ["adapter"])
    }
  }

  @Test("ADP-16: a fault at any file operation leaves nothing of the target's name")
  func faults() throws {
    let adapter = try Self.read()
    try Scratch.folder { folder in
      let counter = FileFaults()
      try FileFaults.$current.withValue(counter) {
        try PEFTAdapter.write(adapter, to: "\(folder)/count")
      }
      #expect(counter.operations > 5)
      var failures = 0
      for operation in 1...counter.operations {
        let target = "\(folder)/\(operation)"
        do {
          try FileFaults.$current.withValue(FileFaults(.error(28), at: operation)) {
            try PEFTAdapter.write(adapter, to: target)
          }
        } catch let error as InputError {
          failures += 1
          #expect(error.exit == .disk)
          // The last sync comes after the rename; what is there then is whole.
          if Files.exists(target) { _ = try PEFTAdapter.read(target, shape: try Self.shape()) }
        }
      }
      #expect(failures > 5)
    }
  }

  @Test("ADP-18: pickle files are never read")
  func pickle() throws {
    let verdict = try Scratch.folder { folder in
      try Files.writeAtomically("x", to: "\(folder)/adapter_model.bin")
      return try Self.verdict { try PEFTAdapter.read(folder, shape: try Self.shape()) }
    }
    #expect(verdict == "ADP-18 4")
    let path = "/tmp/adapter.pt"
    #expect(try Self.verdict { try Adapter.read(path, shape: try Self.shape()) } == "ADP-18 4")
  }

  @Test("an adapter with other ranks and alphas at some sites survives the round trip")
  func patterns() throws {
    let shape = try Self.shape()
    let parts = [
      Adapter.Part(
        site: .init(layer: 0, projection: .query), alpha: 8, a: Matrix(rows: 2, columns: 32),
        b: Matrix(rows: 32, columns: 2)),
      Adapter.Part(
        site: .init(layer: 1, projection: .down), alpha: 2.5, a: Matrix(rows: 3, columns: 64),
        b: Matrix(rows: 32, columns: 3)),
    ]
    let adapter = Adapter(shape: shape, parts: parts, baseDigest: "aa")
    try Scratch.folder { folder in
      try PEFTAdapter.write(adapter, to: "\(folder)/a")
      let again = try PEFTAdapter.read("\(folder)/a", shape: shape, baseDigest: "aa")
      #expect(again.parts.map(\.site) == parts.map(\.site))
      #expect(again.parts.map(\.alpha) == [8, 2.5])
      #expect(again.parts.map(\.update.rank) == [2, 3])
      #expect(again.warnings.isEmpty)
    }
  }

  @Test(
    "PEFT's own folder is written back byte for byte, and its settings say the same",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
  func reference() throws {
    let model = try LlamaModel(SharedData.url("models/stories260K.gguf"))
    for name in ["init", "final"] {
      let source = SharedData.url("lora/peft-r4-qv/\(name)")
      let adapter = try PEFTAdapter.read(source, shape: model.configuration)
      try Scratch.folder { folder in
        try PEFTAdapter.write(adapter, to: "\(folder)/a")
        #expect(
          try Files.read("\(folder)/a/adapter_model.safetensors")
            == Files.read("\(source)/adapter_model.safetensors"))
        let ours = try JSONValue(parsing: Files.readText("\(folder)/a/adapter_config.json"))
        let theirs = try JSONValue(parsing: Files.readText("\(source)/adapter_config.json"))
        for (key, value) in try #require(ours.object) { #expect(value == theirs[key], "\(key)") }
      }
    }
  }
}
