import CQuantKernels

/// y = scale · x · wᵀ, or y += scale · x · wᵀ: element `[t, o]` is the sum over k of x[t, k] · w[o, k].
///
/// Quantized weights take x in int8 blocks of 32, one scale each; float weights take the floats. Row t
/// of y depends on row t of x alone, in the same bits for any number of rows, threads and any
/// instruction set (the order of operations is in `CQuantKernels.h`).
///
/// - Parameters:
///   - x: `[rows, inputs]`.
///   - w: `[outputs, inputs]`.
///   - y: `[rows, outputs]`; resized unless `adding`.
///   - adding: Whether y keeps what it holds: y = fma(scale, sum, y).
///   - scale: A factor of every sum.
public func multiply(
  _ x: Activations, _ w: WeightMatrix, into y: Matrix, adding: Bool = false, scale: Float = 1
) {
  let input = x.matrix
  precondition(x.columns == w.columns, "\(x.columns) inputs for \(w.columns)")
  precondition(y.columns == w.rows, "\(w.rows) outputs into \(y.columns)")
  precondition(!adding || y.rows == input.rows, "\(input.rows) rows onto \(y.rows)")
  if !adding { y.resize(rows: input.rows) }
  var product = qk_product(
    set: Kernels.instructionSet.code, format: w.format, rows: w.rows, columns: w.columns,
    panels: w.panels, tokens: input.rows,
    x: qk_is_quantized(w.format)
      ? UnsafeRawPointer(x.quantized()) : UnsafeRawPointer(input.base),
    y: y.base, scale: scale, adding: adding)
  withUnsafePointer(to: &product) { product in
    parallel(qk_product_chunks(product)) { qk_product_run(product, $0) }
  }
}

/// dx = dy · w, or dx += dy · w: what flows back through `multiply` to its input.
///
/// Weights become floats some rows at a time; there is never a float copy of the whole. Sums are of
/// floats, in the order that `CQuantKernels.h` states: row t of dx depends on row t of dy alone, in the
/// same bits for any number of rows, threads and any instruction set.
///
/// - Parameters:
///   - dy: `[rows, outputs]`.
///   - w: `[outputs, inputs]`.
///   - dx: `[rows, inputs]`; resized unless `adding`.
///   - adding: Whether dx keeps what it holds.
public func multiplyTransposed(
  _ dy: Matrix, _ w: WeightMatrix, into dx: Matrix, adding: Bool = false
) {
  precondition(dy.columns == w.rows, "\(dy.columns) outputs for \(w.rows)")
  precondition(dx.columns == w.columns, "\(w.columns) inputs into \(dx.columns)")
  precondition(!adding || dx.rows == dy.rows, "\(dy.rows) rows onto \(dx.rows)")
  if !adding { dx.resize(rows: dy.rows) }
  let parts = split(dy)
  var product = qk_transposed(
    set: Kernels.instructionSet.code, format: w.format, rows: w.rows, columns: w.columns,
    panels: w.panels, tokens: dy.rows, dy: parts.base, dx: dx.base, adding: adding)
  withUnsafePointer(to: &product) { product in
    parallel(qk_transposed_chunks(product)) { qk_transposed_run(product, $0) }
  }
}

/// The columns of a matrix in parts of 256, one part after another, `[rows, columns of the part]` each.
private func split(_ x: Matrix) -> Matrix {
  let width = Int(QK_PART)
  guard x.columns > width else { return x }
  let parts = Matrix(rows: x.rows, columns: x.columns)
  parallel((x.columns + width - 1) / width) { part in
    let first = part * width
    let count = min(width, x.columns - first)
    for row in 0..<x.rows {
      (parts.base + first * x.rows + row * count)
        .update(from: x.base + row * x.columns + first, count: count)
    }
  }
  return parts
}
