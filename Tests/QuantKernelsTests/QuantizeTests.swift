import Boundary
import GGUF
import TestSupport
import Testing

@testable import QuantKernels

@Suite("Floats as blocks of a file")
struct QuantizeTests {
  @Test(
    "the bytes are those of ggml's reference quantizers",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"),
    arguments: [TensorType.f16, .bf16, .q8_0, .q4_0])
  func reference(type: TensorType) throws {
    let x = try QuantVectors.floats("input", rows: 16, columns: 256)
    let expected = try Files.read(SharedData.url("quant-vectors/\(type).bin"))
    #expect(BlockEncoder.encode(x, as: type) == expected)
  }

  @Test("zeros, ties, huge and tiny values have defined bytes", arguments: BlockEncoder.types)
  func extremes(type: TensorType) throws {
    let rows: [[Float]] = [
      [Float](repeating: 0, count: 64),
      [Float](repeating: .leastNonzeroMagnitude, count: 64),
      [Float](repeating: -.leastNormalMagnitude / 100, count: 64),
      (0..<64).map { $0 == 40 ? 6e4 : Float($0) / 8 },
      (0..<64).map { $0.isMultiple(of: 2) ? -2.5 : 2.5 },
    ]
    let x = Matrix(rows: rows.count, columns: 64, values: rows.flatMap { $0 })
    let bytes = BlockEncoder.encode(x, as: type)
    #expect(bytes.count == type.byteCount(of: [64, rows.count]))
    let coded = bytes.withUnsafeBytes {
      WeightMatrix(type: type, rows: rows.count, columns: 64, bytes: $0)
    }
    let again = Matrix(rows: rows.count, columns: 64)
    for row in 0..<rows.count { coded.copyRow(row, into: again, row: row) }
    #expect(again.row(0).allSatisfy { $0 == 0 })
    #expect(again.values.allSatisfy { $0.isFinite })
    let worst = zip(again.row(4), rows[4]).map { abs($0 - $1) }.max() ?? .infinity
    // 5 steps of 8 are 2.5; Q4_0's steps reach -8 on one side and 7 on the other.
    #expect(worst <= (type == .q4_0 ? 2.5 / 8 : 0.001 * 2.5))
    #expect(abs(again[3, 40] - 6e4) <= 6e4 / 127)
  }

  @Test("Q8_0 rounds halves away from zero, Q4_0's largest value is -8 steps")
  func byHand() {
    // Scale 1: the largest is 127.
    let x = Matrix(
      rows: 1, columns: 32, values: [127, 0.5, -0.5, 1.5, -2.5] + [Float](repeating: 0, count: 27))
    let q8 = BlockEncoder.encode(x, as: .q8_0)
    #expect(q8.prefix(7).map { Int8(bitPattern: $0) } == [0, 60, 127, 1, -1, 2, -3])
    // Scale 127 / -8: 127 is 0 steps above -8, the others are the middle.
    let q4 = BlockEncoder.encode(x, as: .q4_0)
    #expect(q4[2] == 0x80 && q4[3] == 0x88)
  }

  @Test("norms and column sums are those worked out one number at a time, on every instruction set")
  func rowNorms() throws {
    var random = RandomStream(seed: 1, "norms")
    func matrix(_ rows: Int, _ columns: Int) -> Matrix {
      Matrix(
        rows: rows, columns: columns,
        values: (0..<rows * columns).map { _ in Float(random.normal()) })
    }
    let (w, b, a) = (matrix(70, 45), matrix(70, 3), matrix(3, 45))
    let norms = QuantKernels.rowNorms(WeightMatrix(w), adding: b, a, scale: 0.5)
    for row in 0..<70 {
      let square = (0..<45).reduce(0.0) { sum, column in
        let product = (0..<3).reduce(0.0) { $0 + Double(b[row, $1]) * Double(a[$1, column]) }
        let value = Double(w[row, column]) + 0.5 * product
        return sum + value * value
      }
      #expect(abs(Double(norms[0, row]) / square.squareRoot() - 1) < 1e-6)
    }
    let (dy, u, sums) = (matrix(9, 300), matrix(9, 300), Matrix(rows: 1, columns: 300))
    let divisors = matrix(1, 300)
    divisors[0, 7] = 0
    addColumnProducts(dy, u, over: divisors, to: sums)
    for column in 0..<300 {
      let sum = (0..<9).reduce(0.0) { $0 + Double(dy[$1, column]) * Double(u[$1, column]) }
      let expected = column == 7 ? 0 : sum / Double(divisors[0, column])
      #expect(abs(Double(sums[0, column]) - expected) <= 1e-4 * max(1, abs(expected)))
    }
    let y = matrix(9, 300)
    let before = y.values
    scaleColumns(u, by: divisors, into: y, adding: true)
    for (index, value) in y.values.enumerated() {
      #expect(value == before[index] + u.values[index] * divisors[0, index % 300])
    }
    for set in Kernels.available {
      let other = Kernels.with(set, threads: 3) {
        QuantKernels.rowNorms(WeightMatrix(w), adding: b, a, scale: 0.5)
      }
      #expect(other.values == norms.values)
    }
  }
}
