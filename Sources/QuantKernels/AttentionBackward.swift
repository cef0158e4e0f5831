import CQuantKernels

/// Consecutive rows of one sequence of tokens.
public struct AttentionSequence: Equatable, Sendable {
  public let rows: Range<Int>
  /// The rows that come before them in their sequence, which others may go on from as well.
  public let prefix: [Range<Int>]

  public init(rows: Range<Int>, after prefix: [Range<Int>] = []) {
    (self.rows, self.prefix) = (rows, prefix)
  }
}

/// The backward pass of causal attention inside each of several sequences that lie one behind the
/// other.
///
/// For each query head with its key/value head, P = softmax(scale · Q·Kᵀ) over the positions seen:
///
///     dV += Pᵀ·dO    dP = dO·Vᵀ    dS = scale · P ∘ (dP − rowsum(P ∘ dP))    dQ = dS·K    dK += dSᵀ·Q
///
/// P is made again from queries and keys, 64 queries at a time, so no score outlives its tile (Dao
/// et al. 2022, "FlashAttention", section 3.1). The query heads of a group add to dK and dV in
/// order.
///
/// - Parameters:
///   - dy: The gradient at the output; `[rows, heads · headSize]`.
///   - queries: As attention read them, already rotated; `[rows, heads · headSize]`.
///   - keys: `[rows, kvHeads · headSize]`, rotated.
///   - values: `[rows, kvHeads · headSize]`.
///   - headSize: Floats of one head.
///   - sequences: Together all rows; those that go on from others follow the first of these at once.
///   - scale: What scores are multiplied by before softmax.
///   - dQueries: Resized; as `queries`.
///   - dKeys: Resized; as `keys`.
///   - dValues: Resized; as `values`.
public func attentionBackward(
  _ dy: Matrix, queries: Matrix, keys: Matrix, values: Matrix, headSize: Int,
  sequences: [AttentionSequence], scale: Float, dQueries: Matrix, dKeys: Matrix, dValues: Matrix
) {
  let rows = queries.rows
  precondition(dy.rows == rows && keys.rows == rows && values.rows == rows, "shapes differ")
  precondition(
    sequences.reduce(0) { $0 + $1.rows.count } == rows, "sequences do not cover the rows")
  let kvHeads = keys.columns / headSize
  let group = queries.columns / keys.columns
  for matrix in [dQueries, dKeys, dValues] { matrix.resize(rows: rows) }
  for matrix in [dKeys, dValues] { matrix.fill(0) }
  let steps = Kernels.training

  // What goes on from a common beginning adds to its gradients, one after the other.
  let roots = sequences.indices.filter { sequences[$0].prefix.isEmpty }
  parallel(roots.count * kvHeads) { chunk in
    let (root, kvHead) = (chunk / kvHeads, chunk % kvHeads)
    let end = root + 1 < roots.count ? roots[root + 1] : sequences.count
    for sequence in sequences[roots[root]..<end] {
      let seen = SeenRows(sequence, column: kvHead * headSize, headSize: headSize)
      let (first, before) = (sequence.rows.lowerBound, seen.count - sequence.rows.count)
      let height = min(AttentionTile.height, sequence.rows.count)
      let tile = AttentionTile(
        scores: .allocate(capacity: height * seen.count),
        dScores: .allocate(capacity: height * seen.count))
      defer { tile.deallocate() }
      seen.with(keys, values, dKeys, dValues) { keys, values, dKeys, dValues in
        for head in kvHead * group..<(kvHead + 1) * group {
          for start in stride(from: 0, to: sequence.rows.count, by: height) {
            tile.run(
              steps, queries: DensePart(queries, first + start, head * headSize),
              dy: DensePart(dy, first + start, head * headSize), keys: keys, values: values,
              dQueries: Slice(dQueries, first + start, head * headSize), dKeys: dKeys,
              dValues: dValues, start: before + start,
              count: min(height, sequence.rows.count - start), headSize: headSize, scale: scale)
          }
        }
      }
    }
  }
}

/// A head's columns of the rows that a sequence sees: where they lie when these are neighbours, else
/// copies.
private struct SeenRows {
  let ranges: [Range<Int>]
  let column: Int
  let headSize: Int
  let count: Int

