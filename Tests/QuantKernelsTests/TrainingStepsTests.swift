import Boundary
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@testable import QuantKernels

/// Every backward step against central differences of its forward step, written out here in double
/// precision.
@Suite("Training steps")
struct TrainingStepsTests {
  /// Floats against doubles over sums of up to some hundred terms.
  static let tolerance = 1e-5

  static func random(_ rows: Int, _ columns: Int, seed: UInt64) -> Matrix {
    var stream = RandomStream(seed: seed, "test")
    return Matrix(
      rows: rows, columns: columns, values: (0..<rows * columns).map { _ in Float(stream.normal()) }
    )
  }

  /// Whether `gradient` is the slope of `loss` at `x`, along each element or along 5 random
  /// directions.
  static func expectSlope(
    _ gradient: Matrix, of loss: ([Double]) -> Double, at x: Matrix, everyElement: Bool = true,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let start = x.values.map { Double($0) }
    let ours = gradient.values.map { Double($0) }
    let step = 1e-5
    var stream = RandomStream(seed: 7, "directions")
    let directions = (0..<(everyElement ? start.count : 5)).map { index in
      start.indices.map { everyElement ? ($0 == index ? 1 : 0) : stream.normal() }
    }
    let size = ours.map(abs).max() ?? 0
    for direction in directions {
      let slope =
        (loss(zip(start, direction).map { $0 + step * $1 })
          - loss(zip(start, direction).map { $0 - step * $1 })) / (2 * step)
      let claimed = zip(ours, direction).reduce(0.0) { $0 + $1.0 * $1.1 }
      let length = direction.reduce(0.0) { $0 + $1 * $1 }.squareRoot()
      #expect(
        abs(slope - claimed) <= tolerance * size * max(1, length), sourceLocation: sourceLocation)
    }
  }

  @Test("RMS norm: the gradient at the input is the slope", arguments: [2, 7, 16, 33])
  func rmsNorm(columns: Int) {
    let (x, dy) = (Self.random(2, columns, seed: 1), Self.random(2, columns, seed: 2))
    let weight = Self.random(1, columns, seed: 3).values
    let dx = Matrix(rows: 2, columns: columns)
    rmsNormBackward(dy, x: x, weight: weight, epsilon: 1e-5, addingTo: dx)
    Self.expectSlope(
      dx,
      of: { x in
        (0..<2).reduce(0.0) { sum, row in
          let values = x[row * columns..<(row + 1) * columns]
          let root = (values.reduce(0) { $0 + $1 * $1 } / Double(columns) + 1e-5).squareRoot()
          return sum
            + zip(values, zip(weight, dy.row(row))).reduce(0.0) {
              $0 + $1.0 / root * Double($1.1.0) * Double($1.1.1)
            }
        }
      }, at: x)
  }

  @Test("RMS norm adds to the gradient that is there")
  func rmsNormAdds() {
    let (x, dy) = (Self.random(1, 20, seed: 1), Self.random(1, 20, seed: 2))
    let weight = [Float](repeating: 1, count: 20)
    let (from0, from1) = (Matrix(rows: 1, columns: 20), Matrix(rows: 1, columns: 20))
    from1.fill(1)
    rmsNormBackward(dy, x: x, weight: weight, epsilon: 1e-5, addingTo: from0)
    rmsNormBackward(dy, x: x, weight: weight, epsilon: 1e-5, addingTo: from1)
    #expect(zip(from0.values, from1.values).allSatisfy { $0 + 1 == $1 })
  }

  @Test("SwiGLU: the gradients at gate and up are the slopes")
  func swiGLU() {
    let (gate, up) = (Self.random(3, 19, seed: 1), Self.random(3, 19, seed: 2))
    let dy = Self.random(3, 19, seed: 3)
    let (dGate, dUp) = (Matrix(rows: 0, columns: 19), Matrix(rows: 0, columns: 19))
    swiGLUBackward(dy, gate: gate, up: up, dGate: dGate, dUp: dUp)
    func loss(_ gate: [Double], _ up: [Double]) -> Double {
      zip(dy.values, zip(gate, up)).reduce(0.0) { sum, value in
        let (dy, (gate, up)) = value
        return sum + Double(dy) * gate / (1 + exp(-gate)) * up
      }
    }
    Self.expectSlope(dGate, of: { loss($0, up.values.map { Double($0) }) }, at: gate)
    Self.expectSlope(dUp, of: { loss(gate.values.map { Double($0) }, $0) }, at: up)
  }

  /// Causal grouped-query attention in double precision: Σ dy · output.
  static func attention(
    _ q: [Double], _ k: [Double], _ v: [Double], dy: [Float], heads: Int, kvHeads: Int, size: Int,
    sequences: [Range<Int>]
  ) -> Double {
    var sum = 0.0
    for sequence in sequences {
      for row in sequence {
        for head in 0..<heads {
          let kvHead = head / (heads / kvHeads)
          let scores = (sequence.lowerBound...row).map { other in
            (0..<size).reduce(0.0) {
              $0 + q[(row * heads + head) * size + $1] * k[(other * kvHeads + kvHead) * size + $1]
            } / Double(size).squareRoot()
          }
          let top = scores.max() ?? 0
          let terms = scores.map { exp($0 - top) }
          let total = terms.reduce(0, +)
          for (index, term) in terms.enumerated() {
            let other = sequence.lowerBound + index
            for i in 0..<size {
              sum +=
                term / total * v[(other * kvHeads + kvHead) * size + i]
                * Double(dy[(row * heads + head) * size + i])
            }
          }
        }
      }
    }
    return sum
  }

  // 64 queries make a tile: inside one, at its border, and beyond it.
  @Test(
    "attention: the gradients at queries, keys and values are the slopes",
    arguments: [[0..<1], [0..<5, 5..<8], [0..<64], [0..<70, 70..<73]], [1, 2, 4])
  func attention(sequences: [Range<Int>], kvHeads: Int) {
    let (heads, size, rows) = (4, 6, sequences.last?.upperBound ?? 0)
    let q = Self.random(rows, heads * size, seed: 1)
    let k = Self.random(rows, kvHeads * size, seed: 2)
    let v = Self.random(rows, kvHeads * size, seed: 3)
    let dy = Self.random(rows, heads * size, seed: 4)
    let dq = Matrix(rows: 0, columns: heads * size)
    let (dk, dv) = (
      Matrix(rows: 0, columns: kvHeads * size), Matrix(rows: 0, columns: kvHeads * size)
    )
    attentionBackward(
      dy, queries: q, keys: k, values: v, headSize: size,
      sequences: sequences.map { AttentionSequence(rows: $0) }, scale: 1 / Float(size).squareRoot(),
      dQueries: dq, dKeys: dk, dValues: dv)
    func doubles(_ matrix: Matrix) -> [Double] { matrix.values.map { Double($0) } }
    func loss(_ q: [Double], _ k: [Double], _ v: [Double]) -> Double {
      Self.attention(
        q, k, v, dy: dy.values, heads: heads, kvHeads: kvHeads, size: size, sequences: sequences)
    }
    let all = rows < 10
    Self.expectSlope(dq, of: { loss($0, doubles(k), doubles(v)) }, at: q, everyElement: all)
    Self.expectSlope(dk, of: { loss(doubles(q), $0, doubles(v)) }, at: k, everyElement: all)
    Self.expectSlope(dv, of: { loss(doubles(q), doubles(k), $0) }, at: v, everyElement: all)
  }

  /// Tiles and blocks of 64 that are full and not, in a sequence of its own and in two that go on from it,
  /// the first of which no block begins with.
  @Test(
    "attention's gradients have the same bits on every instruction set", arguments: [6, 40, 64])
  func attentionBits(size: Int) {
    let (heads, kvHeads, rows) = (4, 2, 210)
    let q = Self.random(rows, heads * size, seed: 1)
    let k = Self.random(rows, kvHeads * size, seed: 2)
    let v = Self.random(rows, kvHeads * size, seed: 3)
    let dy = Self.random(rows, heads * size, seed: 4)
    let sequences = [
      AttentionSequence(rows: 0..<70), AttentionSequence(rows: 70..<140, after: [0..<70]),
      AttentionSequence(rows: 140..<210, after: [0..<33]),
    ]
    let gradients = Kernels.available.map { set in
      let results = [heads, kvHeads, kvHeads].map { Matrix(rows: 0, columns: $0 * size) }
      Kernels.with(set) {
        attentionBackward(
          dy, queries: q, keys: k, values: v, headSize: size, sequences: sequences, scale: 0.2,
          dQueries: results[0], dKeys: results[1], dValues: results[2])
      }
      return results.map(\.bits)
    }
    for other in gradients { #expect(other == gradients[0]) }
  }

  @Test("cross-entropy: values are -log of the share, gradients the slopes")
  func crossEntropyOfRows() {
    let (logits, targets) = (Self.random(3, 37, seed: 1), [0, 36, 5])
    let coefficients: [Float] = [1, 0.25, 3]
    func losses(_ x: [Double]) -> [Double] {
      (0..<3).map { row in
        let values = x[row * 37..<(row + 1) * 37]
        return log(values.reduce(0) { $0 + exp($1) }) - x[row * 37 + targets[row]]
      }
    }
    let gradient = Matrix(rows: 3, columns: 37, values: logits.values)
    let values = crossEntropy(gradient, targets: targets, coefficients: coefficients)
    let expected = losses(logits.values.map { Double($0) })
    for (ours, wanted) in zip(values, expected) { #expect(abs(ours - wanted) < 1e-6) }
    Self.expectSlope(
      gradient,
      of: { x in
        zip(losses(x), coefficients).reduce(0.0) { $0 + $1.0 * Double($1.1) }
      }, at: logits)
  }

  @Test("cross-entropy of logits far apart is finite and right")
  func crossEntropyExtremes() {
    let logits = Matrix(rows: 2, columns: 3, values: [1000, 0, -1000, 1000, 0, -1000])
    let losses = crossEntropy(logits, targets: [0, 2], coefficients: [1, 1])
    #expect(losses == [0, 2000])
    #expect(logits.values == [0, 0, 0, 1, 0, -1])
  }

  @Test("AdamW follows its definition over ten steps, with decay and clipping")
  func adamW() {
    let values = Self.random(3, 7, seed: 1)
    let (first, second) = (Matrix(rows: 3, columns: 7), Matrix(rows: 3, columns: 7))
    var x = values.values.map { Double($0) }
    var (m, v) = ([Double](repeating: 0, count: 21), [Double](repeating: 0, count: 21))
    for step in 1...10 {
      let gradient = Self.random(3, 7, seed: UInt64(100 + step))
      let rate = 0.01 * Double(step)
      AdamWStep(
        step: step, learningRate: rate, betas: (0.9, 0.999), epsilon: 1e-8, weightDecay: 0.1,
        clip: 0.5
      ).apply(gradient: gradient, first: first, second: second, to: values)
      for (i, g) in gradient.values.enumerated() {
        let g = Double(g) * 0.5
        m[i] = 0.9 * m[i] + 0.1 * g
        v[i] = 0.999 * v[i] + 0.001 * g * g
        let (mHat, vHat) = (
          m[i] / (1 - pow(0.9, Double(step))), v[i] / (1 - pow(0.999, Double(step)))
        )
        x[i] = x[i] * (1 - rate * 0.1) - rate * mHat / (vHat.squareRoot() + 1e-8)
      }
    }
    for (ours, wanted) in zip(values.values, x) { #expect(abs(Double(ours) - wanted) < 1e-5) }
  }

  @Test("the sum of squares is exact where doubles are", arguments: [0, 1, 7, 8, 100, 40_000])
  func squares(count: Int) {
    let x = Matrix(rows: count, columns: 1, values: (0..<count).map { Float($0 % 100) })
    let exact = (0..<count).reduce(0) { $0 + ($1 % 100) * ($1 % 100) }
    #expect(squaredSum(x) == Double(exact))
  }

  @Test("dropout zeroes its share, enlarges the rest, and depends on key and place alone")
  func dropout() {
    let x = Matrix(rows: 100, columns: 100)
    x.fill(1)
    let (y, again, other) = (
      Matrix(rows: 0, columns: 100), Matrix(rows: 0, columns: 100), Matrix(rows: 0, columns: 100)
    )
    dropOut(x, rate: 0.25, key: 1, into: y)
    dropOut(x, rate: 0.25, key: 1, into: again)
    dropOut(x, rate: 0.25, key: 2, into: other)
    #expect(y.values == again.values && y.values != other.values)
    #expect(y.values.allSatisfy { $0 == 0 || $0 == 1 / 0.75 })
    // 10,000 draws: the standard deviation of the share is 0.0043.
    let share = Double(y.values.count { $0 == 0 }) / 10_000
    #expect(abs(share - 0.25) < 0.02)
    dropOut(x, rate: 0, key: 1, into: y)
    #expect(y.values == x.values)
  }
}
