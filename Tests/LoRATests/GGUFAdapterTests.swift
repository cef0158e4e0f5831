import Boundary
import GGUF
import Llama
import QuantKernels
import TestSupport
import Testing

@testable import LoRA

@Suite("GGUF adapters")
struct GGUFAdapterTests {
  static func shape() throws -> LlamaConfiguration {
    try TinyModel(seed: 1).load().model.configuration
  }

  /// A writer with a good adapter of rank 2 on layer 0's query, but for some keys.
  static func writer(
    _ changes: [String: MetadataValue] = [:], without missing: String? = nil, a: [Int] = [32, 2],
    b: [Int] = [2, 32],
    names: [String] = ["blk.0.attn_q.weight.lora_a", "blk.0.attn_q.weight.lora_b"],
    value: Float = 0.5
  ) -> GGUFWriter {
    var writer = GGUFWriter()
    let keys: [(String, MetadataValue)] = [
      ("general.architecture", .string("llama")), ("general.type", .string("adapter")),
      ("adapter.type", .string("lora")), ("adapter.lora.alpha", .float32(4)),
    ]
    for (key, value) in keys where key != missing { writer.set(key, changes[key] ?? value) }
    for (name, dims) in zip(names, [a, b]) {
      var bytes: [UInt8] = []
      for _ in 0..<dims.reduce(1, *) { appendLittleEndian(value.bitPattern, to: &bytes) }
      writer.add(name: name, type: .f32, dims: dims, bytes: bytes)
    }
    return writer
  }

  static func read(_ writer: GGUFWriter, baseDigest: String? = nil) throws -> Adapter {
    try Scratch.folder { folder in
      try writer.write(to: "\(folder)/a.gguf")
      return try GGUFAdapter.read("\(folder)/a.gguf", shape: try shape(), baseDigest: baseDigest)
    }
  }

  static func verdict(_ writer: GGUFWriter) throws -> String {
    do {
      _ = try read(writer)
      return "ok"
    } catch let error as InputError {
      return "\(error.rule.code) \(error.exit.rawValue)"
    }
  }

  static func bytes(of adapter: Adapter) throws -> [UInt8] {
    try Scratch.folder { folder in
      try GGUFAdapter.write(adapter, to: "\(folder)/a.gguf")
      return try Files.read("\(folder)/a.gguf")
    }
  }

  @Test("a good file gives scale alpha / rank, without moving rows")
  func good() throws {
    let adapter = try Self.read(Self.writer())
    #expect(adapter.parts.map(\.site) == [.init(layer: 0, projection: .query)])
    #expect(adapter.parts[0].update.scale == 2)
  }

  @Test("GGUF-K26: a model where an adapter is wanted")
  func model() throws {
    #expect(try Self.verdict(Self.writer(["general.type": .string("model")])) == "GGUF-K26 5")
    #expect(try Self.verdict(Self.writer(without: "general.type")) == "GGUF-K26 5")
  }

  @Test("ADP-01: an adapter of another architecture or base")
  func base() throws {
    #expect(try Self.verdict(Self.writer(["general.architecture": .string("qwen2")])) == "ADP-01 5")
    var writer = Self.writer()
    writer.set("tripost.base_sha256", .string("aa"))
    #expect(throws: InputError.self) { try Self.read(writer, baseDigest: "bb") }
    #expect(try Self.read(writer, baseDigest: "aa").warnings.isEmpty)
  }

  @Test("ADP-02: A without B", arguments: ["lora_a", "lora_b"])
  func pairs(half: String) throws {
    let writer = Self.writer(names: ["blk.0.attn_q.weight.\(half)"])
    #expect(try Self.verdict(writer) == "ADP-02 5")
  }

  @Test(
    "ADP-03: targets that the base does not have",
    arguments: [
      "blk.2.attn_q.weight", "blk.0.attn_qkv.weight", "blk.00.attn_q.weight", "output.weight",
      "token_embd.weight", "blk.0.attn_q",
    ])
  func targets(target: String) throws {
    let writer = Self.writer(names: ["\(target).lora_a", "\(target).lora_b"])
    #expect(try Self.verdict(writer) == "ADP-03 5")
  }

