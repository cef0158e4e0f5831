import CQuantKernels
public import GGUF

/// A weight matrix `[rows = outputs, columns = inputs]` in the layout of the kernels.
///
/// The values are those of the file, bit for bit and in about as many bytes, packed into panels of
/// 16 interleaved rows (`CQuantKernels.h`).
public final class WeightMatrix: @unchecked Sendable {
  // Sendable by contract: read-only after `init`, but for `repack` and the panels of a mapped matrix, which the
  // one compute thread alone asks for.

  private enum Storage {
    case packed(UnsafeMutablePointer<Float>)
    /// As the file has them; `owner` keeps them mapped.
    case mapped(UnsafeRawPointer, owner: AnyObject, scratch: PanelScratch)
  }

  public let type: TensorType
  public let rows: Int
  public let columns: Int
  /// Of the weights when they are packed.
  public let byteCount: Int
  let format: qk_format
  private let storage: Storage

  /// Packs a tensor's bytes as a GGUF file holds them; they are not needed afterwards.
  ///
  /// - Parameters:
  ///   - type: One that is supported.
  ///   - rows: Outputs.
  ///   - columns: Inputs; a whole number of blocks.
  ///   - bytes: Row by row.
  ///   - inspect: Sees the bytes of some rows just before they are packed, on several threads at once: what else has
  ///     to look at them does so while they are in a cache.
  /// - Precondition: The bytes are those of this shape.
  public convenience init(
    type: TensorType, rows: Int, columns: Int, bytes: UnsafeRawBufferPointer,
    inspect: (UnsafeRawBufferPointer) -> Void = { _ in }
  ) {
    let size = Self.byteCount(type: type, rows: rows, columns: columns) ?? 0
    let storage = Storage.packed(allocateZeroed(size / MemoryLayout<Float>.stride))
    self.init(type, rows, columns, bytes, storage)
    if let source = bytes.baseAddress { pack(source, to: panels, inspect) }
  }

  /// Leaves a tensor's bytes where they are; products pack them, each time that they are needed, into
  /// panels that many matrices share.
  ///
  /// - Parameters:
  ///   - type: One that is supported.
  ///   - rows: Outputs.
  ///   - columns: Inputs; a whole number of blocks.
  ///   - bytes: Row by row; there as long as `owner` is.
  ///   - owner: Kept.
  ///   - scratch: Where panels go.
  ///   - inspect: Sees all bytes, in parts, on several threads at once.
  /// - Precondition: The bytes are those of this shape.
  public convenience init(
    type: TensorType, rows: Int, columns: Int, mapped bytes: UnsafeRawBufferPointer,
    owner: AnyObject, scratch: PanelScratch, inspect: (UnsafeRawBufferPointer) -> Void
  ) {
    guard let source = bytes.baseAddress else { preconditionFailure("no bytes") }
    self.init(
      type, rows, columns, bytes, .mapped(source, owner: owner, scratch: scratch))
    forEachPiece { _, _, rows in
      let rowBytes = qk_row_bytes(format, columns)
      inspect(
        UnsafeRawBufferPointer(
          start: source + rows.lowerBound * rowBytes, count: rows.count * rowBytes))
    }
  }

  private init(
    _ type: TensorType, _ rows: Int, _ columns: Int, _ bytes: UnsafeRawBufferPointer,
    _ storage: Storage
  ) {
    guard let format = Self.format(of: type) else {
      preconditionFailure("\(type.name) is not packed")
    }
    precondition(type.byteCount(of: [columns, rows]) == bytes.count, "\(bytes.count) bytes")
    self.type = type
    self.rows = rows
    self.columns = columns
    self.format = format
    byteCount = Self.byteCount(type: type, rows: rows, columns: columns) ?? 0
    self.storage = storage
  }

  /// Packs a matrix of floats, such as a factor of a low-rank update.
  public convenience init(_ values: Matrix) {
    self.init(
      type: .f32, rows: values.rows, columns: values.columns,
      bytes: UnsafeRawBufferPointer(
        start: values.base, count: values.rows * values.columns * MemoryLayout<Float>.stride))
  }

