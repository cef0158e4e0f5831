public import GGUF

/// Floats as a GGUF file holds them, in the bytes of ggml's reference quantizers.
///
/// Source: `quants.py` of the `gguf` package and `ggml-quants.c` (MIT).
public enum BlockEncoder {
  /// The types that are written.
  public static let types: [TensorType] = [.f32, .f16, .bf16, .q8_0, .q4_0]

  /// The bytes of a tensor.
  ///
  /// - Parameters:
  ///   - x: `[rows, columns]`; columns a multiple of the type's block.
  ///   - type: One of `types`.
  /// - Returns: The rows one behind the other. A value or scale beyond the type's range is infinite.
  public static func encode(_ x: Matrix, as type: TensorType) -> [UInt8] {
    guard types.contains(type), let rowBytes = type.byteCount(of: [x.columns]) else {
      preconditionFailure("rows of \(x.columns) as \(type.name)")
    }
    return [UInt8](unsafeUninitializedCapacity: rowBytes * x.rows) { bytes, count in
      count = rowBytes * x.rows
      guard let start = bytes.baseAddress else { return }
      let target = UncheckedSendable(value: UnsafeMutableRawPointer(start))
      forEachRowBlock(rows: x.rows, columns: x.columns) { rows in
        for row in rows {
          encode(
            x.base + row * x.columns, count: x.columns, as: type,
            into: target.value + row * rowBytes)
        }
      }
    }
  }

  private static func encode(
    _ x: UnsafePointer<Float>, count: Int, as type: TensorType,
    into bytes: UnsafeMutableRawPointer
  ) {
    for block in 0..<count / type.blockSize {
      let (values, target) = (x + block * type.blockSize, bytes + block * type.bytesPerBlock)
      switch type {
      case .f16: store(Float16(values[0]).bitPattern, at: target)
      case .bf16: store(bfloat16(values[0]), at: target)
      case .q8_0: encodeQ8_0(values, into: target)
      case .q4_0: encodeQ4_0(values, into: target)
      default: store(values[0].bitPattern, at: target)
      }
    }
  }

  private static func store<T: FixedWidthInteger>(_ value: T, at target: UnsafeMutableRawPointer) {
    target.storeBytes(of: value.littleEndian, as: T.self)
  }

  /// To the nearest, ties to even.
  private static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    if value.isNaN { return UInt16(truncatingIfNeeded: bits >> 16) | 0x40 }
    return UInt16(truncatingIfNeeded: (UInt64(bits) + 0x7FFF + UInt64(bits >> 16 & 1)) >> 16)
  }

  /// The factor that undoes a scale; a scale too small for one is 0 as a half, and so is the factor.
  private static func inverse(_ scale: Float) -> Float {
    let inverse = 1 / scale
    return inverse.isFinite ? inverse : 0
  }

  private static func encodeQ8_0(
    _ x: UnsafePointer<Float>, into bytes: UnsafeMutableRawPointer
  ) {
    var top: Float = 0
    for i in 0..<32 { top = max(top, abs(x[i])) }
    let scale = top / 127
    let factor = inverse(scale)
    store(Float16(scale).bitPattern, at: bytes)
    for i in 0..<32 {
      let quant = (x[i] * factor).rounded(.toNearestOrAwayFromZero)
      bytes.storeBytes(of: Int8(clamped(quant, -127, 127)), toByteOffset: 2 + i, as: Int8.self)
    }
  }

  private static func encodeQ4_0(
    _ x: UnsafePointer<Float>, into bytes: UnsafeMutableRawPointer
  ) {
    // The first value of the largest magnitude becomes exactly -8.
    var top: Float = 0
    for i in 0..<32 where abs(x[i]) > abs(top) { top = x[i] }
    let scale = top / -8
    let factor = inverse(scale)
    store(Float16(scale).bitPattern, at: bytes)
    func quant(_ i: Int) -> UInt8 {
      UInt8(clamped((x[i] * factor + 8.5).rounded(.towardZero), 0, 15))
    }
    for i in 0..<16 {
      bytes.storeBytes(of: quant(i) | quant(i + 16) << 4, toByteOffset: 2 + i, as: UInt8.self)
    }
  }

  /// A number between two others; what is no number becomes the lower.
  private static func clamped(_ value: Float, _ low: Float, _ high: Float) -> Float {
    value >= low ? min(value, high) : low
  }
}
