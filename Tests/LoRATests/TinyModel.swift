import Boundary
import GGUF
import Llama
import QuantKernels

/// A small LLaMA of random weights, written as a GGUF file for the test that wants it.
struct TinyModel {
  static let (width, heads, kvHeads, feedForward, layers) = (32, 4, 2, 64, 2)
  static let headSize = width / heads

  /// `</s>` and a few letters and pairs; no byte tokens.
  static let vocabulary: [String] =
    ["<unk>", "<s>", "</s>", "▁"]
    + "abcdefghijklmnopqrstuvwxyz0123456789.,:+-*=()\n".map { "\($0)" }
    + ["▁a", "ab", "cd", "▁ab", "01"]

  /// Name, GGUF dimensions and values of every tensor.
  var tensors: [(name: String, dims: [Int], values: [Float])] = []

  init(seed: UInt64) {
    func add(_ name: String, _ dims: [Int], deviation: Double, mean: Double = 0) {
      var random = RandomStream(seed: seed, name)
      let values = (0..<dims.reduce(1, *)).map { _ in Float(mean + deviation * random.normal()) }
      tensors.append((name, dims, values))
    }
    let width = Self.width
    add("token_embd.weight", [width, Self.vocabulary.count], deviation: 1)
    for layer in 0..<Self.layers {
      let name = "blk.\(layer)"
      for norm in ["attn_norm", "ffn_norm"] {
        add("\(name).\(norm).weight", [width], deviation: 0.1, mean: 1)
      }
      add("\(name).attn_q.weight", [width, width], deviation: 0.3)
      add("\(name).attn_k.weight", [width, Self.kvHeads * Self.headSize], deviation: 0.3)
      add("\(name).attn_v.weight", [width, Self.kvHeads * Self.headSize], deviation: 0.3)
      add("\(name).attn_output.weight", [width, width], deviation: 0.3)
      add("\(name).ffn_gate.weight", [width, Self.feedForward], deviation: 0.3)
      add("\(name).ffn_up.weight", [width, Self.feedForward], deviation: 0.3)
      add("\(name).ffn_down.weight", [Self.feedForward, width], deviation: 0.3)
    }
    add("output_norm.weight", [width], deviation: 0.1, mean: 1)
    add("output.weight", [width, Self.vocabulary.count], deviation: 0.3)
  }

  subscript(name: String) -> [Float] { tensors.first { $0.name == name }?.values ?? [] }

  /// The model as a file has it, its matrices in `type`, and the same model with those matrices as
  /// floats; the file stays where `path` says.
  func load(
    _ type: TensorType = .f32, keeping path: String? = nil
  ) throws -> (model: LlamaModel, dequantized: TinyModel) {
    var writer = GGUFWriter()
    writer.set("general.architecture", .string("llama"))
    for (key, value) in [
      ("block_count", Self.layers), ("embedding_length", Self.width), ("context_length", 64),
      ("feed_forward_length", Self.feedForward), ("attention.head_count", Self.heads),
      ("attention.head_count_kv", Self.kvHeads), ("rope.dimension_count", Self.headSize),
    ] { writer.set("llama.\(key)", .uint32(UInt32(value))) }
    writer.set("llama.attention.layer_norm_rms_epsilon", .float32(1e-5))
    writer.set("tokenizer.ggml.model", .string("llama"))
    writer.set("tokenizer.ggml.tokens", .strings(Self.vocabulary))
    writer.set("tokenizer.ggml.scores", .floats(Self.vocabulary.indices.map { Float($0) }))
    writer.set(
      "tokenizer.ggml.token_type",
      .int32s(Self.vocabulary.indices.map { $0 == 0 ? 2 : $0 < 3 ? 3 : 1 }))
    writer.set("tokenizer.ggml.add_bos_token", .bool(true))
    var dequantized = self
    for (index, tensor) in tensors.enumerated() {
      let isMatrix = tensor.dims.count == 2
      let bytes = isMatrix ? Self.encode(tensor.values, type) : Self.encode(tensor.values, .f32)
      writer.add(
        name: tensor.name, type: isMatrix ? type : .f32, dims: tensor.dims, bytes: bytes)
      guard isMatrix else { continue }
      dequantized.tensors[index].values = bytes.withUnsafeBytes { bytes in
        let matrix = WeightMatrix(
          type: type, rows: tensor.dims[1], columns: tensor.dims[0], bytes: bytes)
        let floats = Matrix(rows: matrix.rows, columns: matrix.columns)
        for row in 0..<matrix.rows { matrix.copyRow(row, into: floats, row: row) }
        return floats.values
      }
    }
    return try Scratch.folder { folder in
      let path = path ?? "\(folder)/tiny.gguf"
      try writer.write(to: path)
      return (try LlamaModel(path), dequantized)
    }
  }

  /// Blocks as a file has them; scale = largest / steps, which is good enough for a test.
  private static func encode(_ values: [Float], _ type: TensorType) -> [UInt8] {
    func little(_ bits: UInt32, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: bits >> UInt32(8 * $0)) }
    }
    guard type.blockSize == 32 else {
      return values.flatMap { value in
        type == .f16
          ? little(UInt32(Float16(value).bitPattern), 2)
          : type == .bf16 ? little(value.bitPattern >> 16, 2) : little(value.bitPattern, 4)
      }
    }
    return stride(from: 0, to: values.count, by: 32).flatMap { start -> [UInt8] in
      let block = values[start..<start + 32]
      let steps: Float = type == .q8_0 ? 127 : 7
      let scale = Float16((block.map(abs).max() ?? 0) / steps)
      let quants = block.map { Int(($0 / Float(scale)).rounded()) }
      let bytes =
        type == .q8_0
        ? quants.map { UInt8(bitPattern: Int8(clamping: $0)) }
        : (0..<16).map { UInt8(quants[$0] + 8) | UInt8(quants[$0 + 16] + 8) << 4 }
      return little(UInt32(scale.bitPattern), 2) + bytes
    }
  }
}

/// A folder for one test, removed after it.
enum Scratch {
  static func folder<R>(_ body: (String) throws -> R) throws -> R {
    var random = SystemRandomNumberGenerator()
    let path = "/tmp/tripost-test-\(random.next())"
    try Files.createDirectory(path)
    defer { try? Files.remove(path) }
    return try body(path)
  }
}
