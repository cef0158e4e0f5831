import CQuantKernels

/// y = scale · x · wᵀ, or y += scale · x · wᵀ: element `[t, o]` is the sum over k of x[t, k] · w[o, k].
///
/// Quantized weights take x in int8 blocks of 32, with a scale each or, for K formats, one for 256 as in
/// llama.cpp; float weights take the floats. Row t of y depends on row t of x alone, in the same bits for any number of rows, threads and any
/// instruction set (the order of operations is in `CQuantKernels.h`).
///
/// - Parameters:
///   - x: `[rows, inputs]`.
///   - w: `[outputs, inputs]`.
///   - y: `[rows, outputs]`; resized unless `adding`.
///   - adding: Whether y keeps what it holds: y = fma(scale, sum, y).
///   - scale: A factor of every sum.
///   - terms: What is added to y then, in order: the same bits as calls of their own, sooner.
public func multiply(
  _ x: Activations, _ w: WeightMatrix, into y: Matrix, adding: Bool = false, scale: Float = 1,
  then terms: [ProductTerm] = []
) {
  if !adding { y.resize(rows: x.matrix.rows) }
  let first = product(x, w, into: y, adding: adding, scale: scale)
  let others = terms.map { product($0.x, $0.w, into: y, adding: true, scale: $0.scale) }
  withChain([first] + others, link: { $0.then = $1 }) { product in
    parallel(qk_product_chunks(product)) { qk_product_run(product, $0) }
  }
}

/// One of the products that make up a sum, scale · x · wᵀ.
public struct ProductTerm {
  /// `[rows, inputs]`.
  public let x: Activations
  /// `[outputs, inputs]`.
  public let w: WeightMatrix
  public let scale: Float

  public init(_ x: Activations, _ w: WeightMatrix, scale: Float) {
    (self.x, self.w, self.scale) = (x, w, scale)
  }
}

private func product(
  _ x: Activations, _ w: WeightMatrix, into y: Matrix, adding: Bool, scale: Float
) -> qk_product {
  let input = x.matrix
  precondition(x.columns == w.columns, "\(x.columns) inputs for \(w.columns)")
  precondition(y.columns == w.rows, "\(w.rows) outputs into \(y.columns)")
  precondition(y.rows == input.rows, "\(input.rows) rows onto \(y.rows)")
  return qk_product(
    set: Kernels.instructionSet.code, format: w.format, rows: w.rows, columns: w.columns,
    panels: w.panels, tokens: input.rows,
    x: qk_is_quantized(w.format)
      ? UnsafeRawPointer(x.quantized(for: w.format)) : UnsafeRawPointer(input.base),
    y: y.base, scale: scale, adding: adding, then: nil)
}

/// Calls `body` with the first of several products, each of which points to the next.
func withChain<Product>(
  _ products: [Product], link: (inout Product, UnsafePointer<Product>) -> Void,
  _ body: (UnsafePointer<Product>) -> Void
) {
  var products = products
  products.withUnsafeMutableBufferPointer { products in
    guard let first = products.baseAddress else { return }
    for index in 1..<products.count { link(&products[index - 1], first + index) }
    body(first)
  }
}
