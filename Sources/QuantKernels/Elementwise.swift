import CQuantKernels

/// Runs `body` on ranges of rows that together hold some 16,384 floats, in parallel.
///
/// Rows are independent, so the cut changes no bits.
package func forEachRowBlock(rows: Int, columns: Int, _ body: (Range<Int>) -> Void) {
  let height = max(1, 16_384 / max(1, columns))
  let blocks = (rows + height - 1) / height
  parallel(blocks) { block in
    body(block * height..<min(rows, (block + 1) * height))
  }
}

/// Root-mean-square normalisation of each row: y = x / sqrt(mean(x²) + ε) · weight.
///
/// Source: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", equation 4.
///
/// - Parameters:
///   - x: `[rows, columns]`.
///   - weight: `[columns]`.
///   - epsilon: Added to the mean square.
///   - y: Resized to x's rows; `[rows, columns]`.
public func rmsNorm(_ x: Matrix, weight: [Float], epsilon: Float, into y: Matrix) {
  precondition(weight.count == x.columns && y.columns == x.columns, "shapes differ")
  y.resize(rows: x.rows)
  let columns = x.columns
  let steps = Kernels.steps.pointee
  weight.withUnsafeBufferPointer { weight in
    forEachRowBlock(rows: x.rows, columns: columns) { rows in
      for row in rows {
        steps.rms_norm(
          columns, x.base + row * columns, weight.baseAddress, epsilon, y.base + row * columns)
      }
    }
  }
}

/// Adds x to y, element by element; both `[rows, columns]`.
public func add(_ x: Matrix, to y: Matrix) {
  precondition(x.rows == y.rows && x.columns == y.columns, "shapes differ")
  let columns = x.columns
  let steps = Kernels.steps.pointee
  forEachRowBlock(rows: x.rows, columns: columns) { rows in
    let start = rows.lowerBound * columns
    steps.add(rows.count * columns, x.base + start, y.base + start)
  }
}

extension Matrix {
  /// Adds row `row` of `other` to row `target`.
  public func addRow(_ target: Int, from other: Matrix, row: Int) {
    precondition(other.columns == columns, "\(other.columns) columns onto \(columns)")
    precondition((0..<rows).contains(target) && (0..<other.rows).contains(row), "row out of range")
    Kernels.steps.pointee.add(columns, other.base + row * columns, base + target * columns)
  }
}

/// The gated unit of a LLaMA feed-forward block: y = gate · sigmoid(gate) · up, element by element.
///
/// Source: Shazeer 2020, "GLU Variants Improve Transformer", SwiGLU. All are `[rows, columns]`;
/// y is resized.
public func swiGLU(gate: Matrix, up: Matrix, into y: Matrix) {
  precondition(
    gate.rows == up.rows && gate.columns == up.columns && y.columns == up.columns, "shapes differ")
  y.resize(rows: gate.rows)
  let columns = gate.columns
  let steps = Kernels.steps.pointee
  forEachRowBlock(rows: gate.rows, columns: columns) { rows in
    let start = rows.lowerBound * columns
    steps.swiglu(rows.count * columns, gate.base + start, up.base + start, y.base + start)
  }
}

/// The angles of rotary position embedding, one row a position.
///
/// Source: Su et al. 2021, "RoFormer", section 3.2.2. Pair i of a head turns by
/// position · base^(-2i / dimensions) / divisor(i); the divisors are LLaMA 3's `rope_freqs.weight`.
public struct RotaryTable: Sendable {
  /// The floats of each head that turn; an even number.
  public let dimensions: Int
  /// Positions in the table.
  public let length: Int
  package let cosine: [Float]
  package let sine: [Float]

  /// - Parameters:
  ///   - dimensions: The floats of each head that turn; even.
  ///   - length: Positions in the table.
  ///   - base: θ of the source, 10,000 there.
  ///   - scale: Positions are multiplied by this (1 / factor of linear scaling).
  ///   - divisors: One a pair, or none.
  public init(
    dimensions: Int, length: Int, base: Float, scale: Double = 1, divisors: [Float] = []
  ) {
    precondition(dimensions.isMultiple(of: 2), "rotary dimensions are even")
    precondition(divisors.isEmpty || divisors.count == dimensions / 2, "one divisor a pair")
    self.dimensions = dimensions
    self.length = length
    let pairs = dimensions / 2
    var cosine = [Float](repeating: 0, count: length * pairs)
    var sine = cosine
    for pair in 0..<pairs {
      let divisor = divisors.isEmpty ? 1 : Double(divisors[pair])
      let frequency = power(Double(base), -2 * Double(pair) / Double(dimensions)) / divisor * scale
      for position in 0..<length {
        let (c, s) = cosineAndSine(Double(position) * frequency)
        cosine[position * pairs + pair] = Float(c)
        sine[position * pairs + pair] = Float(s)
      }
    }
    self.cosine = cosine
    self.sine = sine
  }
}

/// Turns the heads of each row by their position's angles, in place.
///
/// The pairs are neighbours (2i, 2i + 1), the order of GGUF's `llama` architecture.
///
/// - Parameters:
///   - x: `[rows, heads · headSize]`.
///   - heads: Heads in a row.
///   - positions: One a row, each below the table's length.
///   - table: The angles.
///   - inverse: Turn back, which is also the backward pass.
public func rotate(
  _ x: Matrix, heads: Int, positions: [Int], table: RotaryTable, inverse: Bool = false
) {
  precondition(positions.count == x.rows && x.columns.isMultiple(of: heads), "shapes differ")
  precondition(positions.allSatisfy { $0 >= 0 && $0 < table.length }, "position outside the table")
  let columns = x.columns
  let headSize = columns / heads
  let pairs = table.dimensions / 2
  let sign: Float = inverse ? -1 : 1
  let steps = Kernels.steps.pointee
  table.cosine.withUnsafeBufferPointer { cosine in
    table.sine.withUnsafeBufferPointer { sine in
      positions.withUnsafeBufferPointer { positions in
        guard let cosine = cosine.baseAddress, let sine = sine.baseAddress else { return }
        forEachRowBlock(rows: x.rows, columns: columns) { rows in
          for row in rows {
            let angle = positions[row] * pairs
            steps.rotate(
              heads, headSize, pairs, cosine + angle, sine + angle, sign, x.base + row * columns)
          }
        }
      }
    }
  }
}

/// The natural logarithm of the sum of exponentials of one row; what softmax divides by.
public func logSumExp(_ logits: Matrix, row: Int) -> Float {
  let steps = Kernels.steps.pointee
  let x = logits.base + row * logits.columns
  let top = steps.maximum(logits.columns, x)
  return top + naturalLogarithm(steps.exp_sum(logits.columns, x, top, nil))
}
