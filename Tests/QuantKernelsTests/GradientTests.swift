import Boundary
import Testing

@testable import QuantKernels

@Suite("Gradients of skinny weights")
struct GradientTests {
  /// More tokens than a part of 256, more columns than a chunk of 256, more of the few than a tile.
  static let shapes = [
    (1, 1, 1), (7, 4, 31), (64, 16, 64), (300, 16, 272), (513, 130, 75), (20, 9, 600),
  ]

  static func gradient(_ a: Matrix, _ b: Matrix, turned: Bool) -> Matrix {
    let c = Matrix(
      rows: turned ? b.columns : a.columns, columns: turned ? a.columns : b.columns)
    c.fill(0.5)
    addGradient(a, b, to: c, turned: turned, scale: 0.25)
    return c
  }

  @Test("the sum over tokens agrees with double precision, both ways round", arguments: shapes)
  func agrees(tokens: Int, few: Int, columns: Int) {
    var random = RandomStream(seed: 1, "gradient")
    let a = random.matrix(rows: tokens, columns: few)
    let b = random.matrix(rows: tokens, columns: columns)
    // doubleProduct takes the second factor's transpose: [few, tokens] by [columns, tokens].
    let expected = doubleProduct(a.transposed, b.transposed).map { 0.5 + 0.25 * $0 }
    let c = Self.gradient(a, b, turned: false)
    #expect(normalizedSquaredError(c.values, expected) < 1e-12)
    #expect(Self.gradient(a, b, turned: true).transposed.values == c.values)
  }

  @Test(
    "every instruction set and number of threads returns the reference's bits", arguments: shapes)
  func bits(tokens: Int, few: Int, columns: Int) {
    var random = RandomStream(seed: 2, "gradient")
    let a = random.matrix(rows: tokens, columns: few)
    let b = random.matrix(rows: tokens, columns: columns)
    let expected = Kernels.with(.scalar, threads: 1) { Self.gradient(a, b, turned: true) }
    for set in Kernels.available {
      for threads in [1, 3] {
        let c = Kernels.with(set, threads: threads) { Self.gradient(a, b, turned: true) }
        #expect(c.bits == expected.bits, "\(set), \(threads) threads")
      }
    }
  }
}
