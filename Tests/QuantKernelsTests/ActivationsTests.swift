import Boundary
import CQuantKernels
import GGUF
import Testing

@testable import QuantKernels

@Suite("Quantized inputs")
struct ActivationsTests {
  /// The block of 32 values, the same from every instruction set.
  static func block(_ values: [Float]) -> qk_input_block {
    let blocks = Kernels.available.map { set in
      var block = qk_input_block()
      qk_quantize_tile(set.code, 1, 1, 1, values, 32, &block)
      return block
    }
    for block in blocks {
      #expect(quants(block) == quants(blocks[0]))
      #expect(block.scale == blocks[0].scale || block.scale.isNaN && blocks[0].scale.isNaN)
      #expect(block.sum == blocks[0].sum || block.sum.isNaN && blocks[0].sum.isNaN)
      #expect(integers(block) == integers(blocks[0]))
    }
    return blocks[0]
  }

  static func quants(_ block: qk_input_block) -> [Int8] {
    withUnsafeBytes(of: block.quants) { $0.map { Int8(bitPattern: $0) } }
  }

  static func starts(_ block: qk_input_block) -> [Int32] {
    [block.start_8, block.start_128, block.start_32.0, block.start_32.1]
  }

  /// The two sums of a word.
  static func sums(_ word: Int32) -> [Int16] {
    [Int16(truncatingIfNeeded: word), Int16(truncatingIfNeeded: word >> 16)]
  }

  static func integers(_ block: qk_input_block) -> [Int32] {
    starts(block) + (sums(block.sums) + sums(block.half_sums)).map(Int32.init)
  }

  @Test("quants are the inputs over the scale, half to even, and the starts cancel the offsets")
  func quantizes() {
    // The largest is 254, so the scale is 2; halves round to even neighbours.
    let values: [Float] =
      [254, 1, 3, 5, -1, -3, -253, 253] + [Float](repeating: 6, count: 24)
    let block = Self.block(values)
    #expect(block.scale == 2)
    #expect(
      Self.quants(block) == [127, 0, 2, 2, 0, -2, -126, 126] + [Int8](repeating: 3, count: 24))
    let (first, second): (Int32, Int32) = (127 + 2 + 2 - 2 + 24, 48)
    let sum = first + second
    #expect(block.sum == 2 * Float(sum))
    #expect(Self.sums(block.sums) == [Int16(sum), 0])
    #expect(Self.sums(block.half_sums) == [Int16(first), Int16(second)])
    #expect(Self.starts(block) == [-8 * sum, -128 * sum, -32 * first, -32 * second])
  }

  @Test("a run shares the scale of its largest value, and each block knows the next one's sum")
  func run() {
    var random = RandomStream(seed: 4, "run")
    // Two rows of one run; what is largest lies in another block of each.
    let x = random.matrix(rows: 2, columns: 256)
    x[0, 100] = -9
    x[1, 255] = 7
    for set in Kernels.available {
      var tile = [qk_input_block](repeating: qk_input_block(), count: 16)
      qk_quantize_tile(set.code, 8, 8, 2, x.base, 256, &tile)
      for row in 0..<2 {
        let blocks = (0..<8).map { tile[2 * $0 + row] }
        let scale: Float = row == 0 ? 9 / 127 : 7 / 127
        for (index, block) in blocks.enumerated() {
          #expect(block.scale == scale)
          let quants = Self.quants(block)
          for (quant, value) in zip(quants, x.row(row)[32 * index..<32 * index + 32]) {
            #expect(abs(Float(quant) * scale - value) <= 0.5001 * scale)
          }
          let sums = [quants[..<16], quants[16...]].map { $0.reduce(Int16(0)) { $0 + Int16($1) } }
          #expect(Self.sums(block.half_sums) == sums)
          let next = index < 7 ? Self.quants(blocks[index + 1]) : []
          #expect(
            Self.sums(block.sums) == [sums[0] + sums[1], next.reduce(0) { $0 + Int16($1) }])
        }
      }
    }
  }

  @Test("quants stay within 127 whatever the largest value is")
  func range() {
    var random = RandomStream(seed: 1, "range")
    for _ in 0..<2000 {
      var values = [Float](repeating: 0, count: 32)
      // Any normal magnitude above the smallest block that counts.
      let exponent = UInt32(30 + random.below(225))
      values[random.below(32)] = Float(bitPattern: exponent << 23 | UInt32(random.below(1 << 23)))
      values[random.below(32)] *= -1
      let quants = Self.quants(Self.block(values))
      #expect(quants.map { abs(Int($0)) }.max() == 127)
    }
  }

  @Test("NUM-07: zeros, subnormals and an outlier give finite blocks; NaN and infinity a NaN scale")
  func specials() {
    func with(_ value: Float) -> qk_input_block {
      Self.block([value] + [Float](repeating: 0.25, count: 31))
    }
    let zero = Self.block([Float](repeating: -0.0, count: 32))
    #expect(zero.scale == 0 && Self.quants(zero).allSatisfy { $0 == 0 })
    let tiny = Self.block([Float](repeating: .leastNonzeroMagnitude, count: 32))
    #expect(tiny.scale == 0 && Self.quants(tiny).allSatisfy { $0 == 0 })
    let huge = with(-.greatestFiniteMagnitude)
    #expect(huge.scale.isFinite && Self.quants(huge) == [-127] + [Int8](repeating: 0, count: 31))
    for bad in [Float.nan, -.nan, .infinity, -.infinity, .signalingNaN] {
      #expect(with(bad).scale.isNaN && with(bad).sum.isNaN)
    }
  }

  @Test(
    "a NaN reaches every output of its row and none of another",
    arguments: [TensorType.q8_0, .q4_1, .q4_K, .q6_K])
  func propagates(type: TensorType) {
    var random = RandomStream(seed: 2, "propagate")
    let w = random.weights(type, rows: 20, columns: 256)
    let x = random.matrix(rows: 10, columns: 256)
    x[4, 50] = .nan
    for set in Kernels.available {
      let y = Kernels.with(set) { product(x, w) }
      for row in 0..<10 { #expect(y.row(row).allSatisfy { $0.isNaN == (row == 4) }) }
    }
  }

  @Test("a loaded input serves several products, and a new one replaces it")
  func loads() {
    var random = RandomStream(seed: 3, "loads")
    let w = random.weights(.q4_0, rows: 20, columns: 64)
    let input = Activations(columns: 64)
    for rows in [3, 20, 1] {
      let x = random.matrix(rows: rows, columns: 64)
      input.load(x)
      let y = Matrix(rows: 0, columns: 20)
      for _ in 0..<2 {
        multiply(input, w, into: y)
        #expect(y.bits == product(x, w).bits)
      }
    }
  }
}
