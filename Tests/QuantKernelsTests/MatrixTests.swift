import Boundary
import Testing

@testable import QuantKernels

@Suite("Matrix")
struct MatrixTests {
  @Test("growing keeps the rows, and new rows are zeros")
  func resizes() {
    let a = Matrix(rows: 2, columns: 3, values: [1, 2, 3, 4, 5, 6])
    a.resize(rows: 40)
    #expect(a.rows == 40 && a.row(1) == [4, 5, 6])
    #expect((2..<40).allSatisfy { a.row($0) == [0, 0, 0] })
    a.resize(rows: 1)
    #expect(a.values == [1, 2, 3])
  }

  @Test("rows begin at 64 bytes, whatever the size", arguments: [0, 1, 17, 1 << 21])
  func aligned(count: Int) {
    let a = Matrix(rows: count, columns: 1)
    #expect(UInt(bitPattern: a.base) % 64 == 0)
    #expect(a.values.allSatisfy { $0 == 0 })
  }

  @Test("copies take rows and values")
  func copies() {
    let a = Matrix(rows: 2, columns: 2, values: [1, 2, 3, 4])
    let b = Matrix(rows: 0, columns: 2)
    b.copy(from: a)
    b.copyRow(0, from: a, row: 1)
    b[1, 0] = 9
    #expect(b.values == [3, 4, 9, 4] && a.values == [1, 2, 3, 4])
    b.fill(7)
    #expect(b.values == [7, 7, 7, 7])
  }

  @Test(
    "rows that are kept close up, and go back with zeros between",
    arguments: [[], [0], [0, 2], [1, 3], [4]])
  func keeps(rows: [Int]) {
    let whole: [[Float]] = (0..<5).map { [Float($0), 9] }
    let a = Matrix(rows: 5, columns: 2, values: whole.flatMap(\.self))
    a.keep(rows: rows)
    #expect(a.values == rows.flatMap { whole[$0] })
    a.spread(to: rows, of: 5)
    #expect(a.values == (0..<5).flatMap { rows.contains($0) ? whole[$0] : [0, 0] })
  }
}
