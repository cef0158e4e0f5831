import Boundary
import Llama
import QuantKernels
import TestSupport
import Testing

@testable import LoRA

@Suite("MLX adapters")
struct MLXAdapterTests {
  static let stem = "model.layers.0.self_attn.q_proj"

  static func configuration(_ changes: JSONObject = [:]) -> JSONObject {
    var object: JSONObject = [
      "fine_tune_type": "lora", "num_layers": 2,
      "lora_parameters": ["rank": 2, "scale": 20.0, "dropout": 0.0, "keys": ["self_attn.q_proj"]],
    ]
    for (key, value) in changes { object[key] = value }
    return object
  }

  /// A `[inputs, rank]` and B `[rank, outputs]` of layer 0's query.
  static func tensors() -> [(String, [Int], [Float])] {
    [
      ("\(stem).lora_a", [32, 2], (0..<64).map { Float($0) }),
      ("\(stem).lora_b", [2, 32], (0..<64).map { Float($0) }),
    ]
  }

  static func read(
    _ tensors: [(String, [Int], [Float])] = tensors(),
    _ configuration: JSONObject? = configuration(), metadata: [(String, String)] = [],
    baseDigest: String? = nil
  ) throws -> Adapter {
    try Scratch.folder { folder in
      var writer = SafetensorsWriter(metadata: metadata)
      for (name, shape, values) in tensors { writer.add(name, shape: shape, values: values) }
      try Files.writeAtomically(writer.bytes(), to: "\(folder)/adapters.safetensors")
      if let configuration {
        try Files.writeAtomically(
          JSONValue.object(configuration).serialized, to: "\(folder)/adapter_config.json")
      }
      return try Adapter.read(
        folder, shape: try PEFTAdapterTests.shape(), baseDigest: baseDigest)
    }
  }

  static func verdict(
    _ tensors: [(String, [Int], [Float])] = tensors(),
    _ configuration: JSONObject? = configuration()
  ) throws -> String {
    try PEFTAdapterTests.verdict { try read(tensors, configuration) }
  }

  @Test("A and B are transposed, B's rows of Q go from halves to pairs, the scale is the file's")
  func layout() throws {
    let update = try Self.read().parts[0].update
    #expect(update.scale == 20)
    #expect(update.a.row(0) == (0..<32).map { Float(2 * $0) })
    // Column o of the file's B is row o in Hugging Face's order: o and 32 + o.
    #expect((0..<8).map { Int(update.b[$0, 0]) } == [0, 4, 1, 5, 2, 6, 3, 7])
    #expect((0..<8).map { Int(update.b[$0, 1]) } == [32, 36, 33, 37, 34, 38, 35, 39])
  }

  @Test(
    "GGUF to MLX to PEFT to MLX to GGUF gives the same A, B, magnitudes and scales, bit for bit",
    arguments: [false, true])
  func roundTrip(dora: Bool) throws {
    let model = try TinyModel(seed: 1).load().model
    let shape = model.configuration
    let adapter = GradientTests.adapter(shape, magnitudesOf: dora ? model.weights : nil)
    try Scratch.folder { folder in
      var current = adapter
      if !dora {
        try GGUFAdapter.write(current, to: "\(folder)/a.gguf")
        current = try Adapter.read("\(folder)/a.gguf", shape: shape)
      }
      try MLXAdapter.write(current, to: "\(folder)/mlx")
      current = try Adapter.read("\(folder)/mlx", shape: shape)
      try PEFTAdapter.write(current, to: "\(folder)/peft")
      current = try Adapter.read("\(folder)/peft", shape: shape)
      try MLXAdapter.write(current, to: "\(folder)/again")
      for name in ["adapters.safetensors", "adapter_config.json"] {
        #expect(try Files.read("\(folder)/mlx/\(name)") == Files.read("\(folder)/again/\(name)"))
      }
      #expect(current.parameterDigest == adapter.parameterDigest)
      if !dora {
        #expect(try GGUFAdapterTests.bytes(of: current) == Files.read("\(folder)/a.gguf"))
      }
    }
  }

  @Test("what is written is what mlx-lm loads: rank, scale, keys and all layers")
  func settings() throws {
    let adapter = GradientTests.adapter(try PEFTAdapterTests.shape(), [.query, .down])
    try Scratch.folder { folder in
      try MLXAdapter.write(adapter, to: "\(folder)/mlx")
      let json = try JSONValue(parsing: Files.readText("\(folder)/mlx/adapter_config.json"))
      #expect(json["fine_tune_type"] == "lora" && json["num_layers"] == 2)
      #expect(json["lora_parameters"]?["scale"]?.double == 2)
      #expect(json["lora_parameters"]?["rank"] == 3)
      #expect(json["lora_parameters"]?["keys"] == ["self_attn.q_proj", "mlp.down_proj"])
      let file = try SafetensorsFile("\(folder)/mlx/adapters.safetensors")
      #expect(file.tensor("model.layers.1.mlp.down_proj.lora_a")?.shape == [64, 3])
      #expect(file.tensor("model.layers.1.mlp.down_proj.lora_b")?.shape == [3, 32])
      #expect(throws: InputError.self) { try MLXAdapter.write(adapter, to: "\(folder)/mlx") }
    }
  }

  @Test("ADP-01: another base")
  func base() throws {
    let metadata = [("tripost.base_sha256", "aa")]
    #expect(throws: InputError.self) { try Self.read(metadata: metadata, baseDigest: "bb") }
    #expect(try Self.read(metadata: metadata, baseDigest: "aa").warnings.isEmpty)
    #expect(try Self.read(baseDigest: "aa").warnings.count == 1)
  }

  @Test("ADP-02 … ADP-12: halves, targets, shapes, scale, kind, configuration, values")
  func refusals() throws {
    let (a, b) = (Self.tensors()[0], Self.tensors()[1])
    let m = ("\(Self.stem).m", [32], [Float](repeating: 1, count: 32))
    let dora = Self.configuration(["fine_tune_type": "dora"])
    #expect(try Self.verdict([a]) == "ADP-02 5")
    #expect(try Self.verdict([a, b, m]) == "ADP-02 5")
    #expect(try Self.verdict([a, b], dora) == "ADP-02 5")
    #expect(try Self.verdict([a, b, m], dora) == "ok")
    #expect(try Self.verdict([a, ("model.layers.7.mlp.up_proj.lora_b", b.1, b.2)]) == "ADP-03 5")
    #expect(try Self.verdict([(a.0, [2, 32], a.2), (b.0, [32, 2], b.2)]) == "ADP-04 5")
    #expect(try Self.verdict([(a.0, [64], a.2), b]) == "ADP-04 5")
    for scale in [nil, -1, "20", 1e300] as [JSONValue] {
      let parameters: JSONObject = ["lora_parameters": ["scale": scale]]
      #expect(try Self.verdict([a, b], Self.configuration(parameters)) == "ADP-07 4")
    }
    let full = Self.configuration(["fine_tune_type": "full"])
    #expect(try Self.verdict([a, b], full) == "ADP-08 5")
    #expect(try Self.verdict([a, b], nil) == "ADP-10 4")
    #expect(try Self.verdict([a, b, ("model.norm.weight", [32], m.2)]) == "ADP-11 5")
    #expect(try Self.verdict([a, (b.0, b.1, b.2.map { $0 == 9 ? .nan : $0 })]) == "ADP-12 4")
  }
}
