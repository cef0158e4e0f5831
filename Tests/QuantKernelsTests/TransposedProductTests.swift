import Boundary
import GGUF
import Testing

@testable import QuantKernels

@Suite("Transposed products of packed weights")
struct TransposedProductTests {
  static func product(
    _ dy: Matrix, _ w: WeightMatrix, _ precision: BackwardPrecision = .f32
  ) -> Matrix {
    let dx = Matrix(rows: 0, columns: w.columns)
    let products = BackwardProducts()
    products.load(dy, precision)
    products.multiply(w, into: dx)
    return dx
  }

  /// More rows than a part of 256, more columns than a chunk of 64, the last panels not full.
  @Test("what flows back agrees with double precision, added or not", arguments: supportedTypes)
  func agrees(type: TensorType) {
    var random = RandomStream(seed: 1, "transposed")
    let columns = type.blockSize == 1 ? 75 : 3 * type.blockSize
    let w = random.weights(type, rows: 530, columns: columns)
    let dy = random.matrix(rows: 3, columns: 530)
    let expected = doubleProduct(dy, w.unpacked.transposed)
    let dx = Matrix(rows: 9, columns: columns)
    dx.fill(.nan)
    let products = BackwardProducts()
    products.load(dy)
    products.multiply(w, into: dx)
    #expect(dx.rows == 3)
    #expect(normalizedSquaredError(dx.values, expected) < 1e-12)
    products.multiply(w, into: dx, adding: true, scale: -3)
    #expect(normalizedSquaredError(dx.values, expected.map { -2 * $0 }) < 1e-12)
    dx.resize(rows: 4)
    #expect(dx.row(3).allSatisfy { $0.isNaN })
  }

  /// 700 tokens are several chunks in either precision, whose borders differ.
  @Test(
    "a term that follows a product is the bits of a call of its own",
    arguments: BackwardPrecision.allCases, [1, 700])
  func term(precision: BackwardPrecision, tokens: Int) {
    var random = RandomStream(seed: 4, "transposed")
    let w = random.weights(.q4_K, rows: 40, columns: 256)
    let a = random.weights(.f32, rows: 5, columns: 256)
    let (products, others) = (BackwardProducts(), BackwardProducts())
    products.load(random.matrix(rows: tokens, columns: 40), precision)
    others.load(random.matrix(rows: tokens, columns: 5))
    let (expected, dx) = (Matrix(rows: 0, columns: 256), Matrix(rows: 0, columns: 256))
    products.multiply(w, into: expected)
    others.multiply(a, into: expected, adding: true)
    products.multiply(w, into: dx, then: (others, a))
    #expect(dx.bits == expected.bits)
  }

