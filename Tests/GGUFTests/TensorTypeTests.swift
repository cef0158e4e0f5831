import Boundary
import GGUF
import TestSupport
import Testing

@Suite("Tensor types")
struct TensorTypeTests {
  @Test(
    "ids, blocks and sizes agree with the quantised test vectors",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
  func vectors() throws {
    let folder = SharedData.url("quant-vectors/")
    let index = try JSONValue(parsing: Files.read(folder + "index.json"))
    let types = try #require(index["types"]?.array)
    let (rows, columns) = (try #require(index["rows"]?.int), try #require(index["cols"]?.int))
    #expect(types.count == 24)
    for entry in types {
      let name = try #require(entry["type"]?.string)
      let type = try #require(TensorType(rawValue: UInt32(entry["type_id"]?.int ?? -1)))
      #expect(type.name.lowercased() == name.lowercased())
      #expect(type.blockSize == entry["block_size"]?.int)
      #expect(type.bytesPerBlock == entry["type_size"]?.int)
      #expect(type.byteCount(of: [columns]) == entry["row_bytes"]?.int)
      #expect(try type.byteCount(of: [columns, rows]) == Files.size(folder + name + ".bin"))
    }
  }

  /// Sizes from `GGML_QUANT_SIZES` of the Python package gguf 0.19, for the types that have no
  /// vectors; it gives Q8_1 as 40 bytes, the C headers as 36, and no file holds any.
  @Test(
    "the other types have the sizes of the format's Python package",
    arguments: [
      (.f32, 1, 4), (.f64, 1, 8), (.i8, 1, 1), (.i16, 1, 2), (.i32, 1, 4), (.i64, 1, 8),
      (.q8_K, 256, 292), (.iq2_xxs, 256, 66), (.iq2_xs, 256, 74), (.iq1_s, 256, 50),
      (.q8_1, 32, 36),
    ] as [(TensorType, Int, Int)])
  func others(type: TensorType, block: Int, bytes: Int) {
    #expect(type.blockSize == block)
    #expect(type.bytesPerBlock == bytes)
  }

  @Test("names are those of the format's tools")
  func names() {
    #expect(TensorType.q4_K.name == "Q4_K")
    #expect(TensorType.bf16.name == "BF16")
    #expect(TensorType.iq2_xxs.name == "IQ2_XXS")
    #expect(Set(TensorType.allCases.map(\.name)).count == TensorType.allCases.count)
  }

  @Test("sizes that cannot be are nil")
  func impossible() {
    #expect(TensorType.f32.byteCount(of: []) == nil)
    #expect(TensorType.f32.byteCount(of: [-1]) == nil)
    #expect(TensorType.f32.byteCount(of: [1, -1]) == nil)
    #expect(TensorType.f32.byteCount(of: [.max]) == nil)
    #expect(TensorType.q8_0.byteCount(of: [33]) == nil)
    #expect(TensorType.q4_0.byteCount(of: [32, 1 << 60]) == nil)
    #expect(TensorType.q8_0.byteCount(of: [32, 0]) == 0)
    #expect(TensorType.q8_0.byteCount(of: [64, 3, 2]) == 34 * 2 * 6)
  }
}
