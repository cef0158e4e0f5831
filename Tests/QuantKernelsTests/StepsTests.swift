import Boundary
import CQuantKernels
import Foundation
import Testing

@testable import QuantKernels

/// The element-wise steps and attention: every instruction set against the reference, the reference against doubles.
@Suite("Element-wise steps")
struct StepsTests {
  static func tables() -> [(String, qk_steps)] {
    Kernels.available.map { ("\($0)", Kernels.steps(for: $0).pointee) }
  }

  static func values(_ count: Int, _ name: String, scale: Float = 1) -> [Float] {
    var random = RandomStream(seed: 3, name, count)
    return (0..<count).map { _ in Float(random.normal()) * scale }
  }

  /// 1 to 17 covers every remainder of 16 lanes; 172 and 256 are widths of real models.
  static let widths = Array(1...17) + [33, 64, 172, 256]

  @Test("every set returns the reference's bits", arguments: widths)
  func sameBits(width: Int) {
    let reference = qk_steps_scalar().pointee
    let x = Self.values(width, "x", scale: 4)
    let w = Self.values(width, "w")
    for (name, table) in Self.tables() {
      var a = [Float](repeating: .nan, count: width + 1)
      var b = a
      reference.rms_norm(width, x, w, 1e-5, &a)
      table.rms_norm(width, x, w, 1e-5, &b)
      #expect(a.map(\.bitPattern) == b.map(\.bitPattern), "rms_norm \(name)")
      reference.swiglu(width, x, w, &a)
      table.swiglu(width, x, w, &b)
      #expect(a.map(\.bitPattern) == b.map(\.bitPattern), "swiglu \(name)")
      #expect(reference.maximum(width, x) == table.maximum(width, x), "maximum \(name)")
      #expect(
        reference.exp_sum(width, x, 3, &a).bitPattern == table.exp_sum(width, x, 3, &b).bitPattern,
        "exp_sum \(name)")
      #expect(a.map(\.bitPattern) == b.map(\.bitPattern), "exp_sum terms \(name)")
      #expect(b[width].isNaN, "nothing is written past the end")
    }
  }

  @Test("steps agree with double precision")
  func accurate() {
    let width = 256
    let x = Self.values(width, "x", scale: 4)
    let w = Self.values(width, "w")
    let table = qk_steps_scalar().pointee
    var y = [Float](repeating: 0, count: width)
    table.rms_norm(width, x, w, 1e-5, &y)
    let mean = x.map { Double($0) * Double($0) }.reduce(0, +) / Double(width)
    for i in 0..<width {
      let expected = Double(x[i]) / (mean + 1e-5).squareRoot() * Double(w[i])
      #expect(abs(Double(y[i]) - expected) <= 1e-6 * max(1, abs(expected)))
    }
    table.swiglu(width, x, w, &y)
    for i in 0..<width {
      let expected = Double(x[i]) / (1 + exp(-Double(x[i]))) * Double(w[i])
      #expect(abs(Double(y[i]) - expected) <= 1e-6 * max(1, abs(expected)))
    }
  }

  /// A sum of one term is the exponential itself; steps of 0.37 fall on no special point.
  @Test("the exponential is within 2 ulp of the true one from -87 to 88, and 0 below")
  func exponentialAccuracy() {
    let table = qk_steps_scalar().pointee
    for x in stride(from: Float(-86.9), through: 87.9, by: 0.37) {
      var input = x
      let expected = Float(exp(Double(x)))
      #expect(abs(table.exp_sum(1, &input, 0, nil) - expected) <= 2 * expected.ulp, "\(x)")
    }
    var far: Float = -200
    #expect(table.exp_sum(1, &far, 0, nil) == 0)
    var infinite = -Float.infinity
    #expect(table.exp_sum(1, &infinite, 0, nil) == 0)
  }

  @Test("turning by an angle and back returns the start, and keeps the length of each pair")
  func rotation() {
    let x = Matrix(rows: 5, columns: 24, values: Self.values(120, "x"))
    let before = x.values
    let table = RotaryTable(dimensions: 8, length: 100, base: 10_000)
    let positions = [0, 1, 7, 99, 50]
    rotate(x, heads: 3, positions: positions, table: table)
    let turned = x.values
    #expect(Array(turned[..<24]) == Array(before[..<24]), "position 0 does not turn")
    #expect(turned[24] != before[24])
    for pair in 0..<60 {
      let a = before[2 * pair] * before[2 * pair] + before[2 * pair + 1] * before[2 * pair + 1]
      let b = turned[2 * pair] * turned[2 * pair] + turned[2 * pair + 1] * turned[2 * pair + 1]
      #expect(abs(a - b) <= 1e-5 * max(1, a))
    }
    rotate(x, heads: 3, positions: positions, table: table, inverse: true)
    for (a, b) in zip(before, x.values) { #expect(abs(a - b) < 1e-5) }
  }
}

