import CQuantKernels

/// The input of one or more products: rows of floats, and their int8 blocks once a product needs them.
public final class Activations {
  public let columns: Int
  private var source: Matrix?
  private var tiles: UnsafeMutableBufferPointer<qk_input_block>
  private var isQuantized = false

  public init(columns: Int) {
    self.columns = columns
    tiles = .allocate(capacity: 0)
  }

  deinit { tiles.deallocate() }

  /// Bytes of the int8 blocks of one row.
  package static func quantizedBytes(columns: Int) -> Int {
    columns / Int(QK_BLOCK) * MemoryLayout<qk_input_block>.stride
  }

  /// Takes the rows of `x`, by reference: they must not change until the products are done.
  public func load(_ x: Matrix) {
    precondition(x.columns == columns, "\(x.columns) columns into \(columns)")
    source = x
    isQuantized = false
  }

  /// What was loaded; `[rows, columns]`.
  var matrix: Matrix {
    guard let source else { preconditionFailure("nothing was loaded") }
    return source
  }

  /// The rows in blocks of 32, in tiles of up to 8 rows: `[blocks, rows of the tile]` each.
  func quantized() -> UnsafePointer<qk_input_block> {
    let x = matrix
    let blocks = columns / Int(QK_BLOCK)
    if !isQuantized {
      if tiles.count < x.rows * blocks {
        tiles.deallocate()
        tiles = .allocate(capacity: x.rows * blocks)
      }
      quantize(x, blocks: blocks)
      isQuantized = true
    }
    guard let start = tiles.baseAddress else { preconditionFailure("no room was made") }
    return UnsafePointer(start)
  }

  private func quantize(_ x: Matrix, blocks: Int) {
    guard let start = tiles.baseAddress else { return }
    let set = Kernels.instructionSet.code
    let height = Int(QK_TILE)
    // 32,768 values a chunk are some microseconds, which a thread is worth.
    let perChunk = max(1, 4096 / max(1, columns))
    let count = (x.rows + height - 1) / height
    parallel((count + perChunk - 1) / perChunk) { chunk in
      for tile in chunk * perChunk..<min((chunk + 1) * perChunk, count) {
        let first = tile * height
        qk_quantize_tile(
          set, blocks, min(height, x.rows - first), x.base + first * columns, columns,
          start + first * blocks)
      }
    }
  }
}
