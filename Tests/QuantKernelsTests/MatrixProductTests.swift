import Boundary
import CQuantKernels
import GGUF
import TestSupport
import Testing

@testable import QuantKernels

@Suite("Products of packed weights")
struct MatrixProductTests {
  /// Rows around one and several panels of 16.
  static let rowCounts = [1, 15, 16, 17, 50]
  /// Every width of a tile, one more than a tile, and four tiles and one.
  static let tokenCounts = Array(0...9) + [33]

  static func columnCounts(_ type: TensorType) -> [Int] {
    switch type.blockSize {
    case 1: [1, 31, 64, 172]
    case 32: [32, 64, 96, 256]
    default: [256, 768]
    }
  }

  @Test("every instruction set returns the reference's bits", arguments: supportedTypes, rowCounts)
  func agreesWithReference(type: TensorType, rows: Int) {
    for columns in Self.columnCounts(type) {
      var random = RandomStream(seed: 1, "product", rows, columns)
      let w = random.weights(type, rows: rows, columns: columns)
      for tokens in Self.tokenCounts {
        let x = random.matrix(rows: tokens, columns: columns, scale: 3)
        let expected = Kernels.with(.scalar) { product(x, w) }
        #expect(expected.rows == tokens && expected.values.allSatisfy { $0.isFinite })
        for set in Kernels.available {
          let y = Kernels.with(set) { product(x, w) }
          #expect(y.bits == expected.bits, "\(set), \(columns) columns, \(tokens) tokens")
        }
      }
    }
  }

  @Test(
    "few rows of weights, shared out by tokens, give each token the bits that it has alone",
    arguments: [TensorType.f32, .q8_0, .q6_K])
  func fewWeights(type: TensorType) {
    var random = RandomStream(seed: 11, "few")
    let w = random.weights(type, rows: 16, columns: 4096)
    let x = random.matrix(rows: 30, columns: 4096)
    for set in Kernels.available {
      Kernels.with(set) {
        let y = product(x, w)
        for row in 0..<x.rows {
          let alone = Matrix(rows: 1, columns: x.columns, values: x.row(row))
          #expect(product(alone, w).row(0) == y.row(row), "\(set), row \(row)")
        }
      }
    }
  }

  /// 520 rows of 4096 inputs are more than the 4 MB from which on chunks are cut and ordered in another way.
  @Test(
    "inputs too many for a cache give the reference's bits",
    arguments: [TensorType.q4_0, .q8_0, .q4_K, .q6_K])
  func manyInputs(type: TensorType) {
    var random = RandomStream(seed: 9, "product")
    let w = random.weights(type, rows: 100, columns: 4096)
    let x = random.matrix(rows: 520, columns: 4096)
    let expected = Kernels.with(.scalar) { product(x, w) }
    for set in Kernels.available {
      #expect(Kernels.with(set) { product(x, w) }.bits == expected.bits, "\(set)")
    }
  }

  @Test("adding is one fused step of scale, sum and what was there", arguments: supportedTypes)
  func adding(type: TensorType) {
    var random = RandomStream(seed: 2, "adding")
    let columns = max(64, type.blockSize)
    let w = random.weights(type, rows: 19, columns: columns)
    let x = random.matrix(rows: 11, columns: columns)
    let start = random.matrix(rows: 11, columns: 19)
    let input = Activations(columns: columns)
    input.load(x)
    let plain = Kernels.with(.scalar) { product(x, w) }
    let expected = zip(start.values, plain.values).map { $0.addingProduct(0.37, $1) }
    for set in Kernels.available {
      Kernels.with(set) {
        let y = Matrix(rows: 0, columns: 19)
        y.copy(from: start)
        multiply(input, w, into: y, adding: true, scale: 0.37)
        #expect(y.values.map(\.bitPattern) == expected.map(\.bitPattern), "\(set)")
        #expect(product(x, w, scale: 0.37).values == plain.values.map { 0.37 * $0 }, "\(set)")
      }
    }
  }

