import Boundary
import GGUF
import TestSupport
import Testing

@Suite("GGUF metadata")
struct MetadataTests {
  /// The small file with one more key, number 6.
  static func with(_ key: GGUFBuilder.Key) -> GGUFBuilder {
    var builder = GGUFBuilder()
    builder.keys.append(key)
    return builder
  }

  static func alignment(_ value: UInt32) -> GGUFBuilder {
    var builder = GGUFBuilder()
    builder.keys[1].value = littleEndian(value)
    return builder
  }

  @Test(
    "GGUF-K01: a key longer than the file",
    arguments: [1 << 63, .max, 1 << 40, 100_000] as [UInt64])
  func keyTooLong(length: UInt64) throws {
    var builder = GGUFBuilder()
    builder.keys[2].nameLength = length
    try expectRefusal(
      builder.bytes(), "GGUF-K01", field: "key length", offset: builder.start(ofKey: 2))
  }

  @Test("GGUF-K01: a key one byte longer than the file")
  func keyOneTooLong() throws {
    var builder = GGUFBuilder()
    let left = builder.bytes().count - builder.start(ofKey: 2) - 8
    builder.keys[2].nameLength = UInt64(left + 1)
    try expectRefusal(builder.bytes(), "GGUF-K01", offset: builder.start(ofKey: 2))
  }

  @Test("GGUF-K02: an empty key")
  func emptyKey() throws {
    var builder = GGUFBuilder()
    builder.keys[2].name = []
    try expectRefusal(
      builder.bytes(), "GGUF-K02", field: "key length", offset: builder.start(ofKey: 2))
  }

  @Test("GGUF-K03: a key of 65,536 bytes; one less is fine")
  func longKey() throws {
    let long = Self.with(.init(String(repeating: "k", count: 65_536), type: 7, [1]))
    try expectRefusal(long.bytes(), "GGUF-K03", offset: long.start(ofKey: 6))
    let fine = Self.with(.init(String(repeating: "k", count: 65_535), type: 7, [1]))
    #expect(try opened(fine.bytes()).metadata.count == 7)
  }

  @Test("GGUF-K04: a key that is not UTF-8 or has a NUL", arguments: [[0x61, 0xFF], [0x61, 0]])
  func badKey(name: [UInt8]) throws {
    var builder = GGUFBuilder()
    builder.keys[2].name = name
    try expectRefusal(
      builder.bytes(), "GGUF-K04", field: "key", offset: builder.start(ofKey: 2) + 8)
  }

  @Test("GGUF-K04: an odd key is a warning", arguments: ["a\nb", "größe", "Upper.Case"])
  func oddKey(name: String) throws {
    let file = try opened(Self.with(.init(name, type: 7, [1])).bytes())
    #expect(file.warnings.count == 1)
    #expect(file.warnings.allSatisfy { !$0.contains("\n") })
    #expect(try file.bool(name) == true)
  }

  @Test("GGUF-K05: a key twice, of the same type or another", arguments: [4, 7] as [UInt32])
  func duplicateKey(type: UInt32) throws {
    let value = type == 4 ? littleEndian(7 as UInt32) : [1]
    let builder = Self.with(.init("test.count", type: type, value))
    try expectRefusal(
      builder.bytes(), "GGUF-K05", offset: builder.start(ofKey: 6),
      saying: "byte \(builder.start(ofKey: 2))")
  }

  @Test("GGUF-K06: an unknown value type", arguments: [13, 255, 1 << 31, .max] as [UInt32])
  func valueType(type: UInt32) throws {
    var builder = GGUFBuilder()
    builder.keys[2].type = type
    try expectRefusal(
      builder.bytes(), "GGUF-K06", field: "value type", offset: builder.start(ofKey: 2) + 18)
  }

  @Test("GGUF-K07: a string longer than the file", arguments: [1 << 63, .max, 100_000] as [UInt64])
  func stringTooLong(length: UInt64) throws {
    var builder = GGUFBuilder()
    builder.keys[0].value = littleEndian(length) + Array("llama".utf8)
    try expectRefusal(
      builder.bytes(), "GGUF-K07", field: "value", offset: builder.start(ofKey: 0) + 32)
  }

