import CQuantKernels

/// The input of one or more products: rows of floats, and their int8 blocks once a product needs them.
public final class Activations {
  public let columns: Int
  private var source: Matrix?
  /// By the number of blocks that share a scale.
  private var quantized: [Int: QuantizedRows] = [:]

  public init(columns: Int) { self.columns = columns }

  /// Bytes of the int8 blocks of one row.
  package static func quantizedBytes(columns: Int) -> Int {
    columns / Int(QK_BLOCK) * MemoryLayout<qk_input_block>.stride
  }

  /// Takes the rows of `x`, by reference: they must not change until the products are done.
  public func load(_ x: Matrix) {
    precondition(x.columns == columns, "\(x.columns) columns into \(columns)")
    source = x
    for rows in quantized.values { rows.isCurrent = false }
  }

  /// What was loaded; `[rows, columns]`.
  var matrix: Matrix {
    guard let source else { preconditionFailure("nothing was loaded") }
    return source
  }

  /// The rows as products with a quantized format take them, in tiles of up to 8 rows:
  /// `[blocks, rows of the tile]` each.
  func quantized(for format: qk_format) -> UnsafePointer<qk_input_block> {
    let run = qk_input_run(format)
    let rows = quantized[run] ?? QuantizedRows()
    quantized[run] = rows
    if !rows.isCurrent { rows.make(of: matrix, run: run) }
    return rows.start
  }
}

/// The int8 blocks of a matrix's rows.
private final class QuantizedRows {
  /// Whether they are those of the matrix that is loaded.
  var isCurrent = false
  private var tiles = UnsafeMutableBufferPointer<qk_input_block>.allocate(capacity: 0)

  deinit { tiles.deallocate() }

  var start: UnsafePointer<qk_input_block> {
    guard let start = tiles.baseAddress else { preconditionFailure("no room was made") }
    return UnsafePointer(start)
  }

  func make(of x: Matrix, run: Int) {
    let blocks = x.columns / Int(QK_BLOCK)
    if tiles.count < x.rows * blocks {
      tiles.deallocate()
      tiles = .allocate(capacity: x.rows * blocks)
    }
    isCurrent = true
    guard let start = tiles.baseAddress else { return }
    let set = Kernels.instructionSet.code
    let height = Int(QK_TILE)
    // 32,768 values a chunk are some microseconds, which a thread is worth.
    let perChunk = max(1, 4096 / max(1, x.columns))
    let count = (x.rows + height - 1) / height
    parallel((count + perChunk - 1) / perChunk) { chunk in
      for tile in chunk * perChunk..<min((chunk + 1) * perChunk, count) {
        let first = tile * height
        qk_quantize_tile(
          set, run, blocks, min(height, x.rows - first), x.base + first * x.columns, x.columns,
          start + first * blocks)
      }
    }
  }
}
