import Boundary
import CQuantKernels
import GGUF
import TestSupport
import Testing

@testable import QuantKernels

@Suite("Packed weights")
struct WeightMatrixTests {
  /// Scales of four bits become bytes in Q2_K, those of six bits in the other K types.
  @Test("16 rows take as many bytes packed as in the file, or few more", arguments: supportedTypes)
  func sizes(type: TensorType) throws {
    var random = RandomStream(seed: 1, "sizes")
    let w = random.weights(type, rows: 16, columns: 256)
    let bytes = try #require(type.byteCount(of: [256, 16]))
    #expect(bytes == 16 * qk_row_bytes(w.format, 256))
    let percent = type == .q2_K ? 120 : type.blockSize == 256 ? 104 : 100
    #expect((bytes...bytes * percent / 100).contains(qk_panel_bytes(w.format, 256)))
  }

  @Test(
    "rows come back as ggml dequantises them, bit for bit",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"),
    arguments: supportedTypes.filter { $0 != .f32 })
  func agreesWithVectors(type: TensorType) throws {
    let expected = try QuantVectors.floats("\(type).deq", rows: 16, columns: 256)
    #expect(try QuantVectors.weights(type).unpacked.bits == expected.bits)
  }

  /// Two matrices of different sizes share the panels, so each makes the other's go away.
  @Test("weights that stay where they are have the bits of packed ones", arguments: supportedTypes)
  func mapped(type: TensorType) {
    final class Bytes {
      let memory: UnsafeMutableRawBufferPointer
      init(_ bytes: [UInt8]) {
        memory = .allocate(byteCount: bytes.count, alignment: 64)
        memory.copyBytes(from: bytes)
      }
      deinit { memory.deallocate() }
    }
    var random = RandomStream(seed: 4, "mapped")
    let scratch = PanelScratch()
    let pairs = [(50, 256), (17, 512)].map { rows, columns in
      let bytes = Bytes(random.weightBytes(type, rows: rows, columns: columns))
      let whole = UnsafeRawBufferPointer(bytes.memory)
      return (
        packed: WeightMatrix(type: type, rows: rows, columns: columns, bytes: whole),
        mapped: WeightMatrix(
          type: type, rows: rows, columns: columns, mapped: whole, owner: bytes, scratch: scratch
        ) { #expect(!$0.isEmpty) }
      )
    }
    for (packed, mapped) in pairs + pairs.reversed() {
      let x = random.matrix(rows: 5, columns: packed.columns)
      #expect(product(x, mapped).bits == product(x, packed).bits)
      #expect(mapped.unpacked.bits == packed.unpacked.bits)
      let backward = BackwardProducts()
      backward.load(random.matrix(rows: 5, columns: packed.rows), .bf16)
      let results = [packed, mapped].map {
        let dx = Matrix(rows: 0, columns: packed.columns)
        backward.multiply($0, into: dx)
        return dx.bits
      }
      #expect(results[0] == results[1])
    }
  }

  @Test("floats come back as they went in, in every shape", arguments: [1, 15, 16, 17, 50])
  func floats(rows: Int) {
    for columns in [1, 31, 172] {
      var random = RandomStream(seed: 2, "floats", rows, columns)
      let values = random.matrix(rows: rows, columns: columns)
      let w = WeightMatrix(values)
      #expect(w.unpacked.bits == values.bits)
      let others = random.matrix(rows: rows, columns: columns)
      w.repack(from: others)
      #expect(w.unpacked.bits == others.bits)
    }
  }

  @Test("a product with a row of ones and zeros picks the same weights", arguments: supportedTypes)
  func productPicksColumns(type: TensorType) {
    var random = RandomStream(seed: 3, "pick")
    let columns = max(64, type.blockSize)
    let bytes = random.weightBytes(type, rows: 33, columns: columns)
    let w = WeightMatrix(type: type, rows: 33, columns: columns, bytes: bytes)
    let floats = w.unpacked
    let scaled = WeightMatrix(
      type: type, rows: 33, columns: columns, bytes: withoutMinima(type, bytes)
    ).unpacked
    for column in [0, 1, 15, 16, 31, 32, 63, columns - 1] {
      let x = Matrix(rows: 1, columns: columns)
      x[0, column] = 1
      let y = product(x, w)
      for row in 0..<33 {
        // 1 becomes 127 · (1 / 127): a rounding or two of scale · q, and of the minimum.
        let (value, part) = (floats[row, column], scaled[row, column])
        #expect(abs(y[0, row] - value) <= (abs(part) + abs(value - part)) * 0x1p-22)
      }
    }
  }

  @Test(
    "all 65,536 halves and bfloat16 values become the right floats",
    arguments: [TensorType.f16, .bf16])
  func allSixteenBitValues(type: TensorType) {
    let bytes = (0...UInt16.max).flatMap { littleEndian($0) }
    let expected = (0...UInt16.max).map {
      type == .f16 ? Float(Float16(bitPattern: $0)) : Float(bitPattern: UInt32($0) << 16)
    }
    func check(_ values: [Float], _ comment: Comment, zeroSign: Bool) {
      for (value, expected) in zip(values, expected) where !(value.isNaN && expected.isNaN) {
        if zeroSign || value != 0 || expected != 0 {
          #expect(value.bitPattern == expected.bitPattern, comment)
        }
      }
    }
    let row = WeightMatrix(type: type, rows: 1, columns: 65_536, bytes: bytes)
    check(row.unpacked.values, "unpacked", zeroSign: true)
    // As a column times 1; a sum that starts at 0 loses the sign of -0.
    let column = WeightMatrix(type: type, rows: 65_536, columns: 1, bytes: bytes)
    for set in Kernels.available {
      let y = Kernels.with(set) { product(Matrix(rows: 1, columns: 1, values: [1]), column) }
      check(y.values, "\(set)", zeroSign: false)
    }
  }

  @Test("the supported types are named as files print them")
  func names() {
    #expect(
      WeightMatrix.supportedTypes == [
        .f32, .f16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_nl,
        .iq4_xs, .bf16,
      ])
    #expect(!WeightMatrix.supports(.iq1_s))
  }
}