  @Test("GGUF-K07: a string of 16 MiB and a byte; one less is fine")
  func longString() throws {
    func file(_ count: Int) -> [UInt8] {
      let value = littleEndian(UInt64(count)) + Array(repeating: 0x61, count: count)
      return Self.with(.init("long", type: 8, value)).bytes()
    }
    try expectRefusal(file(Limits.metadataString + 1), "GGUF-K07", field: "value")
    #expect(try opened(file(Limits.metadataString)).warnings == [])
  }

  @Test("GGUF-K08: a string that is not UTF-8 is a warning, and refused where it is used")
  func badString() throws {
    let value = littleEndian(2 as UInt64) + [0xC3, 0x28]
    let builder = Self.with(.init("text", type: 8, value))
    #expect(try opened(builder.bytes()).warnings.count == 1)
    try expectRefusal(builder.bytes(), "GGUF-K08", offset: builder.start(ofKey: 6) + 16) {
      _ = try $0.string("text")
    }
    let list = Self.with(.init("texts", type: 9, array(of: 8, [text("a"), value])))
    #expect(try opened(list.bytes()).warnings.count == 1)
    try expectRefusal(list.bytes(), "GGUF-K08", saying: "element 1") {
      _ = try $0.strings("texts")
    }
  }

  @Test("GGUF-K09: an empty string where one is needed")
  func emptyString() throws {
    var builder = GGUFBuilder()
    builder.keys[0].value = text("")
    try expectRefusal(builder.bytes(), "GGUF-K09", saying: "general.architecture") {
      _ = try $0.requireArchitecture(oneOf: ["llama"])
    }
  }

  @Test("GGUF-K10: a bool that is neither 0 nor 1", arguments: [2, 255] as [UInt8])
  func bool(byte: UInt8) throws {
    var builder = GGUFBuilder()
    builder.keys[3].value = [byte]
    try expectRefusal(builder.bytes(), "GGUF-K10", offset: builder.start(ofKey: 3) + 21)
    builder.keys[3] = .init("test.flags", type: 9, array(of: 7, [[0], [1], [byte]]))
    try expectRefusal(
      builder.bytes(), "GGUF-K10", field: "element 2", offset: builder.start(ofKey: 3) + 36)
  }

  @Test("GGUF-K11: an unknown element type", arguments: [13, .max] as [UInt32])
  func elementType(type: UInt32) throws {
    var builder = GGUFBuilder()
    builder.keys[5].value = array(of: type, [], count: .max)
    try expectRefusal(
      builder.bytes(), "GGUF-K11", field: "element type", offset: builder.start(ofKey: 5) + 23)
  }

  @Test(
    "GGUF-K12: an array longer than the file", arguments: [.max, 1 << 62, 1 << 61 + 1] as [UInt64],
    [4, 8, 9, 10] as [UInt32])
  func arrayTooLong(count: UInt64, type: UInt32) throws {
    var builder = GGUFBuilder()
    builder.keys[5].value = array(of: type, [], count: count)
    try expectRefusal(
      builder.bytes(), "GGUF-K12", field: "array length", offset: builder.start(ofKey: 5) + 27)
  }

  @Test("GGUF-K12: an array one element longer than the file")
  func arrayOneTooLong() throws {
    var builder = GGUFBuilder()
    let left = builder.bytes().count - (builder.start(ofKey: 5) + 35)
    builder.keys[5].value = array(of: 10, [littleEndian(1 as UInt32)], count: UInt64(left / 8 + 1))
    try expectRefusal(builder.bytes(), "GGUF-K12")
  }

  @Test("GGUF-K13: a string in an array that overruns the file")
  func elementTooLong() throws {
    var builder = GGUFBuilder()
    let long = littleEndian(1 << 40 as UInt64)
    builder.keys[4].value = array(of: 8, [text("a"), text("bc"), long])
    try expectRefusal(
      builder.bytes(), "GGUF-K13", field: "element 2", offset: builder.start(ofKey: 4) + 53)
  }

  @Test("GGUF-K14: an array of arrays is fine where nobody reads it")
  func nestedArray() throws {
    let inner = array(of: 4, [littleEndian(1 as UInt32)])
    let words = array(of: 8, [text("a")])
    let builder = Self.with(.init("nested", type: 9, array(of: 9, [inner, words, inner])))
    let file = try opened(builder.bytes())
    #expect(file.value("nested") == .nested(count: 3))
    #expect(file.warnings.count == 1)
    #expect(file.tensors.count == 3)
    try expectRefusal(builder.bytes(), "GGUF-K14") { _ = try $0.integers("nested") }
  }

