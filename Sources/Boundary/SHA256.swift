import CBoundary

/// The SHA-256 digest of bytes that arrive in pieces (FIPS 180-4, section 6.2).
public struct SHA256: Sendable {
  private var state: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a,
    0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
  ]
  private var pending: [UInt8] = []
  private var count: UInt64 = 0
  private let instructions: Bool

  public init() { self.init(instructions: Self.hasInstructions) }

  /// - Parameter instructions: Whether the processor's own are used, where it has some.
  init(instructions: Bool) { self.instructions = instructions && Self.hasInstructions }

  private static let hasInstructions = boundary_sha256_is_fast() != 0

  public mutating func update(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe update($0) }
  }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    count &+= UInt64(bytes.count)
    var start = 0
    if !pending.isEmpty {
      start = min(64 - pending.count, bytes.count)
      unsafe pending.append(contentsOf: bytes[..<start])
      guard pending.count == 64 else { return }
      let block = pending
      unsafe block.withUnsafeBytes { unsafe compress($0) }
      pending.removeAll(keepingCapacity: true)
    }
    let whole = (bytes.count - start) / 64 * 64
    unsafe compress(UnsafeRawBufferPointer(rebasing: bytes[start..<start + whole]))
    unsafe pending.append(contentsOf: bytes[(start + whole)...])
  }

  /// The digest as 64 lower-case hexadecimal digits; the value is used up.
  public mutating func finalize() -> String {
    var text: [UInt8] = []
    for word in words() {
      for shift in stride(from: 28, through: 0, by: -4) {
        text.append(hexDigit(UInt8(word >> UInt32(shift) & 15)))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  public static func hex(of bytes: [UInt8]) -> String {
    var hash = SHA256()
    hash.update(bytes)
    return hash.finalize()
  }

  /// The digest of a file's bytes.
  ///
  /// - Throws: `InputError` when the file cannot be read.
  public static func hexOfFile(_ path: String) throws -> String {
    let file = try MappedFile(path)
    var hash = SHA256()
    unsafe file.withBytes { unsafe hash.update($0) }
    return hash.finalize()
  }

  mutating func update(littleEndian value: UInt64) {
    update((0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
  }

  /// The eight words of the digest; the value is used up.
  mutating func words() -> [UInt32] {
    let bits = count &* 8
    var tail: [UInt8] = [0x80]
    let zeros = (119 - pending.count) % 64
    tail.append(contentsOf: repeatElement(0, count: zeros))
    for shift in stride(from: 56, through: 0, by: -8) {
      tail.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
    }
    update(tail)
    return state
  }

  /// Takes whole blocks of 64 bytes into the state.
  private mutating func compress(_ blocks: UnsafeRawBufferPointer) {
    guard let start = blocks.baseAddress, unsafe !blocks.isEmpty else { return }
    unsafe state.withUnsafeMutableBufferPointer { state in
      unsafe boundary_sha256(
        state.baseAddress, start.assumingMemoryBound(to: UInt8.self), blocks.count / 64,
        instructions ? 1 : 0)
    }
  }
}
