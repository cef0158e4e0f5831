/// A row-major matrix of floats, `[rows, columns]`, whose number of rows may change.
public final class Matrix: @unchecked Sendable {
  // Sendable by contract: one thread computes at a time; chunks of a parallel region write disjoint parts.

  public private(set) var rows: Int
  public let columns: Int
  /// The first element, at a 64-byte boundary; moves when the matrix grows.
  package private(set) var base: UnsafeMutablePointer<Float>
  private var capacity: Int

  /// A matrix of zeros.
  public init(rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0, "a shape of \(rows) by \(columns)")
    self.rows = rows
    self.columns = columns
    capacity = rows
    base = allocateZeroed(rows * columns)
  }

  /// A matrix of these values, row by row.
  public convenience init(rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "\(values.count) values for \(rows) by \(columns)")
    self.init(rows: rows, columns: columns)
    values.withUnsafeBufferPointer { source in
      guard let first = source.baseAddress else { return }
      base.update(from: first, count: source.count)
    }
  }

  deinit { QuantKernels.free(base) }

  /// Changes the number of rows: kept rows stay, and memory is kept for a later growth.
  ///
  /// A row that comes back holds what it held, one that is new holds zeros.
  public func resize(rows: Int) {
    precondition(rows >= 0, "\(rows) rows")
    if rows > capacity {
      let larger = allocateZeroed(rows * columns)
      larger.update(from: base, count: self.rows * columns)
      QuantKernels.free(base)
      base = larger
      capacity = rows
    }
    self.rows = rows
  }

  public subscript(row: Int, column: Int) -> Float {
    get {
      checkPlace(row, column)
      return base[row * columns + column]
    }
    set {
      checkPlace(row, column)
      base[row * columns + column] = newValue
    }
  }

  private func checkPlace(_ row: Int, _ column: Int) {
    precondition(
      (0..<rows).contains(row) && (0..<columns).contains(column),
      "[\(row), \(column)] of \(rows) by \(columns)")
  }

  /// The values of one row; `[columns]`.
  public func row(_ row: Int) -> [Float] {
    precondition((0..<rows).contains(row), "row \(row) of \(rows)")
    return Array(UnsafeBufferPointer(start: base + row * columns, count: columns))
  }

  /// Lends one row; `[columns]`.
  public func withRow<R, E: Error>(
    _ row: Int, _ body: (Span<Float>) throws(E) -> R
  ) throws(E) -> R {
    precondition((0..<rows).contains(row), "row \(row) of \(rows)")
    return try body(Span(_unsafeStart: base + row * columns, count: columns))
  }

  /// All values, row by row.
  public var values: [Float] {
    Array(UnsafeBufferPointer(start: base, count: rows * columns))
  }

  public func fill(_ value: Float) {
    forEachRowBlock(rows: rows, columns: columns) { block in
      (base + block.lowerBound * columns).update(repeating: value, count: block.count * columns)
    }
  }

  /// Takes the rows and values of a matrix with as many columns.
  public func copy(from other: Matrix) {
    precondition(other.columns == columns, "\(other.columns) columns into \(columns)")
    resize(rows: other.rows)
    forEachRowBlock(rows: rows, columns: columns) { block in
      let at = block.lowerBound * columns
      (base + at).update(from: other.base + at, count: block.count * columns)
    }
  }

  /// Copies row `row` of `other` to row `target`.
  public func copyRow(_ target: Int, from other: Matrix, row: Int) {
    precondition(other.columns == columns, "\(other.columns) columns into \(columns)")
    precondition((0..<rows).contains(target) && (0..<other.rows).contains(row), "row out of range")
    (base + target * columns).update(from: other.base + row * columns, count: columns)
  }

  /// Drops all rows but these, which close up.
  ///
  /// - Parameter kept: Ascending.
  public func keep(rows kept: [Int]) {
    for (target, row) in kept.enumerated() where target < row {
      copyRow(target, from: self, row: row)
    }
    resize(rows: kept.count)
  }

  /// Undoes `keep`, with zeros for the rows that it dropped.
  ///
  /// - Parameters:
  ///   - kept: Where the rows go, ascending.
  ///   - count: Rows then.
  public func spread(to kept: [Int], of count: Int) {
    precondition(kept.count == rows, "\(rows) rows to \(kept.count) places")
    resize(rows: count)
    var left = kept.count
    for row in stride(from: count - 1, through: 0, by: -1) {
      if left > 0, kept[left - 1] == row {
        left -= 1
        if left < row { copyRow(row, from: self, row: left) }
      } else {
        (base + row * columns).update(repeating: 0, count: columns)
      }
    }
  }
}
