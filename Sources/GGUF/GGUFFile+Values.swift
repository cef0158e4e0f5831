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
  /// Looks at the values of F32, F16 and BF16 and the scales of blocks; types without
  /// `scaleOffsets` have no check.
  public func firstNonFinite(in tensor: TensorInfo) -> NonFinite? {
    unsafe withBytes(of: tensor) { bytes in
      switch tensor.type {
      case .f32: unsafe find(UInt32.self, 0x7F80_0000, at: [0], bytes, tensor)
      case .bf16: unsafe find(UInt16.self, 0x7F80, at: [0], bytes, tensor)
      case .f16: unsafe find(UInt16.self, 0x7C00, at: [0], bytes, tensor)
      default: unsafe find(UInt16.self, 0x7C00, at: tensor.type.scaleOffsets, bytes, tensor)
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

  /// Looks at the words at some places of each block: all exponent bits set means not finite.
  private func find<T: FixedWidthInteger>(
    _: T.Type, _ exponent: T, at places: [Int], _ bytes: UnsafeRawBufferPointer,
    _ tensor: TensorInfo
  ) -> NonFinite? {
    let stride = tensor.type.bytesPerBlock
    func isBad(_ offset: Int) -> Bool {
      let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
      return T(littleEndian: word) & exponent == exponent
    }
    var count = 0
    var first = Int.max
    for place in places {
      for offset in Swift.stride(from: place, to: bytes.count, by: stride) where isBad(offset) {
        count += 1
        first = min(first, offset)
      }
    }
    guard count > 0 else { return nil }
    return NonFinite(
      index: first / stride, offset: dataStart + tensor.offset + first, count: count)
  }
}