  @Test("GGUF-K15: arrays five deep or more; four are fine", arguments: [5, 1_000, 100_000])
  func deepArray(depth: Int) throws {
    func nested(_ depth: Int) -> [UInt8] {
      Array(repeatElement(array(of: 9, [], count: 1), count: depth - 1).joined())
        + array(of: 0, [[7]])
    }
    let builder = Self.with(.init("deep", type: 9, nested(depth)))
    try expectRefusal(builder.bytes(), "GGUF-K15", saying: "5 arrays")
    #expect(
      try opened(Self.with(.init("deep", type: 9, nested(4))).bytes()).value("deep")
        == .nested(count: 1))
  }

  @Test("GGUF-K16: an empty array of strings where tokens are needed")
  func emptyTokens() throws {
    let builder = Self.with(.init("tokenizer.ggml.tokens", type: 9, array(of: 8, [])))
    try expectRefusal(builder.bytes(), "GGUF-K16") {
      _ = try $0.requiredStrings("tokenizer.ggml.tokens")
    }
  }

  @Test("GGUF-K17: an alignment of 0")
  func noAlignment() throws {
    try expectRefusal(Self.alignment(0).bytes(), "GGUF-K17", offset: 24 + 32 + 13 + 29)
  }

  @Test("GGUF-K18: an alignment that is no power of two from 8", arguments: [1, 4, 7, 13, 33])
  func oddAlignment(value: UInt32) throws {
    try expectRefusal(Self.alignment(value).bytes(), "GGUF-K18", saying: "\(value) is not a power")
  }

  @Test("GGUF-K19: an alignment beyond 1 MiB", arguments: [1 << 31, 1 << 21])
  func wideAlignment(value: UInt32) throws {
    try expectRefusal(Self.alignment(value).bytes(), "GGUF-K19", field: "value")
  }

  @Test("every allowed alignment is used", arguments: (3...20).map { 1 << $0 })
  func alignments(value: Int) throws {
    var builder = Self.alignment(UInt32(value))
    builder.alignment = value
    let file = try opened(builder.bytes())
    #expect(file.alignment == value)
    #expect(file.dataStart == builder.dataStart)
  }

  @Test("GGUF-K20: an alignment of another type")
  func alignmentType() throws {
    for (type, value) in [
      (5, littleEndian(32 as Int32)), (10, littleEndian(32 as UInt64)), (8, text("32")),
      (9, array(of: 4, [littleEndian(32 as UInt32)])),
    ] as [(UInt32, [UInt8])] {
      var builder = GGUFBuilder()
      builder.keys[1].type = type
      builder.keys[1].value = value
      try expectRefusal(builder.bytes(), "GGUF-K20", saying: "is not uint32")
    }
  }

  @Test("GGUF-K25: 65,536 unknown keys are read within a second")
  func manyKeys() throws {
    var writer = GGUFWriter()
    for index in 0..<65_536 { writer.set("key.\(index)", .uint8(UInt8(index & 255))) }
    let folder = TemporaryFolder()
    let path = folder.write(writer.bytes(), to: "model.gguf")
    var count = 0
    let time = try threadSeconds { count = try GGUFFile(path).metadata.count }
    #expect(count == 65_536)
    #expect(time < 1)
  }

  @Test("GGUF-K27: a part of a split model", arguments: [0, 2, 65_535] as [UInt16])
  func split(count: UInt16) throws {
    let builder = Self.with(.init("split.count", type: 2, littleEndian(count)))
    try expectRefusal(builder.bytes(), "GGUF-K27", saying: "\(count) files")
  }

  @Test("GGUF-K27: a model in one part is no split model")
  func onePart() throws {
    let builder = Self.with(.init("split.count", type: 2, littleEndian(1 as UInt16)))
    #expect(try opened(builder.bytes()).tensors.count == 3)
  }

  @Test("GGUF-K28: no other part is opened, whatever it is called")
  func sibling() throws {
    var builder = Self.with(.init("split.count", type: 2, littleEndian(2 as UInt16)))
    builder.keys.append(.init("split.name", type: 8, text("../../etc/passwd")))
    let folder = TemporaryFolder()
    let path = folder.write(builder.bytes(), to: "model-00001-of-00002.gguf")
    let counter = FileFaults()
    FileFaults.$current.withValue(counter) { _ = try? GGUFFile(path) }
    // One file opened and looked at: open, size, identity.
    #expect(counter.operations == 3)
  }
}