  /// 40 tokens go in several tiles, and 600 rows in several chunks.
  @Test(
    "terms that follow a product are the bits of calls of their own",
    arguments: [TensorType.q4_0, .q6_K, .f16], [1, 4, 40])
  func terms(type: TensorType, tokens: Int) {
    var random = RandomStream(seed: 7, "terms", tokens)
    let w = random.weights(type, rows: 600, columns: 256)
    let x = random.matrix(rows: tokens, columns: 256)
    let others = [5, 16].map { rank in
      (random.weights(.f32, rows: 600, columns: rank), random.matrix(rows: tokens, columns: rank))
    }
    let terms = others.map { other, x in
      let input = Activations(columns: x.columns)
      input.load(x)
      return ProductTerm(input, other, scale: 0.75)
    }
    let input = Activations(columns: 256)
    input.load(x)
    for set in Kernels.available {
      Kernels.with(set) {
        let expected = product(x, w)
        for term in terms {
          multiply(term.x, term.w, into: expected, adding: true, scale: term.scale)
        }
        let y = Matrix(rows: 0, columns: 600)
        multiply(input, w, into: y, then: terms)
        #expect(y.bits == expected.bits, "\(set)")
      }
    }
  }

  @Test(
    "nothing is written past the last row or read past the last input", arguments: supportedTypes)
  func staysInside(type: TensorType) {
    var random = RandomStream(seed: 3, "inside")
    let columns = type.blockSize == 1 ? 7 : type.blockSize
    let w = random.weights(type, rows: 5, columns: columns)
    let x = random.matrix(rows: 4, columns: columns)
    for column in 0..<columns { x[3, column] = .nan }
    x.resize(rows: 3)
    for set in Kernels.available {
      Kernels.with(set) {
        let y = Matrix(rows: 4, columns: 5)
        y.fill(.nan)
        let input = Activations(columns: columns)
        input.load(x)
        multiply(input, w, into: y)
        #expect(y.values.allSatisfy { $0.isFinite }, "\(set)")
        y.resize(rows: 4)
        #expect(y.row(3).allSatisfy { $0.isNaN }, "\(set)")
      }
    }
  }

  /// 70 tokens are two chunks of tokens; 1024 rows of 256 are several chunks of panels in every cut.
  @Test(
    "threads and neighbours change no bits", arguments: supportedTypes, [1, 5, 8, 33, 70])
  func threadsAndBatch(type: TensorType, tokens: Int) {
    var random = RandomStream(seed: 4, "threads", tokens)
    let w = random.weights(type, rows: 1024, columns: 256)
    let x = random.matrix(rows: tokens, columns: 256)
    let expected = Kernels.with(threads: 1) { product(x, w) }
    let input = Activations(columns: 256)
    input.load(x)
    for threads in [2, 3, 5, 8] {
      Kernels.with(threads: threads) {
        #expect(product(x, w).bits == expected.bits, "\(threads) threads")
        // Added to zeros, an output that two chunks share would count twice.
        let y = Matrix(rows: tokens, columns: 1024)
        multiply(input, w, into: y, adding: true)
        #expect(y.values == expected.values, "\(threads) threads")
      }
    }
    for range in [0..<1, tokens - 1..<tokens, tokens / 3..<tokens / 3 + max(1, tokens / 2)] {
      #expect(product(x.rows(range), w).bits == expected.rows(range).bits, "rows \(range)")
    }
  }

  /// The weight that a block has everywhere when all its bytes but the halves are the same.
  static let extremeWeights: [(TensorType, UInt8, Float)] = [
    (.q8_0, 0x80, -128), (.q4_0, 0x00, -8), (.q4_0, 0xFF, 7), (.q4_1, 0xFF, 15),
    (.q5_0, 0x00, -16), (.q5_0, 0xFF, 15), (.q5_1, 0xFF, 31), (.iq4_nl, 0x00, -127),
    (.iq4_nl, 0xFF, 113), (.q2_K, 0xFF, 15 * 3), (.q3_K, 0xFF, 31 * 3), (.q4_K, 0xFF, 63 * 15),
    (.q5_K, 0xFF, 63 * 31), (.q6_K, 0xFF, -31), (.iq4_xs, 0xFF, 31 * 113),
  ]

