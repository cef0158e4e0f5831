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
/// other; the formulas are at `qk_attention_backward` in `CQuantKernels.h`.
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
  let softmaxBackward = Kernels.training.softmax_backward

  // What goes on from a common beginning adds to its gradients, one after the other.
  let roots = sequences.indices.filter { sequences[$0].prefix.isEmpty }
  parallel(roots.count * kvHeads) { chunk in
    let (root, kvHead) = (chunk / kvHeads, chunk % kvHeads)
    let end = root + 1 < roots.count ? roots[root + 1] : sequences.count
    for sequence in sequences[roots[root]..<end] {
      let seen = SeenRows(sequence, column: kvHead * headSize, headSize: headSize)
      let room = qk_attention_backward_room(headSize, seen.count)
      let scratch = UnsafeMutableRawPointer.allocate(
        byteCount: room * MemoryLayout<Float>.stride, alignment: 64)
      defer { scratch.deallocate() }
      let at = sequence.rows.lowerBound * queries.columns + kvHead * group * headSize
      seen.with(keys, values, dKeys, dValues) { keys, values, dKeys, dValues, stride in
        var attention = qk_attention_backward(
          set: Kernels.instructionSet.code, softmax_backward: softmaxBackward, head_size: headSize,
          heads: group, rows: sequence.rows.count, seen: seen.count, stride: queries.columns,
          kv_stride: stride, queries: queries.base + at, dy: dy.base + at, keys: keys,
          values: values, scale: scale, d_queries: dQueries.base + at, d_keys: dKeys,
          d_values: dValues, scratch: scratch.bindMemory(to: Float.self, capacity: room))
        qk_attention_backward_run(&attention)
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

  /// Calls `body` with the columns of each matrix, and the floats from one row to the next.
  func with(
    _ keys: Matrix, _ values: Matrix, _ dKeys: Matrix, _ dValues: Matrix,
    _ body: (
      UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>,
      UnsafeMutablePointer<Float>, _ stride: Int
    ) -> Void
  ) {
    guard ranges.count > 1 else {
      let at = ranges[0].lowerBound * keys.columns + column
      return body(
        keys.base + at, values.base + at, dKeys.base + at, dValues.base + at, keys.columns)
    }
    let copies = [keys, values, dKeys, dValues].map(copy)
    body(copies[0].base, copies[1].base, copies[2].base, copies[3].base, headSize)
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
