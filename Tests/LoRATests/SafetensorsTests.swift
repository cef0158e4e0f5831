import Boundary
import TestSupport
import Testing

@testable import LoRA

@Suite("safetensors")
struct SafetensorsTests {
  /// A file of a header's text and bytes of data.
  static func file(_ header: String, data: Int = 0, length: UInt64? = nil) -> [UInt8] {
    var bytes: [UInt8] = []
    appendLittleEndian(length ?? UInt64(header.utf8.count), to: &bytes)
    return bytes + Array(header.utf8) + [UInt8](repeating: 0, count: data)
  }

  /// The rule that a file breaks, or "ok".
  static func verdict(_ bytes: [UInt8]) throws -> String {
    try Scratch.folder { folder in
      try Files.writeAtomically(bytes, to: "\(folder)/x.safetensors")
      do {
        _ = try SafetensorsFile("\(folder)/x.safetensors")
        return "ok"
      } catch let error as InputError {
        #expect(error.exit == .malformedFile)
        #expect(error.file == "\(folder)/x.safetensors")
        return error.rule.code
      }
    }
  }

  static func tensor(
    _ name: String = "t", dtype: String = "\"F32\"", shape: String = "[2]",
    offsets: String = "[0,8]"
  ) -> String {
    "\"\(name)\":{\"dtype\":\(dtype),\"shape\":\(shape),\"data_offsets\":\(offsets)}"
  }

  @Test("ST-01: fewer than 8 bytes", arguments: 0...7)
  func tooShort(count: Int) throws {
    #expect(try Self.verdict([UInt8](repeating: 1, count: count)) == "ST-01")
  }

  @Test(
    "ST-02: the header's length lies",
    arguments: [0, 1, 3, 100, 100_000_001, 1 << 32, 1 << 63, UInt64.max])
  func headerLength(length: UInt64) throws {
    #expect(try Self.verdict(Self.file("{}", length: length)) == "ST-02")
  }

  @Test(
    "ST-03: the header is no JSON object",
    arguments: ["[]", "  {}", "{ ", "{}x", "{\"a\":}", "nul", "{\"\u{1}\":1}"])
  func headerText(header: String) throws {
    #expect(try Self.verdict(Self.file(header)) == "ST-03")
  }

  @Test("ST-03: the header is no UTF-8, and the error says at which byte")
  func headerEncoding() throws {
    var bytes = Self.file("{\"ab\":1}")
    bytes[10] = 0xFF
    #expect(try Self.verdict(bytes) == "ST-03")
  }

  @Test("blanks after the header are fine")
  func padded() throws {
    #expect(try Self.verdict(Self.file("{\(Self.tensor())}   ", data: 8)) == "ok")
  }

  @Test("ST-04: a name twice")
  func twice() throws {
    #expect(try Self.verdict(Self.file("{\(Self.tensor()),\(Self.tensor())}", data: 8)) == "ST-04")
  }

  @Test(
    "ST-05: nesting beyond 64, numbers that are no counts",
    arguments: [
      "{\"a\":" + String(repeating: "[", count: 65) + String(repeating: "]", count: 65) + "}",
      "{\(tensor(shape: "[1e400]"))}", "{\(tensor(shape: "[-1]"))}", "{\(tensor(shape: "[1.5]"))}",
      "{\(tensor(shape: "[18446744073709551616]"))}", "{\(tensor(offsets: "[0,1.5]"))}",
      "{\(tensor(offsets: "[-1,8]"))}", "{\(tensor(offsets: "[0,18446744073709551616]"))}",
    ])
  func numbers(header: String) throws {
    #expect(try Self.verdict(Self.file(header, data: 8)) == "ST-05")
  }

  @Test("ST-06: element types that are unknown", arguments: ["\"f32\"", "\"F31\"", "1", "null"])
  func types(dtype: String) throws {
    #expect(try Self.verdict(Self.file("{\(Self.tensor(dtype: dtype))}", data: 8)) == "ST-06")
  }

  @Test(
    "ST-07: shapes that are none, wrap, or end inside a byte",
    arguments: [
      (shape: "null", dtype: "\"F32\""), ("3", "\"F32\""),
      ("[4611686018427387904,4]", "\"F32\""), ("[9223372036854775807]", "\"F64\""),
      ("[\(String(repeating: "1,", count: 99))1]", "\"F32\""), ("[3]", "\"F4\""),
    ])
  func shapes(shape: String, dtype: String) throws {
    let header = "{\(Self.tensor(dtype: dtype, shape: shape))}"
    #expect(try Self.verdict(Self.file(header, data: 8)) == "ST-07")
  }

  @Test("ST-08: offsets that are no pair", arguments: ["null", "[0]", "[0,4,8]", "[8,0]"])
  func offsets(offsets: String) throws {
    #expect(try Self.verdict(Self.file("{\(Self.tensor(offsets: offsets))}", data: 8)) == "ST-08")
  }

  @Test("ST-09: the size is not that of type and shape")
  func size() throws {
    #expect(try Self.verdict(Self.file("{\(Self.tensor(shape: "[3]"))}", data: 8)) == "ST-09")
    #expect(try Self.verdict(Self.file("{\(Self.tensor(dtype: "\"F16\""))}", data: 8)) == "ST-09")
  }

  @Test("ST-10: 10,000 tensors over the same bytes")
  func overlap() throws {
    let tensors = (0..<10_000).map { Self.tensor("t\($0)") }.joined(separator: ",")
    #expect(try Self.verdict(Self.file("{\(tensors)}", data: 8)) == "ST-10")
  }

