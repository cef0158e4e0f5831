import Boundary
import GGUF
import TestSupport
import Testing

@Suite("Writing GGUF")
struct GGUFWriterTests {
  static let values: [MetadataValue] = [
    .uint8(.max), .int8(.min), .uint16(.max), .int16(.min), .uint32(.max), .int32(.min),
    .uint64(.max), .int64(.min), .float32(-0.1), .float64(.pi), .bool(true), .bool(false),
    .string(""), .string("größe\n"), .bytes([0xFF, 0]), .uint8s([0, .max]), .int8s([.min, 1]),
    .uint16s([.max]), .int16s([.min]), .uint32s([.max]), .int32s([.min]), .uint64s([.max]),
    .int64s([.min]), .floats([0.1, -.infinity]), .doubles([.pi]), .bools([true, false]),
    .strings([]), .strings(["a", ""]), .byteStrings([[0xFF], [0x61]]),
  ]

  @Test("every kind of value and every type of tensor comes back", arguments: [nil, 8, 4096])
  func roundTrip(alignment: UInt32?) throws {
    var writer = GGUFWriter()
    if let alignment { writer.set("general.alignment", .uint32(alignment)) }
    for (index, value) in Self.values.enumerated() { writer.set("key.\(index)", value) }
    var random = RandomStream(seed: 1, "bytes")
    var contents: [String: [UInt8]] = [:]
    for type in TensorType.allCases {
      let dims = [type.blockSize, 2, 3]
      let bytes = (0..<(type.byteCount(of: dims) ?? 0)).map { _ in UInt8(random.below(256)) }
      contents[type.name] = bytes
      writer.add(name: type.name, type: type, dims: dims, bytes: bytes)
    }

    let file = try opened(writer.bytes())

    for (index, value) in Self.values.enumerated() { #expect(file.value("key.\(index)") == value) }
    #expect(file.tensors.map(\.type) == TensorType.allCases)
    #expect(file.alignment == Int(alignment ?? 32))
    for tensor in file.tensors {
      #expect(tensor.dims == [tensor.type.blockSize, 2, 3])
      #expect(tensor.columns == tensor.type.blockSize && tensor.rows == 6)
      file.withBytes(of: tensor) { #expect(Array($0) == contents[tensor.name]) }
    }
  }

  @Test(
    "a file of another program is written again byte for byte",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"),
    arguments: [
      "models/stories260K-q4_0.gguf", "models/stories260K-f16.gguf",
      "lora/peft-r4-qv/adapter-f32.gguf", "gguf-handcrafted/seed42/HEADER_EMPTY.gguf",
    ])
  func sameBytes(name: String) throws {
    let path = SharedData.url(name)
    let file = try GGUFFile(path)
    var writer = GGUFWriter()
    for (key, value) in file.metadata { writer.set(key, value) }
    for tensor in file.tensors {
      let bytes = file.withBytes(of: tensor) { Array($0) }
      writer.add(name: tensor.name, type: tensor.type, dims: tensor.dims, bytes: bytes)
    }
    #expect(try writer.bytes() == Files.read(path))
  }

  @Test("a key that is set twice keeps its place")
  func setAgain() throws {
    var writer = GGUFWriter()
    writer.set("a", .uint8(1))
    writer.set("b", .uint8(2))
    writer.set("a", .string("new"))
    #expect(try opened(writer.bytes()).metadata.map(\.key) == ["a", "b"])
    #expect(try opened(writer.bytes()).string("a") == "new")
  }

  @Test("integers are 32 bits wide where they fit")
  func ints() {
    #expect(MetadataValue.ints([1, -2]) == .int32s([1, -2]))
    #expect(MetadataValue.ints([1 << 40]) == .int64s([1 << 40]))
  }

  @Test("a file that cannot be written leaves nothing")
  func unwritable() throws {
    let folder = TemporaryFolder()
    let error = try #require(try refusal { try GGUFWriter().write(to: folder["no/model.gguf"]) })
    #expect(error.exit == .inputOutput)
    #expect(folder.names == [])
    try GGUFWriter().write(to: folder["model.gguf"])
    #expect(try GGUFFile(folder["model.gguf"]).tensors.isEmpty)
  }
}

@Suite("The summary for inspect")
struct SummaryTests {
  @Test("it has version, metadata and tensors, and reads back as JSON")
  func summary() throws {
    var writer = GGUFWriter()
    writer.set("epsilon", .float32(1e-5))
    writer.set("big", .uint64(.max))
    writer.set("nan", .float32(.nan))
    writer.set("raw", .bytes([0xFF, 1]))
    writer.set("names", .strings(["a", "b"]))
    writer.add(name: "t", type: .q8_0, dims: [32, 2], bytes: Array(repeating: 0, count: 68))

    let summary = try opened(writer.bytes()).summary

    #expect(
      summary == [
        "version": 3,
        "metadata": [
          "epsilon": 1e-5, "big": "18446744073709551615", "nan": "nan", "raw": ["hex": "ff01"],
          "names": ["a", "b"],
        ],
        "tensors": [["name": "t", "type": "Q8_0", "dims": [32, 2], "offset": 0]],
      ])
    #expect(try JSONValue(parsing: summary.serialized) == summary)
  }

  @Test("every kind of value has its JSON")
  func kinds() throws {
    var writer = GGUFWriter()
    for (index, value) in GGUFWriterTests.values.enumerated() { writer.set("k\(index)", value) }
    let metadata = try #require(try opened(writer.bytes()).summary["metadata"])
    #expect(metadata["k1"] == -128)
    #expect(metadata["k23"] == [0.1, "-inf"])
    #expect(metadata["k25"] == [true, false])
    #expect(metadata["k28"] == [["hex": "ff"], "a"])
    #expect(try JSONValue(parsing: metadata.serialized) == metadata)
  }
}