  @Test("every instruction set returns the reference's bits", arguments: supportedTypes)
  func agreesWithReference(type: TensorType) {
    let columnCounts =
      type.blockSize == 1 ? [1, 31, 64, 75] : [type.blockSize, 3 * type.blockSize]
    for (rows, columns) in [1, 15, 16, 17, 270].flatMap({ rows in columnCounts.map { (rows, $0) } })
    {
      var random = RandomStream(seed: 2, "transposed", rows, columns)
      let w = random.weights(type, rows: rows, columns: columns)
      for tokens in [0, 1, 8, 9] {
        let dy = random.matrix(rows: tokens, columns: rows)
        for precision in BackwardPrecision.allCases {
          let expected = Kernels.with(.scalar) { Self.product(dy, w, precision) }
          #expect(expected.rows == tokens && expected.values.allSatisfy { $0.isFinite })
          for set in Kernels.available {
            let dx = Kernels.with(set) { Self.product(dy, w, precision) }
            #expect(
              dx.bits == expected.bits,
              "\(set), \(precision), \(rows) by \(columns), \(tokens) tokens")
          }
        }
      }
    }
  }

  /// A product of rounded factors in double precision is what is meant: weights and gradients that are
  /// bfloat16 already give the same with and without rounding, others differ by 2^-9 a factor.
  @Test("bfloat16 rounds the factors and nothing else", arguments: supportedTypes)
  func bf16(type: TensorType) {
    var random = RandomStream(seed: 4, "transposed")
    let w = random.weights(type, rows: 530, columns: type.blockSize == 1 ? 75 : 3 * type.blockSize)
    let dy = random.matrix(rows: 9, columns: 530)
    func rounded(_ x: Matrix) -> Matrix {
      Matrix(
        rows: x.rows, columns: x.columns,
        values: x.values.map { value in
          let bits = value.bitPattern
          return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
        })
    }
    let dx = Self.product(dy, w, .bf16)
    let expected = doubleProduct(rounded(dy), rounded(w.unpacked).transposed)
    #expect(normalizedSquaredError(dx.values, expected) < 1e-12)
    let exact = doubleProduct(dy, w.unpacked.transposed)
    #expect(normalizedSquaredError(dx.values, exact) < 2e-5)
  }

  /// The integers of `CQuantKernels.h` in double precision: 256 rows of w share a scale in each column, and
  /// as many numbers of a row of dy.
  @Test("int8 rounds the factors part by part and nothing else", arguments: supportedTypes)
  func int8(type: TensorType) {
    var random = RandomStream(seed: 5, "transposed")
    let w = random.weights(type, rows: 530, columns: type.blockSize == 1 ? 75 : 3 * type.blockSize)
    let dy = random.matrix(rows: 9, columns: 530)
    /// Each row of x rounded to multiples of its largest magnitude over `top`, part by part.
    func rounded(_ x: Matrix, top: Float) -> Matrix {
      Matrix(
        rows: x.rows, columns: x.columns,
        values: (0..<x.rows).flatMap { row -> [Float] in
          let values = Array(x.row(row))
          return stride(from: 0, to: x.columns, by: 256).flatMap { start -> [Float] in
            let part = values[start..<min(start + 256, x.columns)]
            let largest = part.map(abs).max() ?? 0
            return part.map { ($0 * (top / largest)).rounded(.toNearestOrEven) * (largest / top) }
          }
        })
    }
    let dx = Self.product(dy, w, .int8)
    let expected = doubleProduct(rounded(dy, top: 127), rounded(w.unpacked.transposed, top: 63))
    #expect(normalizedSquaredError(dx.values, expected) < 1e-12)
    let exact = doubleProduct(dy, w.unpacked.transposed)
    #expect(normalizedSquaredError(dx.values, exact) < 2e-3)
  }

  @Test("in int8 gradients that are not finite stay so, and vanishing ones count as 0")
  func edges() {
    var random = RandomStream(seed: 6, "transposed")
    let w = random.weights(.q8_0, rows: 40, columns: 96)
    let dy = random.matrix(rows: 4, columns: 40)
    dy[1, 3] = .infinity
    dy[2, 39] = .nan
    for column in 0..<40 { dy[3, column] *= 0x1p-120 }
    for set in Kernels.available {
      let dx = Kernels.with(set) { Self.product(dy, w, .int8) }
      #expect(dx.row(0).allSatisfy { $0.isFinite && $0 != 0 })
      #expect(dx.row(1).allSatisfy(\.isNaN) && dx.row(2).allSatisfy(\.isNaN))
      #expect(dx.row(3).allSatisfy { $0 == 0 })
    }
  }

  /// 600 tokens are two chunks of tokens.
  @Test(
    "threads and neighbours change no bits", arguments: [1, 40, 600], BackwardPrecision.allCases)
  func threads(tokens: Int, precision: BackwardPrecision) {
    var random = RandomStream(seed: 3, "transposed")
    let w = random.weights(.q4_0, rows: 40, columns: 320)
    let dy = random.matrix(rows: tokens, columns: 40)
    let expected = Kernels.with(threads: 1) { Self.product(dy, w, precision) }
    for threads in [2, 3, 5, 8] {
      let dx = Kernels.with(threads: threads) { Self.product(dy, w, precision) }
      #expect(dx.bits == expected.bits)
    }
    let range = tokens / 3..<tokens / 3 + 1
    #expect(Self.product(dy.rows(range), w, precision).bits == expected.rows(range).bits)
  }
}
