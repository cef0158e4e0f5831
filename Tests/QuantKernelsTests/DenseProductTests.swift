import Boundary
import GGUF
import Testing

@testable import QuantKernels

@Suite("Dense products")
struct DenseProductTests {
  /// Rank-16 shapes of a low-rank update, more than one tile both ways, single rows and columns.
  static let shapes = [(1, 1, 1), (130, 16, 40), (16, 300, 33), (129, 257, 5), (3, 1, 70)]

  @Test("gemm agrees with double precision in every transposition", arguments: shapes)
  func agrees(rows: Int, columns: Int, depth: Int) {
    var random = RandomStream(seed: 1, "gemm", rows, columns, depth)
    let a = random.matrix(rows: rows, columns: depth)
    let b = random.matrix(rows: columns, columns: depth)  // transposed
    let start = random.matrix(rows: rows, columns: columns)
    let plain = doubleProduct(a, b)
    let expected = zip(plain, start.values).map { 0.5 * $0 + 2 * Double($1) }
    for (left, right) in [(false, false), (false, true), (true, false), (true, true)] {
      let c = Matrix(rows: rows + 1, columns: columns)
      c.fill(.nan)
      gemm(
        left ? a.transposed : a, transposed: left, right ? b : b.transposed,
        transposed: right, into: c)
      #expect(c.rows == rows)
      #expect(zip(c.values, plain).allSatisfy { abs(Double($0) - $1) < 1e-4 }, "\(left) \(right)")
      c.copy(from: start)
      gemm(
        left ? a.transposed : a, transposed: left, right ? b : b.transposed,
        transposed: right, into: c, alpha: 0.5, beta: 2)
      #expect(
        zip(c.values, expected).allSatisfy { abs(Double($0) - $1) < 1e-4 }, "\(left) \(right)")
    }
  }

  @Test("threads change no bits of gemm")
  func threads() {
    var random = RandomStream(seed: 2, "gemm")
    let a = random.matrix(rows: 300, columns: 64)
    let b = random.matrix(rows: 64, columns: 600)
    let results = [1, 2, 3, 5, 8].map { threads in
      Kernels.with(threads: threads) {
        let c = Matrix(rows: 0, columns: 600)
        gemm(a, b, into: c)
        return c.bits
      }
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }
}
