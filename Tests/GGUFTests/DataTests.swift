import Boundary
import GGUF
import TestSupport
import Testing

@Suite("GGUF data")
struct DataTests {
  static let scaledTypes = TensorType.allCases.filter { !$0.scaleOffsets.isEmpty }

  /// A file of one tensor `t` of four rows, all bytes 0 but `word` at one place.
  static func file(
    _ type: TensorType, _ columns: Int, _ word: [UInt8], at place: Int
  ) throws -> GGUFFile {
    let dims = [columns, 4]
    var bytes = Array(repeating: 0 as UInt8, count: type.byteCount(of: dims) ?? 0)
    bytes.replaceSubrange(place..<place + word.count, with: word)
    var writer = GGUFWriter()
    writer.add(
      name: "zeros", type: type, dims: dims, bytes: Array(repeating: 0, count: bytes.count))
    writer.add(name: "t", type: type, dims: dims, bytes: bytes)
    return try opened(writer.bytes())
  }

  static func refusal(_ file: GGUFFile) throws -> InputError? {
    try TestSupport.refusal { for tensor in file.tensors { try file.checkFinite(tensor) } }
  }

  @Test(
    "GGUF-D04: a block scale that is not finite", arguments: scaledTypes,
    [0x7C00, 0xFC00, 0xFE00, 0x7C01] as [UInt16])
  func scales(type: TensorType, scale: UInt16) throws {
    for offset in type.scaleOffsets {
      let place = 5 * type.bytesPerBlock + offset
      let file = try Self.file(type, 2 * type.blockSize, littleEndian(scale), at: place)
      let tensor = try #require(file.tensor("t"))

      let error = try #require(try Self.refusal(file))

      #expect(error.rule.code == "GGUF-D04")
      #expect(error.place.index == 1)
      #expect(error.place.field == "scale of block 5")
      #expect(error.place.offset == UInt64(file.dataStart + tensor.offset + place))
    }
  }

  @Test(
    "GGUF-D05: a weight that is not finite, and how many there are",
    arguments: [
      (.f32, littleEndian((Float.nan).bitPattern)),
      (.f32, littleEndian((-Float.infinity).bitPattern)),
      (.f16, [0, 0x7C]), (.f16, [1, 0xFC]), (.bf16, [0x80, 0x7F]), (.bf16, [0xFF, 0xFF]),
    ] as [(TensorType, [UInt8])])
  func weights(type: TensorType, value: [UInt8]) throws {
    let file = try Self.file(type, 3, value + value, at: 7 * value.count)

    let error = try #require(try Self.refusal(file))

    #expect(error.rule.code == "GGUF-D05")
    #expect(error.place.field == "value 7")
    #expect(error.found.contains("2 in all"))
  }

  @Test(
    "GGUF-D06: scales that are zero, subnormal or the largest are fine",
    arguments: [0x0000, 0x8000, 0x0001, 0x83FF, 0x7BFF, 0xFBFF] as [UInt16])
  func finiteScales(scale: UInt16) throws {
    #expect(try Self.refusal(Self.file(.f16, 1, littleEndian(scale), at: 0)) == nil)
    for type in Self.scaledTypes {
      for offset in type.scaleOffsets {
        let file = try Self.file(type, type.blockSize, littleEndian(scale), at: offset)
        #expect(try Self.refusal(file) == nil)
      }
    }
  }

  @Test("GGUF-D07: quants of all bits are fine; only the scale is looked at")
  func quants() throws {
    for type in Self.scaledTypes {
      var block = Array(repeating: 0xFF as UInt8, count: type.bytesPerBlock)
      for offset in type.scaleOffsets { block.replaceSubrange(offset..<offset + 2, with: [0, 0]) }
      #expect(try Self.refusal(Self.file(type, type.blockSize, block, at: 0)) == nil)
    }
  }

  @Test("GGUF-D08: weights of all zeros are fine")
  func zeros() throws {
    for type in TensorType.allCases {
      #expect(try Self.refusal(Self.file(type, type.blockSize, [], at: 0)) == nil)
    }
  }

  @Test("GGUF-D02: a file that was cut, grown or written to while in use")
  func changed() throws {
    let folder = TemporaryFolder()
    for size in [100, 10_000] {
      let path = folder.write(GGUFBuilder().bytes(), to: "model.gguf")
      let file = try GGUFFile(path)
      try file.checkUnchanged()
      try Files.truncate(path, to: size)
      let error = try #require(try TestSupport.refusal { try file.checkUnchanged() })
      #expect(error.rule.code == "GGUF-D02")
      #expect(error.exit == .inputOutput)
    }
  }

  @Test("GGUF-D02: reading beyond a cut ends in one line and exit code 8")
  func cutWhileMapped() async throws {
    let result = try await #require(
      processExitsWith: .exitCode(8), observing: [\.standardErrorContent]
    ) {
      Interruption.install()
      let folder = TemporaryFolder()
      var writer = GGUFWriter()
      writer.add(
        name: "t", type: .f32, dims: [65_536], bytes: Array(repeating: 0, count: 262_144))
      let path = folder.write(writer.bytes(), to: "model.gguf")
      let file = try GGUFFile(path)
      try Files.truncate(path, to: 4096)
      try Files.remove(folder.path)
      _ = file.firstNonFinite(in: file.tensors[0])
    }
    let lines = String(decoding: result.standardErrorContent, as: UTF8.self)
      .split(separator: "\n").filter { $0.hasPrefix("error[") }
    #expect(lines.count == 1)
    #expect(lines.first?.hasPrefix("error[GGUF-D02] /tmp/") == true)
    #expect(lines.first?.contains("model.gguf: byte 4096: the file was cut") == true)
  }
}
