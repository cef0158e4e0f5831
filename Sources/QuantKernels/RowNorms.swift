import CQuantKernels

/// Euclidean norms of the rows of w + scale · b · a; what DoRA divides its magnitudes by.
///
/// Weights become floats some rows at a time; a row's norm is summed in double precision, and depends
/// on that row alone.
///
/// - Parameters:
///   - w: `[outputs, inputs]`.
///   - b: `[outputs, rank]`.
///   - a: `[rank, inputs]`.
///   - scale: A factor of b · a.
/// - Returns: `[1, outputs]`.
public func rowNorms(_ w: WeightMatrix, adding b: Matrix, _ a: Matrix, scale: Float) -> Matrix {
  precondition(b.rows == w.rows && a.columns == w.columns && b.columns == a.rows, "shapes differ")
  let (height, rank, columns) = (64, a.rows, w.columns)
  let norms = Matrix(rows: 1, columns: w.rows)
  let steps = Kernels.training
  parallel((w.rows + height - 1) / height) { chunk in
    let first = chunk * height
    let rows = Matrix(rows: min(height, w.rows - first), columns: columns)
    for row in 0..<rows.rows { w.copyRow(first + row, into: rows, row: row) }
    multiplyDense(
      rows: rows.rows, columns: columns, depth: rank,
      DensePart(b.base + first * rank, stride: rank), DensePart(a.base, stride: columns),
      into: rows.base, stride: columns, alpha: scale, beta: 1)
    for row in 0..<rows.rows {
      norms.base[first + row] = Float(
        steps.squared_sum(columns, rows.base + row * columns).squareRoot())
    }
  }
  return norms
}

/// y = x ⊙ factors, or y += x ⊙ factors, each column by its own factor; the product is rounded
/// before it is added.
///
/// - Parameters:
///   - x: `[rows, columns]`.
///   - factors: `[1, columns]`.
///   - y: `[rows, columns]`; resized unless `adding`; may be x.
///   - adding: Whether y keeps what it holds.
public func scaleColumns(_ x: Matrix, by factors: Matrix, into y: Matrix, adding: Bool = false) {
  precondition(factors.rows == 1 && factors.columns == x.columns, "one factor a column")
  precondition(y.columns == x.columns && (!adding || y.rows == x.rows), "shapes differ")
  if !adding { y.resize(rows: x.rows) }
  let (columns, factors) = (x.columns, UncheckedSendable(value: factors.base))
  forEachRowBlock(rows: x.rows, columns: columns) { rows in
    let factors = factors.value
    for row in rows {
      let (from, to) = (x.base + row * columns, y.base + row * columns)
      if adding {
        for column in 0..<columns { to[column] += from[column] * factors[column] }
      } else {
        for column in 0..<columns { to[column] = from[column] * factors[column] }
      }
    }
  }
}

/// Adds to each column of `sums` the sum over the rows of dy · u / divisor, rows in order.
///
/// - Parameters:
///   - dy: `[rows, columns]`.
///   - u: `[rows, columns]`.
///   - divisors: `[1, columns]`; a column whose divisor is 0 gets nothing.
///   - sums: `[1, columns]`.
public func addColumnProducts(_ dy: Matrix, _ u: Matrix, over divisors: Matrix, to sums: Matrix) {
  precondition(dy.rows == u.rows && dy.columns == u.columns, "shapes differ")
  precondition(divisors.columns == u.columns && sums.columns == u.columns, "one number a column")
  let (columns, width) = (u.columns, 256)
  parallel((columns + width - 1) / width) { chunk in
    let first = chunk * width
    let count = min(width, columns - first)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: count) { total in
      total.initialize(repeating: 0)
      for row in 0..<u.rows {
        let (a, b) = (dy.base + row * columns + first, u.base + row * columns + first)
        for column in 0..<count { total[column] += a[column] * b[column] }
      }
      for column in 0..<count where divisors.base[first + column] != 0 {
        sums.base[first + column] += total[column] / divisors.base[first + column]
      }
    }
  }
}

/// Multiplies each row of x, in place, by its own factor: row r by column `first` + r of `factors`.
///
/// - Parameters:
///   - x: `[rows, columns]`.
///   - factors: `[1, at least first + rows]`.
///   - first: Where x's rows begin among the factors.
public func scaleRows(_ x: Matrix, by factors: Matrix, from first: Int) {
  precondition(factors.rows == 1 && first + x.rows <= factors.columns, "one factor a row")
  let columns = x.columns
  forEachRowBlock(rows: x.rows, columns: columns) { rows in
    for row in rows {
      let factor = factors.base[first + row]
      for place in row * columns..<(row + 1) * columns { x.base[place] *= factor }
    }
  }
}
