import CQuantKernels

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
///   - sequences: Ranges of rows; together all rows.
///   - scale: What scores are multiplied by before softmax.
///   - dQueries: Resized; as `queries`.
///   - dKeys: Resized; as `keys`.
///   - dValues: Resized; as `values`.
public func attentionBackward(
  _ dy: Matrix, queries: Matrix, keys: Matrix, values: Matrix, headSize: Int,
  sequences: [Range<Int>], scale: Float, dQueries: Matrix, dKeys: Matrix, dValues: Matrix
) {
  let rows = queries.rows
  precondition(dy.rows == rows && keys.rows == rows && values.rows == rows, "shapes differ")
  precondition(sequences.reduce(0) { $0 + $1.count } == rows, "sequences do not cover the rows")
  let kvHeads = keys.columns / headSize
  let group = queries.columns / keys.columns
  for matrix in [dQueries, dKeys, dValues] { matrix.resize(rows: rows) }
  for matrix in [dKeys, dValues] { matrix.fill(0) }
  let steps = Kernels.training

  parallel(sequences.count * kvHeads) { chunk in
    let (sequence, kvHead) = (sequences[chunk / kvHeads], chunk % kvHeads)
    let height = min(AttentionTile.height, sequence.count)
    let tile = AttentionTile(
      scores: .allocate(capacity: height * sequence.count),
      dScores: .allocate(capacity: height * sequence.count))
    defer { tile.deallocate() }
    for offset in 0..<group {
      let head = kvHead * group + offset
      for start in stride(from: 0, to: sequence.count, by: height) {
        tile.run(
          steps, queries: DensePart(queries, sequence.lowerBound + start, head * headSize),
          dy: DensePart(dy, sequence.lowerBound + start, head * headSize),
          keys: DensePart(keys, sequence.lowerBound, kvHead * headSize),
          values: DensePart(values, sequence.lowerBound, kvHead * headSize),
          dQueries: Slice(dQueries, sequence.lowerBound + start, head * headSize),
          dKeys: Slice(dKeys, sequence.lowerBound, kvHead * headSize),
          dValues: Slice(dValues, sequence.lowerBound, kvHead * headSize),
          start: start, count: min(height, sequence.count - start), headSize: headSize,
          scale: scale)
      }
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