@Suite("Attention")
struct AttentionTests {
  /// Plain causal attention in double precision over one sequence.
  static func expected(
    q: [Float], k: [Float], v: [Float], count: Int, heads: Int, kvHeads: Int, size: Int
  ) -> [Double] {
    var out = [Double](repeating: 0, count: heads * size)
    for head in 0..<heads {
      let kv = head / (heads / kvHeads)
      let scores = (0..<count).map { j in
        (0..<size).reduce(0.0) {
          $0 + Double(q[head * size + $1]) * Double(k[(j * kvHeads + kv) * size + $1])
        } / Double(size).squareRoot()
      }
      let top = scores.max() ?? 0
      let weights = scores.map { exp($0 - top) }
      let sum = weights.reduce(0, +)
      for i in 0..<size {
        out[head * size + i] =
          (0..<count).reduce(0.0) {
            $0 + weights[$1] / sum * Double(v[($1 * kvHeads + kv) * size + i])
          }
      }
    }
    return out
  }

  /// Counts around the pages of 16 and the blocks of 64; head sizes with every kind of remainder.
  @Test(
    "every set agrees with double precision, and with the reference bit for bit",
    arguments: [1, 2, 15, 16, 17, 63, 64, 65, 130], [2, 8, 64, 72])
  func agrees(count: Int, size: Int) {
    let heads = 4
    let kvHeads = 2
    let k = StepsTests.values(count * kvHeads * size, "k")
    let v = StepsTests.values(count * kvHeads * size, "v")
    let q = StepsTests.values(count * heads * size, "q")
    let pages = (count + 15) / 16
    // Pages in an order of their own, to see that the table is followed.
    let table = (0..<Int32(pages)).map { (($0 * 7 + 3) % 11) }
    let store = KeyValueStore(layers: 2, kvHeads: kvHeads, headSize: size, pages: 11)
    var places = AttentionPlaces()
    places.add(rows: count, from: 0, table: table)
    store.write(
      layer: 1, keys: Matrix(rows: count, columns: kvHeads * size, values: k),
      values: Matrix(rows: count, columns: kvHeads * size, values: v), for: places)
    var bits: [[UInt32]] = []
    for set in Kernels.available {
      Kernels.with(set) {
        let y = Matrix(rows: 0, columns: heads * size)
        attend(
          queries: Matrix(rows: count, columns: heads * size, values: q), heads: heads,
          store: store, layer: 1, places: places, scale: 1 / Float(size).squareRoot(), into: y)
        let last = Self.expected(
          q: Array(q.suffix(heads * size)), k: k, v: v, count: count, heads: heads,
          kvHeads: kvHeads, size: size)
        for (a, b) in zip(y.row(count - 1), last) { #expect(abs(Double(a) - b) < 1e-5) }
        bits.append(y.values.map(\.bitPattern))
      }
    }
    #expect(bits.allSatisfy { $0 == bits.first })
  }

  @Test("a row's bits do not depend on the rows beside it", arguments: [1, 2, 3, 8])
  func alone(group: Int) {
    let (size, kvHeads, count) = (32, 2, 150)
    let heads = group * kvHeads
    let queries = Matrix(
      rows: count, columns: heads * size, values: StepsTests.values(count * heads * size, "q"))
    let store = KeyValueStore(layers: 1, kvHeads: kvHeads, headSize: size, pages: 20)
    let tables: [[Int32]] = [Array(0..<10), Array(10..<20)]
    var together = AttentionPlaces()
    // Two sequences, the second in the middle of a chunk of rows.
    let lengths = [101, 49]
    for (table, length) in zip(tables, lengths) {
      together.add(rows: length, from: 0, table: table)
    }
    let values = { (name: String) in
      Matrix(
        rows: count, columns: kvHeads * size,
        values: StepsTests.values(count * kvHeads * size, name))
    }
    store.write(layer: 0, keys: values("k"), values: values("v"), for: together)
    for set in Kernels.available {
      Kernels.with(set) {
        let y = Matrix(rows: 0, columns: heads * size)
        attend(
          queries: queries, heads: heads, store: store, layer: 0, places: together, scale: 0.2,
          into: y)
        for row in [0, 1, 62, 63, 64, 100, 101, 102, 149] {
          var place = AttentionPlaces()
          let isFirst = row < lengths[0]
          place.add(
            rows: 1, from: isFirst ? row : row - lengths[0], table: tables[isFirst ? 0 : 1])
          let one = Matrix(rows: 1, columns: heads * size, values: queries.row(row))
          let z = Matrix(rows: 0, columns: heads * size)
          attend(
            queries: one, heads: heads, store: store, layer: 0, places: place, scale: 0.2, into: z)
          #expect(z.row(0) == y.row(row), "\(set), row \(row)")
        }
      }
    }
  }

  @Test(
    "sequences with a common beginning have the bits that each has alone", arguments: [1, 2, 3, 4])
  func commonBeginning(group: Int) {
    let (size, kvHeads) = (32, 2)
    let heads = group * kvHeads
    // Pages 0 ..< 9 are shared, by some fewer; each sequence goes on in its own.
    let (shared, lengths) = ([9, 9, 4, 9, 0, 9, 8], [151, 160, 159, 215, 151, 400, 152])
    var tables: [[Int32]] = []
    var pages: Int32 = 9
    for (count, length) in zip(shared, lengths) {
      let own = Int32((length + 15) / 16 - count)
      tables.append(Array(0..<Int32(count)) + Array(pages..<pages + own))
      pages += own
    }
    let store = KeyValueStore(layers: 1, kvHeads: kvHeads, headSize: size, pages: Int(pages))
    for page in 0..<pages {
      var place = AttentionPlaces()
      place.add(rows: 16, from: 0, table: [page])
      let values = { (name: String) in
        Matrix(
          rows: 16, columns: kvHeads * size,
          values: StepsTests.values(16 * kvHeads * size, "\(name) \(page)"))
      }
      store.write(layer: 0, keys: values("k"), values: values("v"), for: place)
    }
    let queries = Matrix(
      rows: lengths.count, columns: heads * size,
      values: StepsTests.values(lengths.count * heads * size, "q"))
    func attended(_ rows: [Int]) -> [[Float]] {
      var places = AttentionPlaces()
      let some = Matrix(rows: 0, columns: queries.columns)
      some.copy(from: queries)
      some.keep(rows: rows)
      for row in rows { places.add(rows: 1, from: lengths[row] - 1, table: tables[row]) }
      let y = Matrix(rows: 0, columns: queries.columns)
      attend(
        queries: some, heads: heads, store: store, layer: 0, places: places, scale: 0.2, into: y)
      return rows.indices.map(y.row)
    }
    for set in Kernels.available {
      Kernels.with(set) {
        #expect(attended(Array(lengths.indices)) == lengths.indices.map { attended([$0])[0] })
      }
    }
  }
}
