import CQuantKernels
import TestSupport
import Testing

@testable import QuantKernels

/// What a store holds becomes floats exactly: attention over it has to give the bits of attention over those floats.
@Suite("Types of keys and values")
struct KeyValueTypesTests {
  static let pairs = KeyValueType.allCases.flatMap { key in
    KeyValueType.allCases.map { KeyValueTypes(key: key, value: $0) }
  }

  /// One sequence of random queries, keys and values.
  struct Case {
    let count: Int
    let heads: Int
    let kvHeads: Int
    let size: Int

    var queries: Matrix { matrix("q", heads) }
    var keys: Matrix { matrix("k", kvHeads) }
    var values: Matrix { matrix("v", kvHeads) }

    private func matrix(_ name: String, _ heads: Int) -> Matrix {
      Matrix(
        rows: count, columns: heads * size,
        values: StepsTests.values(count * heads * size, name))
    }

    /// The bits of the rows from `first` on, from a store of these types.
    func attended(
      _ types: KeyValueTypes, keys: Matrix, values: Matrix, from first: Int = 0
    ) -> [UInt32] {
      let pages = (count + 15) / 16
      let table = (0..<Int32(pages)).map { ($0 * 7 + 3) % 11 }
      let store = KeyValueStore(
        layers: 2, kvHeads: kvHeads, headSize: size, pages: 11, types: types)
      var all = AttentionPlaces()
      all.add(rows: count, from: 0, table: table)
      store.write(layer: 1, keys: keys, values: values, for: all)
      var places = AttentionPlaces()
      places.add(rows: count - first, from: first, table: table)
      let width = heads * size
      let q = Matrix(
        rows: count - first, columns: width,
        values: Array(queries.values.suffix((count - first) * width)))
      let y = Matrix(rows: 0, columns: width)
      attend(
        queries: q, heads: heads, store: store, layer: 1, places: places,
        scale: 1 / Float(size).squareRoot(), into: y)
      return y.values.map(\.bitPattern)
    }
  }

  /// Rounds as the type does, by its definition and in doubles: Q8_0 in blocks of 32 of a head.
  static func rounded(_ x: Matrix, _ type: KeyValueType) -> Matrix {
    var values = x.values
    switch type {
    case .f32: break
    case .f16: values = values.map { Float(Float16($0)) }
    case .q8_0:
      for start in stride(from: 0, to: values.count, by: 32) {
        let block = values[start..<start + 32]
        let top = block.map(abs).max() ?? 0
        let scale = Float(Float16(top / 127))
        for i in block.indices {
          // The kernel multiplies by 127 / top, rounded to a float; so does this.
          values[i] = (values[i] * (127 / top)).rounded(.toNearestOrEven) * scale
        }
      }
    }
    return Matrix(rows: x.rows, columns: x.columns, values: values)
  }

  /// Counts around the pages of 16 and the blocks of 64; groups that fill the queries of a step and leave some over;
  /// head sizes with one to eight blocks.
  static let cases = [
    Case(count: 1, heads: 2, kvHeads: 2, size: 32), Case(count: 17, heads: 6, kvHeads: 2, size: 64),
    Case(count: 64, heads: 5, kvHeads: 1, size: 96),
    Case(count: 130, heads: 8, kvHeads: 2, size: 128),
    Case(count: 65, heads: 2, kvHeads: 2, size: 256),
  ]

  @Test(
    "attention over what is stored is attention over its floats, bit for bit, on every set",
    arguments: pairs, cases.indices)
  func exact(types: KeyValueTypes, number: Int) {
    let its = Self.cases[number]
    let keys = Self.rounded(its.keys, types.key)
    let values = Self.rounded(its.values, types.value)
    for set in Kernels.available {
      Kernels.with(set) {
        let floats = its.attended(.init(key: .f32, value: .f32), keys: keys, values: values)
        let stored = its.attended(types, keys: its.keys, values: its.values)
        #expect(stored == floats, "\(set)")
        // A token at a time, as in decoding, and on more threads.
        let last = Kernels.with(threads: 3) {
          its.attended(types, keys: its.keys, values: its.values, from: its.count - 1)
        }
        #expect(last == Array(floats.suffix(its.heads * its.size)), "\(set)")
      }
    }
  }

  /// Attention to one position alone returns its value as it is stored.
  @Test(
    "Q8_0 stores what ggml's quantiser does, but for ties",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
  func ggml() throws {
    let input = try QuantVectors.floats("input", rows: 16, columns: 256)
    let expected = try QuantVectors.floats("q8_0.deq", rows: 16, columns: 256)
    var differing = 0
    for row in 0..<16 {
      let values = Matrix(rows: 1, columns: 256, values: input.row(row))
      let one = Case(count: 1, heads: 4, kvHeads: 4, size: 64)
      let stored = one.attended(.init(key: .f32, value: .q8_0), keys: values, values: values)
      differing += zip(stored, expected.row(row)).count { Float(bitPattern: $0) != $1 }
    }
    #expect(differing <= 4, "of 4,096")
  }

  @Test("zeros, tiny and huge numbers are stored; one that is not finite shows")
  func extremes() {
    let one = Case(count: 1, heads: 1, kvHeads: 1, size: 32)
    func stored(_ value: Float) -> [Float] {
      let row = Matrix(
        rows: 1, columns: 32, values: [value] + [Float](repeating: 1e-3, count: 31))
      return one.attended(.init(key: .f32, value: .q8_0), keys: row, values: row)
        .map { Float(bitPattern: $0) }
    }
    #expect(stored(0).allSatisfy { abs($0 - 0.001) < 1e-5 || $0 == 0 })
    #expect(abs(stored(6e4)[0] - 6e4) < 30 && stored(6e4)[1] == 0)
    #expect(stored(.infinity).allSatisfy(\.isNaN) && stored(.nan).allSatisfy(\.isNaN))
    let zeros = Matrix(rows: 1, columns: 32)
    #expect(
      one.attended(.init(key: .q8_0, value: .q8_0), keys: zeros, values: zeros)
        == [UInt32](repeating: 0, count: 32))
  }

  @Test("a page takes 4, 2 and 34 / 32 bytes a number")
  func sizes() {
    func bytes(_ type: KeyValueType) -> Int {
      KeyValueTypes(key: type, value: type).pageBytes(headSize: 64)
    }
    #expect(bytes(.f32) == 2 * 16 * 64 * 4 && bytes(.f16) == 2 * 16 * 64 * 2)
    #expect(bytes(.q8_0) == 2 * 16 * 64 / 32 * 34)
  }
}
