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