  @Test("ST-11: holes before, between and after tensors")
  func holes() throws {
    let first = Self.tensor("a", offsets: "[8,16]")
    #expect(try Self.verdict(Self.file("{\(first)}", data: 16)) == "ST-11")
    let pair = "\(Self.tensor("a")),\(Self.tensor("b", offsets: "[12,20]"))"
    #expect(try Self.verdict(Self.file("{\(pair)}", data: 20)) == "ST-11")
    #expect(try Self.verdict(Self.file("{\(Self.tensor())}", data: 9)) == "ST-11")
    #expect(try Self.verdict(Self.file("{}", data: 1)) == "ST-11")
  }

  @Test(
    "ST-12: metadata that is not strings",
    arguments: ["[]", "{\"a\":1}", "{\"a\":{\"b\":\"c\"}}", "{\"a\":null}"])
  func metadata(metadata: String) throws {
    #expect(try Self.verdict(Self.file("{\"__metadata__\":\(metadata)}")) == "ST-12")
  }

  @Test("ST-13: an empty name is refused, a hostile one only printed escaped")
  func names() throws {
    #expect(try Self.verdict(Self.file("{\(Self.tensor(""))}", data: 8)) == "ST-13")
    #expect(try Self.verdict(Self.file("{\(Self.tensor("../../x\\u001b[31m"))}", data: 8)) == "ok")
    // A tensor of the reserved name is metadata that is not strings.
    #expect(try Self.verdict(Self.file("{\(Self.tensor("__metadata__"))}", data: 8)) == "ST-12")
  }

  @Test("ST-14: tensors of no elements and of rank 0")
  func empty() throws {
    let tensors = [
      Self.tensor("a", shape: "[0,5]", offsets: "[0,0]"),
      Self.tensor("b", shape: "[]", offsets: "[0,4]"),
      Self.tensor("c", shape: "[0]", offsets: "[4,4]"),
    ].joined(separator: ",")
    #expect(try Self.verdict(Self.file("{\(tensors)}", data: 4)) == "ok")
  }

  @Test("ST-17: a file that is cut anywhere is refused")
  func cut() throws {
    let whole = Self.file("{\(Self.tensor("a")),\(Self.tensor("b", offsets: "[8,16]"))}", data: 16)
    #expect(try Self.verdict(whole) == "ok")
    for count in 0..<whole.count {
      #expect(try Self.verdict(Array(whole.prefix(count))) != "ok", "cut at \(count)")
    }
    #expect(try Self.verdict(Array(whole.dropLast())) == "ST-17")
  }

  @Test("every bit of the header flipped is a refusal or a file that reads")
  func flips() throws {
    let whole = Self.file("{\(Self.tensor("a", shape: "[1,2]"))}", data: 8)
    try Scratch.folder { folder in
      for bit in 0..<(whole.count - 8) * 8 {
        var bytes = whole
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        try Files.writeAtomically(bytes, to: "\(folder)/x")
        guard let file = try? SafetensorsFile("\(folder)/x") else { continue }
        for tensor in file.tensors { _ = file.floats(tensor) }
      }
    }
  }

  @Test("what is written reads back: names in order, bits of floats, metadata")
  func roundTrip() throws {
    var writer = SafetensorsWriter(metadata: [("format", "pt"), ("é", "\n")])
    let values: [Float] = [1, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1, 3]
    writer.add("b", shape: [2, 3], values: values)
    writer.add("a.10", shape: [1], values: [7])
    writer.add("a.9", shape: [0], values: [])
    try Scratch.folder { folder in
      try Files.writeAtomically(writer.bytes(), to: "\(folder)/x")
      let file = try SafetensorsFile("\(folder)/x")
      #expect(Set(file.tensors.map(\.name)) == ["a.10", "a.9", "b"])
      #expect(file.metadata == ["format": "pt", "é": "\n"])
      let tensor = try #require(file.tensor("b"))
      #expect(tensor.shape == [2, 3])
      #expect(file.floats(tensor)?.map(\.bitPattern) == values.map(\.bitPattern))
    }
  }

  @Test("halves and brain floats are widened exactly")
  func halves() throws {
    let header =
      "{\(Self.tensor("h", dtype: "\"F16\"", shape: "[2]", offsets: "[0,4]")),"
      + "\(Self.tensor("b", dtype: "\"BF16\"", shape: "[2]", offsets: "[4,8]"))}"
    let data: [UInt8] = [0x00, 0x3C, 0x01, 0x00, 0x80, 0x3F, 0x00, 0xC1]
    try Scratch.folder { folder in
      try Files.writeAtomically(Self.file(header) + data, to: "\(folder)/x")
      let file = try SafetensorsFile("\(folder)/x")
      #expect(file.floats(try #require(file.tensor("h"))) == [1, 0x1p-24])
      #expect(file.floats(try #require(file.tensor("b"))) == [1, -8])
    }
  }

  @Test(
    "the writer's bytes are those of the reference writer",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
  func referenceBytes() throws {
    let path = SharedData.url("lora/peft-r4-qv/init/adapter_model.safetensors")
    let file = try SafetensorsFile(path)
    var writer = SafetensorsWriter(metadata: [("format", "pt")])
    for tensor in file.tensors.reversed() {
      let values = try #require(file.floats(tensor))
      writer.add(tensor.name, shape: tensor.shape, values: values)
    }
    #expect(writer.bytes() == (try Files.read(path)))
  }
}