  @Test("ADP-03: an adapter without tensors")
  func empty() throws {
    #expect(try Self.verdict(Self.writer(names: [])) == "ADP-03 5")
  }

  @Test(
    "ADP-04: wrong shapes, transposed halves, ranks that differ",
    arguments: [
      ([31, 2], [2, 32]), ([2, 32], [32, 2]), ([32, 2], [3, 32]), ([32, 2], [2, 16]),
    ])
  func shapes(a: [Int], b: [Int]) throws {
    #expect(try Self.verdict(Self.writer(a: a, b: b)) == "ADP-04 5")
  }

  @Test("alphas that differ from site to site go into B, and the effect stays")
  func alphas() throws {
    let values = (0..<128).map { Float($0) - 60 }
    let alphas: [Float] = [0, 6]
    let parts = alphas.enumerated().map { layer, alpha in
      Adapter.Part(
        site: .init(layer: layer, projection: .up), alpha: alpha, a: Matrix(rows: 2, columns: 32),
        b: Matrix(rows: 64, columns: 2, values: values))
    }
    let down = Adapter.Part(
      site: .init(layer: 0, projection: .down), alpha: 12, isRankStabilized: true,
      a: Matrix(rows: 4, columns: 64), b: Matrix(rows: 32, columns: 4, values: values))
    let adapter = Adapter(shape: try Self.shape(), parts: parts + [down])
    try Scratch.folder { folder in
      try GGUFAdapter.write(adapter, to: "\(folder)/a.gguf")
      let again = try GGUFAdapter.read("\(folder)/a.gguf", shape: adapter.shape)
      for (ours, theirs) in zip(again.parts, adapter.parts) {
        let (x, y) = (ours.update, theirs.update)
        #expect(x.b.values.map { x.scale * $0 } == y.b.values.map { y.scale * $0 })
      }
      // The first alpha that is not 0 is the file's: 12 · √4.
      #expect(again.parts.map(\.alpha) == [24, 24, 24])
    }
    let far =
      parts[1...] + [
        Adapter.Part(
          site: .init(layer: 0, projection: .gate), alpha: 1e-38, a: Matrix(rows: 2, columns: 32),
          b: Matrix(rows: 64, columns: 2))
      ]
    #expect(throws: InputError.self) {
      try Self.bytes(of: Adapter(shape: try Self.shape(), parts: Array(far)))
    }
  }

  @Test("ADP-08: DoRA has no place in the format, and merging is pointed to")
  func magnitudes() throws {
    let model = try TinyModel(seed: 1).load().model
    let adapter = GradientTests.adapter(model.configuration, magnitudesOf: model.weights)
    do {
      _ = try Self.bytes(of: adapter)
      Issue.record("written")
    } catch let error as InputError {
      #expect(error.rule.code == "ADP-08" && error.exit == .mismatch)
      #expect(error.hints.contains { $0.contains("--to merged") })
    }
  }

  @Test("the base's digest and name stay with an adapter through every format")
  func baseIdentity() throws {
    let shape = try Self.shape()
    let adapter = GradientTests.adapter(shape).onBase(digest: "aa", name: "a small model")
    try Scratch.folder { folder in
      try GGUFAdapter.write(adapter, to: "\(folder)/a.gguf")
      try PEFTAdapter.write(adapter, to: "\(folder)/peft")
      try MLXAdapter.write(adapter, to: "\(folder)/mlx")
      for name in ["a.gguf", "peft", "mlx"] {
        let again = try Adapter.read("\(folder)/\(name)", baseDigest: "aa")
        #expect(again.baseDigest == "aa" && again.baseName == "a small model")
        #expect(again.warnings.isEmpty && again.parameterDigest == adapter.parameterDigest)
        #expect(throws: InputError.self) {
          try Adapter.read("\(folder)/\(name)", baseDigest: "bb")
        }
      }
    }
  }

  @Test("ADP-07: alpha missing, negative, not finite, of another type")
  func alpha() throws {
    #expect(try Self.verdict(Self.writer(without: "adapter.lora.alpha")) == "ADP-07 4")
    for value in [Float(-1), .nan, .infinity] {
      let verdict = try Self.verdict(Self.writer(["adapter.lora.alpha": .float32(value)]))
      #expect(verdict.hasSuffix(" 4"), "\(value): \(verdict)")
    }
    let verdict = try Self.verdict(Self.writer(["adapter.lora.alpha": .string("4")]))
    #expect(verdict.hasSuffix(" 4"))
  }

  @Test("ADP-07: alpha 0 means scale 1 to llama.cpp, and gets a warning")
  func alphaZero() throws {
    let adapter = try Self.read(Self.writer(["adapter.lora.alpha": .float32(0)]))
    #expect(adapter.parts[0].update.scale == 1)
    #expect(adapter.warnings.contains { $0.contains("alpha is 0") })
  }

  @Test("ADP-08: adapters that are no LoRA")
  func kind() throws {
    #expect(try Self.verdict(Self.writer(["adapter.type": .string("loha")])) == "ADP-08 5")
  }

  @Test("ADP-11: a trained norm")
  func norm() throws {
    let writer = Self.writer(names: [
      "blk.0.attn_q.weight.lora_a", "blk.0.attn_norm.weight",
    ])
    #expect(try Self.verdict(writer) == "ADP-11 5")
  }

  @Test("ADP-12: values that are not finite", arguments: [Float.nan, .infinity])
  func finite(value: Float) throws {
    #expect(try Self.verdict(Self.writer(value: value)) == "ADP-12 4")
  }

  @Test("ADP-15: a target that exists is replaced only on demand")
  func exists() throws {
    let adapter = try Self.read(Self.writer())
    try Scratch.folder { folder in
      try GGUFAdapter.write(adapter, to: "\(folder)/a.gguf")
      #expect(throws: InputError.self) { try GGUFAdapter.write(adapter, to: "\(folder)/a.gguf") }
      try GGUFAdapter.write(adapter, to: "\(folder)/a.gguf", replacing: true)
      #expect(try Adapter.read("\(folder)/a.gguf", shape: adapter.shape).parts.count == 1)
    }
  }

  @Test("ADP-17: GGUF to safetensors and back gives the same A, B and alpha, bit for bit")
  func roundTrip() throws {
    let shape = try Self.shape()
    let adapter = GradientTests.adapter(shape)
    try Scratch.folder { folder in
      try GGUFAdapter.write(adapter, to: "\(folder)/1.gguf")
      let first = try GGUFAdapter.read("\(folder)/1.gguf", shape: shape)
      try PEFTAdapter.write(first, to: "\(folder)/peft")
      let second = try PEFTAdapter.read("\(folder)/peft", shape: shape)
      #expect(try Self.bytes(of: second) == Files.read("\(folder)/1.gguf"))
      for (ours, again) in zip(adapter.parts, second.parts) {
        #expect(ours.update.b.values == again.update.b.values)
        #expect(ours.alpha == again.alpha)
      }
    }
  }

  @Test(
    "our export of PEFT's adapter equals llama.cpp's, tensor for tensor",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
  func reference() throws {
    let model = try LlamaModel(SharedData.url("models/stories260K.gguf"))
    let folder = SharedData.url("lora/peft-r4-qv")
    let adapter = try PEFTAdapter.read("\(folder)/final", shape: model.configuration)
    let theirs = try GGUFFile("\(folder)/adapter-f32.gguf")
    try Scratch.folder { scratch in
      try GGUFAdapter.write(adapter, to: "\(scratch)/a.gguf")
      let ours = try GGUFFile("\(scratch)/a.gguf")
      #expect(Set(ours.tensors.map(\.name)) == Set(theirs.tensors.map(\.name)))
      for tensor in theirs.tensors {
        let twin = try #require(ours.tensor(tensor.name))
        #expect(twin.dims == tensor.dims && twin.type == tensor.type)
        let (a, b) = (
          theirs.withBytes(of: tensor) { Array($0) }, ours.withBytes(of: twin) { Array($0) }
        )
        #expect(a == b, "\(tensor.name)")
      }
      for key in ["general.type", "general.architecture", "adapter.type", "adapter.lora.alpha"] {
        #expect(ours.value(key) == theirs.value(key))
      }
    }
    let read = try GGUFAdapter.read("\(folder)/adapter-f32.gguf", shape: model.configuration)
    #expect(try Self.bytes(of: read) == Self.bytes(of: adapter))
  }
}
