import CQuantKernels

/// What gradients are multiplied in on their way back through a weight.
public enum BackwardPrecision: String, CaseIterable, Sendable {
  case f32
  /// Weights and gradients rounded to bfloat16, sums in f32: twice as fast where the processor has an
  /// instruction for it, and the same bits where it has not.
  case bf16
  /// Weights and gradients as bytes with a scale for 256 numbers of a column or a row: about twice as fast as
  /// bfloat16, and less exact (docs/training.md).
  case int8

  var operations: qk_operations {
    switch self {
    case .f32: qk_f32_operations
    case .bf16: qk_bf16_operations
    case .int8: qk_int8_operations
    }
  }
}

/// The products of the backward pass: a gradient is laid out once and multiplied by several weights.
public final class BackwardProducts {
  private let space = Matrix(rows: 0, columns: 1)
  private var rows = 0
  private var columns = 0
  private var precision = BackwardPrecision.f32

  public init() {}

  /// Takes the gradient that the next products multiply.
  ///
  /// - Parameters:
  ///   - dy: `[rows, outputs]`.
  ///   - precision: Of both factors.
  public func load(_ dy: Matrix, _ precision: BackwardPrecision = .f32) {
    (rows, columns, self.precision) = (dy.rows, dy.columns, precision)
    let room = dy.rows * qk_transposed_width(dy.columns)
    if space.rows < room { space.resize(rows: room) }
    var product = qk_transposed()
    product.set = Kernels.instructionSet.code
    product.operations = precision.operations
    (product.rows, product.tokens) = (columns, rows)
    (product.dy, product.parts) = (UnsafePointer(dy.base), space.base)
    withUnsafePointer(to: &product) { product in
      parallel(qk_transposed_parts(product)) { qk_transposed_split(product, $0) }
    }
  }

  /// dx = scale · dy · w, or dx += scale · dy · w: what flows back through `multiply` to its input.
  ///
  /// Weights become floats some rows at a time; there is never a float copy of the whole. Sums are of
  /// floats, in the order that `CQuantKernels.h` states: row t of dx depends on row t of dy alone, in the
  /// same bits for any number of rows, threads and any instruction set.
  ///
  /// - Parameters:
  ///   - w: `[outputs, inputs]`.
  ///   - dx: `[rows, inputs]`; resized unless `adding`.
  ///   - adding: Whether dx keeps what it holds.
  ///   - scale: A factor of the product.
  ///   - term: What is added to dx then: a gradient and what it flows back through; the same bits as a call
  ///     of its own, sooner.
  public func multiply(
    _ w: WeightMatrix, into dx: Matrix, adding: Bool = false, scale: Float = 1,
    then term: (dy: BackwardProducts, w: WeightMatrix)? = nil
  ) {
    if !adding { dx.resize(rows: rows) }
    let first = product(w, into: dx, adding: adding, scale: scale)
    let other = term.map { $0.dy.product($0.w, into: dx, adding: true, scale: 1) }
    withChain([first] + (other.map { [$0] } ?? []), link: { $0.then = $1 }) { product in
      parallel(qk_transposed_chunks(product)) { qk_transposed_run(product, $0) }
    }
  }

  private func product(
    _ w: WeightMatrix, into dx: Matrix, adding: Bool, scale: Float
  ) -> qk_transposed {
    precondition(columns == w.rows, "\(columns) outputs for \(w.rows)")
    precondition(dx.columns == w.columns, "\(w.columns) inputs into \(dx.columns)")
    precondition(dx.rows == rows, "\(rows) rows onto \(dx.rows)")
    return qk_transposed(
      set: Kernels.instructionSet.code, format: w.format, operations: precision.operations,
      rows: w.rows, columns: w.columns, panels: w.panels, tokens: rows, dy: nil,
      parts: space.base, dx: dx.base, scale: scale, adding: adding, then: nil)
  }
}

/// c += scale · aᵀ · b, the gradient of a weight with few rows (or columns, when `turned`).
///
/// The same bits for any number of threads and any instruction set; the order of the sums is in
/// `CQuantKernels.h`.
///
/// - Parameters:
///   - a: `[tokens, few]`.
///   - b: `[tokens, columns]`.
///   - c: `[few, columns]`, or `[columns, few]` when `turned`; added to.
///   - turned: Whether c is transposed.
///   - scale: A factor of the product.
public func addGradient(
  _ a: Matrix, _ b: Matrix, to c: Matrix, turned: Bool = false, scale: Float = 1
) {
  precondition(a.rows == b.rows, "\(a.rows) rows and \(b.rows)")
  let (rows, columns) = turned ? (b.columns, a.columns) : (a.columns, b.columns)
  precondition(c.rows == rows && c.columns == columns, "a gradient of \(rows) by \(columns)")
  var product = qk_gradient(
    set: Kernels.instructionSet.code, tokens: a.rows, few: a.columns, columns: b.columns, a: a.base,
    b: b.base, c: c.base, turned: turned, scale: scale)
  withUnsafePointer(to: &product) { product in
    parallel(qk_gradient_chunks(product)) { qk_gradient_run(product, $0) }
  }
}
