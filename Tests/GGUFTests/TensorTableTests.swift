import Boundary
import GGUF
import TestSupport
import Testing

@Suite("GGUF tensor table")
struct TensorTableTests {
  /// The small file with one edit to its second tensor.
  static func edited(_ edit: (inout GGUFBuilder.Tensor) -> Void) -> GGUFBuilder {
    var builder = GGUFBuilder()
    edit(&builder.tensors[1])
    return builder
  }

  @Test("GGUF-T01: a name of no or too many bytes", arguments: [0, 65, 1 << 63] as [UInt64])
  func nameLength(length: UInt64) throws {
    let builder = Self.edited { $0.nameLength = length }
    try expectRefusal(
      builder.bytes(), "GGUF-T01", field: "name length", offset: builder.start(ofTensor: 1))
  }

  @Test("GGUF-T01: a name of 64 bytes is fine")
  func longestName() throws {
    let name = String(repeating: "n", count: 64)
    let builder = Self.edited { $0.name = Array(name.utf8) }
    #expect(try opened(builder.bytes()).tensor(name) != nil)
  }

  @Test(
    "GGUF-T02: a name that cannot be printed",
    arguments: [[0x61, 0, 0x62], [0x61, 0xFF], Array("\u{1B}[31m".utf8), [0x61, 0x0A]])
  func nameText(name: [UInt8]) throws {
    let builder = Self.edited { $0.name = name }
    try expectRefusal(
      builder.bytes(), "GGUF-T02", field: "name", offset: builder.start(ofTensor: 1) + 8)
  }

  @Test("GGUF-T03: a name twice")
  func nameTwice() throws {
    let builder = Self.edited { $0.name = Array("first".utf8) }
    try expectRefusal(
      builder.bytes(), "GGUF-T03", offset: builder.start(ofTensor: 1), saying: "tensor 1")
  }

  @Test("GGUF-T03: names that are equal up to a NUL never meet")
  func nameTwiceUpToNUL() throws {
    let builder = Self.edited { $0.name = Array("first\0x".utf8) }
    try expectRefusal(builder.bytes(), "GGUF-T02")
  }

  @Test("GGUF-T04: a number of dimensions", arguments: [0, 5, 8, 9, .max] as [UInt32])
  func dimensionCount(count: UInt32) throws {
    let builder = Self.edited { $0.dimensionCount = count }
    try expectRefusal(
      builder.bytes(), "GGUF-T04", field: "dimension count",
      offset: builder.start(ofTensor: 1) + 14)
  }

  @Test("GGUF-T05: a dimension of 0 opens, and is no model")
  func noValues() throws {
    let builder = Self.edited {
      $0.dims = [32, 0]
      $0.size = 0
    }
    #expect(try opened(builder.bytes()).tensor("second")?.byteCount == 0)
    try expectRefusal(builder.bytes(), "GGUF-T05", field: "dimension 1") {
      try $0.requireTensors(of: [.f32, .f16, .q8_0])
    }
  }

  @Test("GGUF-T06: a dimension beyond 63 bits", arguments: [1 << 63, .max] as [UInt64])
  func dimension(dim: UInt64) throws {
    let builder = Self.edited { $0.dims = [32, dim] }
    try expectRefusal(
      builder.bytes(), "GGUF-T06", field: "dimension 1", offset: builder.start(ofTensor: 1) + 26)
  }

  @Test(
    "GGUF-T07: a number of values that wraps",
    arguments: [[1 << 32, 1 << 32], [3, 0x5555_5555_5555_5556], [1 << 62, 1, 2]] as [[UInt64]])
  func valueCount(dims: [UInt64]) throws {
    try expectRefusal(Self.edited { $0.dims = dims }.bytes(), "GGUF-T07")
  }

  @Test("GGUF-T07: a dimension that wraps to a small number is too wide by itself")
  func wrapsToSmall() throws {
    try expectRefusal(Self.edited { $0.dims = [.max, 2] }.bytes(), "GGUF-T06")
  }

  @Test(
    "GGUF-T08: a number of bytes that wraps",
    arguments: [(.f32, [1 << 62]), (.q8_0, [32, 1 << 58 - 1]), (.f64, [1 << 60, 4])]
      as [(TensorType, [UInt64])])
  func byteCount(type: TensorType, dims: [UInt64]) throws {
    let builder = Self.edited {
      $0.type = type.rawValue
      $0.dims = dims
    }
    try expectRefusal(builder.bytes(), "GGUF-T08")
  }

  @Test("GGUF-T09: an offset off the alignment", arguments: [65, 4100, .max] as [UInt64])
  func offAlignment(offset: UInt64) throws {
    let builder = Self.edited { $0.offset = offset }
    try expectRefusal(
      builder.bytes(), "GGUF-T09", field: "offset", offset: builder.start(ofTensor: 1) + 38,
      saying: "\(offset) is not a multiple of the alignment 32")
  }

  @Test(
    "GGUF-T10: an offset that wraps",
    arguments: [.max - 31, 1 << 63, UInt64(Int64.max) - 31] as [UInt64])
  func offsetWraps(offset: UInt64) throws {
    let builder = Self.edited { $0.offset = offset }
    try expectRefusal(builder.bytes(), "GGUF-T10", field: "offset")
  }

