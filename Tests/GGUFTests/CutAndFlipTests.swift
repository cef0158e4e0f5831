import Boundary
import TestSupport
import Testing

@testable import GGUF

/// One small valid file, damaged in every way of a few simple kinds.
///
/// It is refused, or loads with every tensor inside the file; a trap would end the test process.
@Suite("Damaged GGUF files")
struct CutAndFlipTests {
  static let good = GGUFBuilder()
  static let bytes = good.bytes()

  /// The refusal of bytes, or nil after checking what was accepted.
  static func judge(_ bytes: [UInt8]) throws -> InputError? {
    try refusal {
      try bytes.withUnsafeBytes {
        var parser = GGUFParser($0, path: "model.gguf")
        try parser.parse()
        for tensor in parser.tensors {
          #expect(tensor.offset >= 0 && tensor.byteCount >= 0)
          #expect(parser.dataStart + tensor.offset + tensor.byteCount <= bytes.count)
        }
      }
    }
  }

  @Test("GGUF-H03: cut at every byte of header, metadata and table, the cut is named")
  func cutTables() throws {
    for count in 1..<Self.good.start(ofTensor: 3) {
      let error = try #require(try Self.judge(Array(Self.bytes.prefix(count))))
      #expect(error.exit == .malformedFile)
      #expect(error.description.contains("ends at byte \(count)"), "\(error)")
    }
  }

  @Test("GGUF-D01: cut at every byte of the data, before any of it is read")
  func cutData() throws {
    // The last tensor has 6 bytes; what follows is padding, which only a whole file may lack.
    let end = Self.good.dataStart + 160 + 6
    for count in Self.good.start(ofTensor: 3)..<Self.bytes.count where count != end {
      let error = try #require(try Self.judge(Array(Self.bytes.prefix(count))))
      #expect(error.rule == .withinFile)
      #expect(error.hints == ["download incomplete?"])
      #expect(error.description.contains("ends at byte \(count)"), "\(error)")
    }
    #expect(try Self.judge(Array(Self.bytes.prefix(end))) == nil)
  }

  @Test("every bit of header, metadata and table flipped")
  func flip() throws {
    for place in 0..<Self.good.dataStart {
      for bit in 0..<8 {
        var bytes = Self.bytes
        bytes[place] ^= 1 << bit
        _ = try Self.judge(bytes)
      }
    }
  }

  @Test(
    "every window of eight bytes set to an edge value",
    arguments: [0, 1, 1 << 31, 1 << 32, 1 << 63, .max] as [UInt64])
  func windows(value: UInt64) throws {
    for place in 0..<Self.good.dataStart - 8 {
      var bytes = Self.bytes
      bytes.replaceSubrange(place..<place + 8, with: littleEndian(value))
      _ = try Self.judge(bytes)
    }
  }

  @Test("random bytes after a sound header", arguments: 0..<50)
  func noise(index: Int) throws {
    var random = RandomStream(seed: 1, "noise", index)
    let start = random.below(Self.good.dataStart - 24) + 24
    for _ in 0..<20 {
      var bytes = Self.bytes
      for place in start..<min(start + 16, bytes.count) {
        bytes[place] = UInt8(truncatingIfNeeded: random.next())
      }
      _ = try Self.judge(bytes)
    }
  }
}
