import Boundary
import GGUF
import TestSupport
import Testing

@Suite("Typed reads of metadata")
struct TypedReadTests {
  static func file(_ value: MetadataValue) throws -> GGUFFile {
    var writer = GGUFWriter()
    writer.set("key", value)
    return try opened(writer.bytes())
  }

  static func refusal(_ value: MetadataValue, _ read: (GGUFFile) throws -> Void) throws -> String? {
    let file = try file(value)
    return try TestSupport.refusal { try read(file) }?.rule.code
  }

  @Test(
    "GGUF-K21: an integer of any width that fits",
    arguments: [
      .uint8(7), .int8(7), .uint16(7), .int16(7), .uint32(7), .int32(7), .uint64(7), .int64(7),
    ] as [MetadataValue])
  func widths(value: MetadataValue) throws {
    #expect(try Self.file(value).requiredInteger("key", in: 1...10) == 7)
  }

  @Test("GGUF-K21: an integer that does not fit")
  func doesNotFit() throws {
    #expect(try Self.refusal(.uint64(.max)) { _ = try $0.integer("key") } == "GGUF-K21")
    #expect(try Self.refusal(.int32(-1)) { _ = try $0.integer("key", in: 0...9) } == "GGUF-K21")
    #expect(try Self.refusal(.float64(0.1)) { _ = try $0.float("key") } == "GGUF-K21")
    #expect(
      try Self.refusal(.uint64s([1, .max])) { _ = try $0.integers("key") } == "GGUF-K21")
    #expect(try Self.file(.float64(0.5)).float("key") == 0.5)
  }

  @Test("GGUF-K21: a range may have a rule of its own")
  func ownRule() throws {
    let rule = InputError.Rule("GGUF-M01", exit: .malformedFile)
    #expect(
      try Self.refusal(.uint32(0)) { _ = try $0.integer("key", in: 1...9, rule: rule) }
        == "GGUF-M01")
  }

  @Test("GGUF-K22: a value of another kind")
  func kinds() throws {
    #expect(try Self.refusal(.string("7")) { _ = try $0.integer("key") } == "GGUF-K22")
    #expect(try Self.refusal(.float32(7)) { _ = try $0.integer("key") } == "GGUF-K22")
    #expect(try Self.refusal(.bool(true)) { _ = try $0.integer("key") } == "GGUF-K22")
    #expect(try Self.refusal(.int32s([7])) { _ = try $0.integer("key") } == "GGUF-K22")
    #expect(try Self.refusal(.uint32(7)) { _ = try $0.float("key") } == "GGUF-K22")
    #expect(try Self.refusal(.uint32(7)) { _ = try $0.string("key") } == "GGUF-K22")
    #expect(try Self.refusal(.uint8(1)) { _ = try $0.bool("key") } == "GGUF-K22")
    #expect(try Self.refusal(.string("a")) { _ = try $0.strings("key") } == "GGUF-K22")
    #expect(try Self.refusal(.int32s([1])) { _ = try $0.floats("key") } == "GGUF-K22")
    #expect(try Self.refusal(.floats([1])) { _ = try $0.integers("key") } == "GGUF-K22")
  }

  @Test("GGUF-K23: an architecture that is missing or not supported, with the list")
  func architecture() throws {
    for builder in [GGUFWriter(), architecture("mamba")] {
      let file = try opened(builder.bytes())
      let error = try #require(
        try TestSupport.refusal { _ = try file.requireArchitecture(oneOf: ["llama", "qwen2"]) })
      #expect(error.rule.code == "GGUF-K23")
      #expect(error.description.contains("llama, qwen2"))
    }
    let file = try opened(architecture("qwen2").bytes())
    #expect(try file.requireArchitecture(oneOf: ["llama", "qwen2"]) == "qwen2")
  }

  private func architecture(_ name: String) -> GGUFWriter {
    var writer = GGUFWriter()
    writer.set("general.architecture", .string(name))
    return writer
  }

  @Test(
    "GGUF-K24: a float out of its range",
    arguments: [.nan, .infinity, -.infinity, -1, 0, .leastNonzeroMagnitude, 2] as [Float])
  func floatRange(value: Float) throws {
    #expect(
      try Self.refusal(.float32(value)) {
        _ = try $0.requiredFloat("key", in: Float.leastNormalMagnitude...1)
      } == "GGUF-K24")
  }

  @Test("GGUF-K24: a float without a range is finite")
  func finite() throws {
    #expect(try Self.refusal(.float32(.nan)) { _ = try $0.float("key") } == "GGUF-K24")
    #expect(try Self.file(.float32(-3)).float("key") == -3)
  }

  @Test("GGUF-K26: an adapter where a model is wanted, and the reverse")
  func kind() throws {
    for (type, wanted) in [
      ("adapter", .model), ("mmproj", .model), ("model", .adapter), (nil, .adapter),
    ] as [(String?, GGUFFile.Kind)] {
      var writer = GGUFWriter()
      if let type { writer.set("general.type", .string(type)) }
      let file = try opened(writer.bytes())
      let error = try #require(try TestSupport.refusal { try file.requireKind(wanted) })
      #expect(error.rule.code == "GGUF-K26")
      #expect(error.exit == .mismatch)
      #expect(error.hints.count == 1)
    }
    try opened(GGUFWriter().bytes()).requireKind(.model)
  }

  @Test("GGUF-K29: a required key that is missing")
  func missing() throws {
    let file = try opened(GGUFWriter().bytes())
    let reads: [() throws -> Void] = [
      { _ = try file.requiredString("key") }, { _ = try file.requiredInteger("key") },
      { _ = try file.requiredFloat("key") }, { _ = try file.requiredBool("key") },
      { _ = try file.requiredStrings("key") }, { _ = try file.requiredFloats("key") },
      { _ = try file.requiredIntegers("key") },
    ]
    for read in reads {
      #expect(try TestSupport.refusal(of: read)?.rule.code == "GGUF-K29")
    }
    #expect(try file.string("key") == nil)
    #expect(try file.integers("key") == nil)
  }
}