  @Test("GGUF-T11: an offset beyond the file", arguments: [1 << 20, 1 << 40] as [UInt64])
  func beyondFile(offset: UInt64) throws {
    let builder = Self.edited { $0.offset = offset }
    try expectRefusal(builder.bytes(), "GGUF-T11", field: "offset", saying: "the file ends at")
  }

  @Test("GGUF-T11: the last tensor ends one byte beyond the file")
  func oneByteBeyond() throws {
    let builder = GGUFBuilder()
    let end = builder.dataStart + 160 + 6
    try expectRefusal(
      Array(builder.bytes().prefix(end - 1)), "GGUF-T11", field: "offset",
      saying: "end at byte \(end), but the file ends at byte \(end - 1)")
  }

  @Test("GGUF-T12: tensors that share bytes", arguments: [0, 32] as [UInt64])
  func overlap(offset: UInt64) throws {
    let builder = Self.edited { $0.offset = offset }
    try expectRefusal(
      builder.bytes(), "GGUF-T12", field: "offset", saying: "inside tensor 0 \"first\"")
  }

  @Test("GGUF-T12: a tensor inside a larger one before the last")
  func overlapEarlier() throws {
    var builder = GGUFBuilder()
    builder.tensors[2].offset = 32
    try expectRefusal(builder.bytes(), "GGUF-T12", saying: "inside tensor 0 \"first\"")
  }

  @Test("GGUF-T13: a hole, and data that are not in table order")
  func hole() throws {
    let hole = Self.edited { $0.offset = 96 }
    try expectRefusal(hole.bytes(), "GGUF-T13", saying: "96 is not 64")
    var swapped = GGUFBuilder()
    swapped.tensors[0].offset = 64
    swapped.tensors[1].offset = 0
    try expectRefusal(swapped.bytes(), "GGUF-T13", saying: "64 is not 0")
  }

  @Test("GGUF-T14: padding of other bytes than 0 is fine")
  func padding() throws {
    var builder = GGUFBuilder()
    builder.paddingByte = 0xFF
    #expect(try opened(builder.bytes()).warnings == [])
  }

  @Test("GGUF-T15: bytes after the last tensor are a warning", arguments: [1, 31, 32, 1000])
  func trailing(count: Int) throws {
    let file = try opened(GGUFBuilder().bytes() + Array(repeating: 1, count: count))
    #expect(file.warnings == ["\(count) bytes after the last tensor are not used"])
  }

  @Test(
    "GGUF-T16: a type that the format does not have",
    arguments: [4, 5, 31, 32, 33, 36, 37, 38, 43, 1 << 31, .max] as [UInt32])
  func unknownType(type: UInt32) throws {
    let builder = Self.edited { $0.type = type }
    try expectRefusal(
      builder.bytes(), "GGUF-T16", field: "type", offset: builder.start(ofTensor: 1) + 34)
  }

  @Test("GGUF-T17: every type of the format opens, and those we lack are no model")
  func unsupportedTypes() throws {
    let supported: [TensorType] = [.f32, .f16, .bf16, .q8_0, .q4_0]
    for type in TensorType.allCases {
      var builder = GGUFBuilder()
      builder.tensors[2] = .init("third", type, [type.blockSize, 3])
      let bytes = builder.bytes()
      #expect(try opened(bytes).tensors.last?.type == type)
      if supported.contains(type) {
        try opened(bytes).requireTensors(of: supported)
      } else {
        try expectRefusal(bytes, "GGUF-T17", field: "type", saying: type.name) {
          try $0.requireTensors(of: supported)
        }
      }
    }
  }

  @Test("GGUF-T18: a row that is no whole number of blocks")
  func partOfBlock() throws {
    for type in TensorType.allCases where type.blockSize > 1 {
      for columns in [type.blockSize - 1, type.blockSize + 1, 1] {
        let builder = Self.edited {
          $0.type = type.rawValue
          $0.dims = [UInt64(columns), 2]
        }
        try expectRefusal(
          builder.bytes(), "GGUF-T18", field: "dimension 0", saying: "\(type.blockSize)")
      }
    }
  }

  @Test("GGUF-T20: sizes that wrap together")
  func totalSize() throws {
    var builder = GGUFBuilder()
    for index in 0..<2 {
      builder.tensors[index].type = TensorType.i8.rawValue
      builder.tensors[index].dims = [UInt64(Int64.max) - 63]
    }
    try expectRefusal(builder.bytes(), "GGUF-T20", saying: "tensor 0")
    for index in 0..<2 { builder.tensors[index].dims = [1 << 62] }
    try expectRefusal(builder.bytes(), "GGUF-T20", saying: "tensor 1")
  }

  @Test("GGUF-T21: no tensors, but data")
  func dataOnly() throws {
    var builder = GGUFBuilder()
    builder.tensors = []
    try expectRefusal(builder.bytes() + [0], "GGUF-T21", saying: "no tensors")
  }

  @Test("GGUF-T22: 262,144 tensors are read within two seconds")
  func manyTensors() throws {
    var writer = GGUFWriter()
    writer.set("general.alignment", .uint32(8))
    for index in 0..<Limits.tensors {
      writer.add(name: "tensor.\(index)", type: .f32, dims: [1], bytes: [0, 0, 0, 0])
    }
    let folder = TemporaryFolder()
    let path = folder.write(writer.bytes(), to: "model.gguf")
    var count = 0
    let time = try threadSeconds { count = try GGUFFile(path).tensors.count }
    #expect(count == Limits.tensors)
    #expect(time < 2)
  }
}