  init(_ sequence: AttentionSequence, column: Int, headSize: Int) {
    ranges = sequence.prefix + [sequence.rows]
    (self.column, self.headSize) = (column, headSize)
    count = ranges.reduce(0) { $0 + $1.count }
  }

  func with(
    _ keys: Matrix, _ values: Matrix, _ dKeys: Matrix, _ dValues: Matrix,
    _ body: (DensePart, DensePart, Slice, Slice) -> Void
  ) {
    guard ranges.count > 1 else {
      let row = ranges[0].lowerBound
      return body(
        DensePart(keys, row, column), DensePart(values, row, column), Slice(dKeys, row, column),
        Slice(dValues, row, column))
    }
    let copies = [keys, values, dKeys, dValues].map(copy)
    body(
      DensePart(copies[0], 0, 0), DensePart(copies[1], 0, 0), Slice(copies[2], 0, 0),
      Slice(copies[3], 0, 0))
    put(copies[2], into: dKeys)
    put(copies[3], into: dValues)
  }

  private func forEachRow(_ body: (_ copied: Int, _ row: Int) -> Void) {
    for (copied, row) in ranges.joined().enumerated() { body(copied, row) }
  }

  private func copy(_ matrix: Matrix) -> Matrix {
    let copy = Matrix(rows: count, columns: headSize)
    forEachRow { copied, row in
      (copy.base + copied * headSize).update(
        from: matrix.base + row * matrix.columns + column, count: headSize)
    }
    return copy
  }

  private func put(_ copy: Matrix, into matrix: Matrix) {
    forEachRow { copied, row in
      (matrix.base + row * matrix.columns + column).update(
        from: copy.base + copied * headSize, count: headSize)
    }
  }
}

/// A head's columns of a matrix from some row on, to be written.
private struct Slice {
  let base: UnsafeMutablePointer<Float>
  let stride: Int

  init(_ matrix: Matrix, _ row: Int, _ column: Int) {
    base = matrix.base + row * matrix.columns + column
    stride = matrix.columns
  }
}

extension DensePart {
  /// A head's columns of a matrix from some row on.
  fileprivate init(_ matrix: Matrix, _ row: Int, _ column: Int) {
    self.init(matrix.base + row * matrix.columns + column, stride: matrix.columns)
  }

  fileprivate var turned: DensePart { DensePart(base, stride: stride, transposed: true) }
}

/// The scratch space of one tile of queries against all keys that they see.
private struct AttentionTile {
  /// Queries in a tile.
  static let height = 64

  /// `[height, seen]`.
  let scores: UnsafeMutablePointer<Float>
  /// `[height, seen]`.
  let dScores: UnsafeMutablePointer<Float>

  func deallocate() {
    scores.deallocate()
    dScores.deallocate()
  }

  /// Queries `start..<start + count` of a sequence; the keys begin at its first row.
  func run(
    _ steps: qk_training, queries: DensePart, dy: DensePart, keys: DensePart, values: DensePart,
    dQueries: Slice, dKeys: Slice, dValues: Slice, start: Int, count: Int, headSize: Int,
    scale: Float
  ) {
    let seen = start + count
    multiplyDense(
      rows: count, columns: seen, depth: headSize, queries, keys.turned, into: scores,
      stride: seen, alpha: 1, beta: 0)
    multiplyDense(
      rows: count, columns: seen, depth: headSize, dy, values.turned, into: dScores,
      stride: seen, alpha: 1, beta: 0)
    for row in 0..<count {
      steps.softmax_backward(
        start + row + 1, seen, scale, scores + row * seen, dScores + row * seen)
    }
    multiplyDense(
      rows: seen, columns: headSize, depth: count,
      DensePart(scores, stride: seen, transposed: true), dy, into: dValues.base,
      stride: dValues.stride, alpha: 1, beta: 1)
    multiplyDense(
      rows: seen, columns: headSize, depth: count,
      DensePart(dScores, stride: seen, transposed: true), queries, into: dKeys.base,
      stride: dKeys.stride, alpha: 1, beta: 1)
    multiplyDense(
      rows: count, columns: headSize, depth: seen, DensePart(dScores, stride: seen), keys,
      into: dQueries.base, stride: dQueries.stride, alpha: 1, beta: 0)
  }
}
