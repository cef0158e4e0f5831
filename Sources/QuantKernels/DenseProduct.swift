#if canImport(Accelerate)
  import Accelerate
#else
  import COpenBLAS
#endif

/// c = alpha · a · b + beta · c with either factor transposed first; a product of plain floats.
///
/// The system's BLAS multiplies fixed tiles of c, one thread a tile, so that bits depend on shapes
/// alone. With beta 0, c is resized and what it held is not read.
///
/// - Parameters:
///   - a: `[rows, depth]`, or `[depth, rows]` when transposed.
///   - transposeA: Whether a is taken transposed.
///   - b: `[depth, columns]`, or `[columns, depth]` when transposed.
///   - transposeB: Whether b is taken transposed.
///   - c: `[rows, columns]`.
///   - alpha: A factor of the product.
///   - beta: A factor of what c held.
public func gemm(
  _ a: Matrix, transposed transposeA: Bool = false, _ b: Matrix,
  transposed transposeB: Bool = false, into c: Matrix, alpha: Float = 1, beta: Float = 0
) {
  let (rows, depth) = transposeA ? (a.columns, a.rows) : (a.rows, a.columns)
  let (innerB, columns) = transposeB ? (b.columns, b.rows) : (b.rows, b.columns)
  precondition(depth == innerB, "depths \(depth) and \(innerB)")
  precondition(c.columns == columns, "\(columns) columns into \(c.columns)")
  precondition(beta == 0 || c.rows == rows, "\(rows) rows onto \(c.rows)")
  if beta == 0 { c.resize(rows: rows) }
  // Skinny shapes (rank 16) still give a tile for each thread along their long side.
  let (tileRows, tileColumns) = (128, 256)
  let across = (columns + tileColumns - 1) / tileColumns
  let down = (rows + tileRows - 1) / tileRows
  parallel(across * down) { chunk in
    let row = chunk / across * tileRows
    let column = chunk % across * tileColumns
    multiplyDense(
      rows: min(tileRows, rows - row), columns: min(tileColumns, columns - column), depth: depth,
      DensePart(
        a.base + (transposeA ? row : row * a.columns), stride: a.columns, transposed: transposeA),
      DensePart(
        b.base + (transposeB ? column * b.columns : column), stride: b.columns,
        transposed: transposeB),
      into: c.base + row * columns + column, stride: columns, alpha: alpha, beta: beta)
  }
}

/// A part of a matrix: its first element, and how many floats further the next row begins.
struct DensePart {
  let base: UnsafePointer<Float>
  let stride: Int
  let transposed: Bool

  init(_ base: UnsafePointer<Float>, stride: Int, transposed: Bool = false) {
    self.base = base
    self.stride = stride
    self.transposed = transposed
  }
}

/// c = alpha · a · b + beta · c on parts of matrices, on the calling thread alone.
///
/// a is `[rows, depth]` and b `[depth, columns]` after the transposition that each asks for; c is
/// `[rows, columns]`, its rows `stride` floats apart.
func multiplyDense(
  rows: Int, columns: Int, depth: Int, _ a: DensePart, _ b: DensePart,
  into c: UnsafeMutablePointer<Float>, stride: Int, alpha: Float, beta: Float
) {
  _ = oneThread
  cblas_sgemm(
    CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans,
    b.transposed ? CblasTrans : CblasNoTrans, Int32(rows), Int32(columns), Int32(depth), alpha,
    a.base, Int32(a.stride), b.base, Int32(b.stride), beta, c, Int32(stride))
}

/// OpenBLAS starts with a thread a core; the worker pool is ours.
private let oneThread: Void = {
  #if !canImport(Accelerate)
    openblas_set_num_threads(1)
  #endif
}()
