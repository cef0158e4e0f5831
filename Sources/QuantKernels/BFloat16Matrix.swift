import CQuantKernels

/// A row-major matrix of bfloat16, `[rows, columns]`: values that wait, at half the memory of floats.
public final class BFloat16Matrix {
  // A float's room holds two values.
  private let space = Matrix(rows: 0, columns: 1)
  private var rows = 0
  public let columns: Int

  public init(columns: Int) {
    precondition(columns >= 0, "\(columns) columns")
    self.columns = columns
  }

  private var base: UnsafeMutablePointer<UInt16> {
    UnsafeMutableRawPointer(space.base).assumingMemoryBound(to: UInt16.self)
  }

  /// Takes the values of `x`, each rounded to the nearest bfloat16, ties to even.
  public func store(_ x: Matrix) {
    precondition(x.columns == columns, "\(x.columns) columns into \(columns)")
    rows = x.rows
    let room = (rows * columns + 1) / 2
    if space.rows < room { space.resize(rows: room) }
    let (steps, to) = (Kernels.training, UncheckedSendable(value: base))
    forEachRowBlock(rows: rows, columns: columns) { [columns] block in
      let at = block.lowerBound * columns
      steps.to_bf16(block.count * columns, x.base + at, to.value + at)
    }
  }

  /// Gives the values back; `x` is resized to `[rows, columns]`.
  public func load(into x: Matrix) {
    precondition(x.columns == columns, "\(columns) columns into \(x.columns)")
    x.resize(rows: rows)
    let (steps, from) = (Kernels.training, UncheckedSendable(value: base))
    forEachRowBlock(rows: rows, columns: columns) { [columns] block in
      let at = block.lowerBound * columns
      steps.from_bf16(block.count * columns, from.value + at, x.base + at)
    }
  }
}

/// Rounds the elements of a matrix as a stay in a `BFloat16Matrix` would.
public func roundToBFloat16(_ x: Matrix) {
  let steps = Kernels.training
  forEachRowBlock(rows: x.rows, columns: x.columns) { rows in
    steps.round_bf16(rows.count * x.columns, x.base + rows.lowerBound * x.columns)
  }
}
