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
    let found = unsafe withBytes(of: tensor) { unsafe Self.nonFinite(in: $0, tensor.type) }
    guard found.count > 0 else { return nil }
    return NonFinite(
      index: found.first / tensor.type.bytesPerBlock,
      offset: dataStart + tensor.offset + found.first, count: found.count)
  }

  /// Whether `firstNonFinite` would find nothing among these whole blocks of a tensor.
  package static func areFinite(_ bytes: UnsafeRawBufferPointer, _ type: TensorType) -> Bool {
    unsafe nonFinite(in: bytes, type).count == 0
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

  /// How many there are, and the offset of the first.
  private static func nonFinite(
    in bytes: UnsafeRawBufferPointer, _ type: TensorType
  ) -> (first: Int, count: Int) {
    switch type {
    case .f32: unsafe find(UInt32.self, 0x7F80_0000, at: [0], bytes, type)
    case .bf16: unsafe find(UInt16.self, 0x7F80, at: [0], bytes, type)
    case .f16: unsafe find(UInt16.self, 0x7C00, at: [0], bytes, type)
    default: unsafe find(UInt16.self, 0x7C00, at: type.scaleOffsets, bytes, type)
    }
  }

  /// Looks at the words at some places of each block: all exponent bits set means not finite.
  private static func find<T: FixedWidthInteger>(
    _: T.Type, _ exponent: T, at places: [Int], _ bytes: UnsafeRawBufferPointer, _ type: TensorType
  ) -> (first: Int, count: Int) {
    func isBad(_ offset: Int) -> Bool {
      let word = unsafe bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
      return T(littleEndian: word) & exponent == exponent
    }
    var count = 0
    var first = Int.max
    for place in places {
      for offset in stride(from: place, to: bytes.count, by: type.bytesPerBlock)
      where isBad(offset) {
        count += 1
        first = min(first, offset)
      }
    }
    return (first, count)
  }
}
