/// Records of a TensorBoard event file: `events.out.tfevents.*`.
///
/// A record is its length (uint64), a checksum of these eight bytes, a protocol buffer of the message `Event`, and a checksum of
/// that; integers are little-endian. The checksum is CRC-32C, turned by 15 bits, plus a constant.
/// Source: TensorFlow's `tensorflow/core/lib/io/record_writer.h`, `util/event.proto` and `framework/summary.proto`.
enum EventFile {
  /// What every file begins with.
  static func header(time: Double) -> [UInt8] {
    record(eventFields(time: time, step: 0) + field(3, bytes: Array("brain.Event:2".utf8)))
  }

  /// Numbers of one step; `time` is in seconds since 1970.
  static func scalars(_ values: [(tag: String, value: Float)], step: Int, time: Double) -> [UInt8] {
    let summary = values.flatMap { tag, value in
      field(1, bytes: field(1, bytes: Array(tag.utf8)) + field(2, float: value))
    }
    return record(eventFields(time: time, step: step) + field(5, bytes: summary))
  }

  private static func record(_ data: [UInt8]) -> [UInt8] {
    var length: [UInt8] = []
    appendLittleEndian(UInt64(data.count), to: &length)
    var bytes = length
    appendLittleEndian(maskedCRC(length), to: &bytes)
    bytes += data
    appendLittleEndian(maskedCRC(data), to: &bytes)
    return bytes
  }

  // MARK: Protocol buffers

  private static func eventFields(time: Double, step: Int) -> [UInt8] {
    var bytes = varint(1 << 3 | 1)
    appendLittleEndian(time.bitPattern, to: &bytes)
    return bytes + varint(2 << 3) + varint(UInt64(step))
  }

  private static func field(_ number: UInt64, bytes: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(UInt64(bytes.count)) + bytes
  }

  private static func field(_ number: UInt64, float: Float) -> [UInt8] {
    var bytes = varint(number << 3 | 5)
    appendLittleEndian(float.bitPattern, to: &bytes)
    return bytes
  }

  private static func varint(_ value: UInt64) -> [UInt8] {
    var (rest, bytes) = (value, [UInt8]())
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }

  // MARK: Checksums

  static func maskedCRC(_ bytes: [UInt8]) -> UInt32 {
    let crc = crc32c(bytes)
    return (crc >> 15 | crc << 17) &+ 0xA282_EAD8
  }

  /// The reflected polynomial of Castagnoli, 0x82F63B78 (RFC 3720, appendix B.4).
  static func crc32c(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~0) { crc, byte in
      table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8
    }
  }

  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { crc, _ in crc & 1 == 1 ? crc >> 1 ^ 0x82F6_3B78 : crc >> 1 }
  }
}