  deinit {
    if case .packed(let floats) = storage { QuantKernels.free(floats) }
  }

  /// The weights as kernels take them, until those of another mapped matrix are asked for.
  var panels: UnsafeMutableRawPointer {
    switch storage {
    case .packed(let floats): UnsafeMutableRawPointer(floats)
    case .mapped(let source, _, let scratch):
      scratch.panels(
        of: self, size: byteCount, lastPanel: byteCount - qk_panel_bytes(format, columns)
      ) { pack(source, to: $0) { _ in } }
    }
  }

  /// Takes new values in the place of the old.
  ///
  /// - Precondition: This is a matrix of floats, and the shape is the same.
  public func repack(from values: Matrix) {
    precondition(type == .f32 && values.rows == rows && values.columns == columns, "shapes differ")
    pack(values.base, to: panels) { _ in }
  }

  private func pack(
    _ source: UnsafeRawPointer, to panels: UnsafeMutableRawPointer,
    _ inspect: (UnsafeRawBufferPointer) -> Void
  ) {
    let rowBytes = qk_row_bytes(format, columns)
    forEachPiece { first, count, piece in
      inspect(
        UnsafeRawBufferPointer(
          start: source + piece.lowerBound * rowBytes, count: piece.count * rowBytes))
      qk_pack(format, rows, columns, source, first, count, panels)
    }
  }

  /// Runs `body` on pieces of some megabyte: the first panel, how many, and their rows.
  private func forEachPiece(_ body: (_ panel: Int, _ count: Int, _ rows: Range<Int>) -> Void) {
    let (panel, panelCount) = (Int(QK_PANEL), (rows + Int(QK_PANEL) - 1) / Int(QK_PANEL))
    let height = max(1, (1 << 20) / max(1, qk_panel_bytes(format, columns)))
    parallel((panelCount + height - 1) / height) { chunk in
      let first = chunk * height
      let count = min(height, panelCount - first)
      body(first, count, first * panel..<min(rows, (first + count) * panel))
    }
  }

  /// Writes row `row` as floats to row `target` of a matrix with as many columns; exact.
  public func copyRow(_ row: Int, into matrix: Matrix, row target: Int) {
    precondition(matrix.columns == columns, "\(columns) columns into \(matrix.columns)")
    precondition((0..<rows).contains(row) && (0..<matrix.rows).contains(target), "row out of range")
    let to = matrix.base + target * columns
    switch storage {
    case .packed(let floats): qk_unpack_row(format, columns, floats, row, to)
    case .mapped(let source, _, _):
      // One row alone, as the first of a panel.
      let panel = allocateZeroed(qk_panel_bytes(format, columns) / MemoryLayout<Float>.stride)
      qk_pack(format, 1, columns, source + row * qk_row_bytes(format, columns), 0, 1, panel)
      qk_unpack_row(format, columns, panel, 0, to)
      QuantKernels.free(panel)
    }
  }

  /// Bytes that a matrix takes when it is packed; nil for a type without products.
  public static func byteCount(type: TensorType, rows: Int, columns: Int) -> Int? {
    format(of: type).map {
      (rows + Int(QK_PANEL) - 1) / Int(QK_PANEL) * qk_panel_bytes($0, columns)
    }
  }

  /// Whether products with this type exist.
  public static func supports(_ type: TensorType) -> Bool {
    format(of: type) != nil
  }

  /// The types with products.
  public static let supportedTypes = TensorType.allCases.filter(supports)

  private static func format(of type: TensorType) -> qk_format? {
    switch type {
    case .f32: qk_f32
    case .f16: qk_f16
    case .bf16: qk_bf16
    case .q8_0: qk_q8_0
    case .q4_0: qk_q4_0
    case .q4_1: qk_q4_1
    case .q5_0: qk_q5_0
    case .q5_1: qk_q5_1
    case .iq4_nl: qk_iq4_nl
    case .q2_K: qk_q2_k
    case .q3_K: qk_q3_k
    case .q4_K: qk_q4_k
    case .q5_K: qk_q5_k
    case .q6_K: qk_q6_k
    case .iq4_xs: qk_iq4_xs
    default: nil
    }
  }
}
