/// A cursor over bytes from outside: little-endian values, never past the end, nil instead.
///
/// The bytes have to outlive the reader; `MappedFile.withBytes` sees to that.
@safe public struct ByteReader {
  private let bytes: UnsafeRawBufferPointer
  /// Bytes read so far.
  public private(set) var position = 0

  @unsafe public init(_ bytes: UnsafeRawBufferPointer) {
    unsafe self.bytes = bytes
  }

  /// Bytes that are left.
  public var remaining: Int { unsafe bytes.count - position }

  /// The next integer.
  public mutating func read<T: FixedWidthInteger>(_: T.Type) -> T? {
    let size = MemoryLayout<T>.size
    guard size <= remaining else { return nil }
    let value = unsafe T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
    position += size
    return value
  }

  /// The next `count` bytes, in place.
  public mutating func take(_ count: Int) -> UnsafeRawBufferPointer? {
    guard count >= 0, count <= remaining else { return nil }
    let slice = unsafe UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
    position += count
    return unsafe slice
  }

  /// Goes to a byte that was read before or is still to come.
  ///
  /// - Precondition: It is one of the bytes, or their end.
  public mutating func seek(to position: Int) {
    precondition(position >= 0 && position <= self.position + remaining, "no byte \(position)")
    self.position = position
  }
}
