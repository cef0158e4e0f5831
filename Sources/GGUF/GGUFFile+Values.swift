import Boundary

/// The values of a tensor that are not finite.
public struct NonFinite: Equatable, Sendable {
  /// The first one: its number in the tensor; that of its block where the type has block scales.
  public let index: Int
  /// Bytes from the start of the file.
  public let offset: Int
  /// How many there are.
  public let count: Int
}

extension GGUFFile {
  /// Finds NaN and infinities; nil when there are none.
  ///
  /// Looks at the values of F32, F16 and BF16 and the block scales of Q8_0 and Q4_0; the other
  /// types have no check.
  public func firstNonFinite(in tensor: TensorInfo) -> NonFinite? {
    let stride = tensor.type.bytesPerBlock
    return unsafe withBytes(of: tensor) { bytes in
      switch tensor.type {
      case .f32: unsafe find(UInt32.self, 0x7F80_0000, stride, bytes, tensor)
      case .bf16: unsafe find(UInt16.self, 0x7F80, stride, bytes, tensor)
      case .f16, .q8_0, .q4_0: unsafe find(UInt16.self, 0x7C00, stride, bytes, tensor)
      default: nil
      }
    }
  }

  /// Refuses a tensor with a value or block scale that is not finite.
  public func checkFinite(_ tensor: TensorInfo) throws {
    guard let found = firstNonFinite(in: tensor) else { return }
    let isBlock = tensor.type.blockSize > 1
    throw error(
      isBlock ? .scaleFinite : .weightFinite, tensor: tensor.name,
      field: isBlock ? "scale of block \(found.index)" : "value \(found.index)",
      offset: found.offset,
      found: "NaN or infinite, \(found.count) in all,", allowed: "a finite number")
  }

  /// Looks at the word at each multiple of `stride`: all exponent bits set means not finite.
  private func find<T: FixedWidthInteger>(
    _: T.Type, _ exponent: T, _ stride: Int, _ bytes: UnsafeRawBufferPointer, _ tensor: TensorInfo
  ) -> NonFinite? {
    func isBad(_ index: Int) -> Bool {
      let word = unsafe bytes.loadUnaligned(fromByteOffset: index * stride, as: T.self)
      return T(littleEndian: word) & exponent == exponent
    }
    let words = bytes.count / stride
    var count = 0
    for index in 0..<words where isBad(index) { count += 1 }
    guard count > 0, let first = (0..<words).first(where: isBad) else { return nil }
    return NonFinite(
      index: first, offset: dataStart + tensor.offset + first * stride, count: count)
  }
}