  @Test("NUM-08: sums of the largest values are exact", arguments: extremeWeights)
  func extremes(type: TensorType, byte: UInt8, weight: Float) {
    // 127 in every input makes the scale 1, and each of the 32 sums so far is a float.
    let columns = 1024
    let block = blockBytes(type, scale: 1, minimum: 0) { _ in byte }
    let w = WeightMatrix(
      type: type, rows: 1, columns: columns,
      bytes: (0..<columns / type.blockSize).flatMap { _ in block })
    let x = Matrix(
      rows: 2, columns: columns, values: (0..<2 * columns).map { $0 < columns ? 127 : -127 })
    for set in Kernels.available {
      let y = Kernels.with(set) { product(x, w) }
      #expect(
        y.values == [weight * 127 * Float(columns), -weight * 127 * Float(columns)], "\(set)")
    }
  }

  @Test("every block type has its extremes tried")
  func extremesComplete() {
    #expect(Set(Self.extremeWeights.map(\.0)) == Set(blockTypes))
  }

  @Test("the reference is right on a row worked out by hand")
  func handWorked() {
    // Weights -8, -7, … 7, twice, by 0.5: byte j holds value j in its low and j + 16 in its high half.
    let bytes = littleEndian(Float16(0.5).bitPattern) + (0..<16).map { UInt8($0 * 17) }
    let w = WeightMatrix(type: .q4_0, rows: 1, columns: 32, bytes: bytes)
    // Inputs 127, 1, 1, …: scale 1. Sum: -8 · 127 + (-7 + … + 7) + (-8 + … + 7) = -1016 + 0 - 8.
    let x = Matrix(rows: 1, columns: 32, values: [127] + [Float](repeating: 1, count: 31))
    #expect(Kernels.with(.scalar) { product(x, w) }.values == [-512])
  }

  @Test("float products agree with double precision", arguments: [TensorType.f32, .f16, .bf16])
  func accurateFloats(type: TensorType) {
    var random = RandomStream(seed: 5, "accurate")
    let w = random.weights(type, rows: 24, columns: 172)
    let x = random.matrix(rows: 5, columns: 172)
    #expect(normalizedSquaredError(product(x, w).values, doubleProduct(x, w.unpacked)) < 1e-10)
  }

  @Test(
    "quantized products err by the rounding of the inputs alone",
    arguments: blockTypes)
  func accurateBlocks(type: TensorType) {
    var random = RandomStream(seed: 6, "accurate")
    let bytes = (0..<24 * 256 / type.blockSize).flatMap { _ in
      blockBytes(type, scale: 0.01, minimum: 0.02) { _ in UInt8(random.below(256)) }
    }
    let w = WeightMatrix(type: type, rows: 24, columns: 256, bytes: bytes)
    // Where all weights are above zero, rows err together: it takes many inputs to see the mean.
    let x = random.matrix(rows: 64, columns: 256)
    // Rounding to steps of max / 127 errs by a twelfth of their square: of 32 normal numbers the largest is about
    // 2.2, of 256 about 3.
    let bound = type.blockSize == 256 ? 7e-5 : 5e-5
    #expect(normalizedSquaredError(product(x, w).values, doubleProduct(x, w.unpacked)) < bound)
  }

  /// Numbers of ggml's own kernels, which round the inputs to int8 as well (256 with one scale for
  /// the K types), or to halves for F16.
  @Test(
    "products agree with ggml's", .enabled(if: SharedData.isAvailable, "needs ../shared/data"),
    arguments: supportedTypes.filter { $0 != .f32 })
  func agreesWithVectors(type: TensorType) throws {
    let w = try QuantVectors.weights(type)
    let x = try QuantVectors.floats("x", rows: 4, columns: 256)
    let expected = try QuantVectors.floats("\(type).matmul", rows: 4, columns: 16)
    let error = normalizedSquaredError(product(x, w).values, expected.values.map(Double.init))
    #expect(error < 5e-5)
  }
}
