import Boundary
import GGUF
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite("GGUF header")
struct HeaderTests {
  @Test("the small file that the other tests break is valid")
  func good() throws {
    let file = try opened(GGUFBuilder().bytes())

    #expect(file.version == 3)
    #expect(file.warnings == [])
    #expect(file.tensors.map(\.offset) == [0, 64, 160])
    #expect(file.tensor("second")?.dims == [32, 2])
    #expect(file.value("test.names") == .strings(["a", "bc"]))
  }

  @Test("version 2 is read as well")
  func version2() throws {
    var builder = GGUFBuilder()
    builder.version = 2
    #expect(try opened(builder.bytes()).version == 2)
  }

  @Test("GGUF-H01: an empty file")
  func empty() throws {
    try expectRefusal([], "GGUF-H01", saying: "the file is empty")
  }

  @Test("GGUF-H02: a file that ends before its version", arguments: [1, 3, 4, 7])
  func beforeVersion(count: Int) throws {
    try expectRefusal(
      Array(GGUFBuilder().bytes().prefix(count)), "GGUF-H02", saying: "ends at byte \(count)")
  }

  @Test("GGUF-H04: other formats are named")
  func otherFormats() throws {
    let formats: [(String, [UInt8])] = [
      ("byte-swapped GGUF", Array("FUGG".utf8)), ("old GGML", Array("GGML".utf8)),
      ("old GGJT", Array("ggjt".utf8)), ("ZIP", [0x50, 0x4B, 3, 4]), ("pickle", [0x80, 2]),
      ("ELF", [0x7F, 0x45, 0x4C, 0x46]), ("gzip", [0x1F, 0x8B]),
      ("safetensors", littleEndian(8 as UInt64) + Array("{\"a\":{}}".utf8)),
      ("HTML", Array("<!DOCTYPE html>".utf8)),
      ("Git LFS", Array("version https://git-lfs.github.com/spec/v1\n".utf8)),
      (#""\x1b[31""#, Array("\u{1B}[31m".utf8)),
    ]
    for (name, start) in formats {
      try expectRefusal(
        start + Array(repeating: 0, count: 64), "GGUF-H04", field: "magic", offset: 0, saying: name)
    }
  }

  @Test("GGUF-H05: versions that are not read", arguments: [0, 1, 4, 99, UInt32.max])
  func versions(version: UInt32) throws {
    var builder = GGUFBuilder()
    builder.version = version
    try expectRefusal(
      builder.bytes(), "GGUF-H05", field: "version", offset: 4,
      saying: "\(version) is not 2 or 3")
  }

  @Test("GGUF-H06: big-endian files", arguments: [0x0200_0000, 0x0300_0000] as [UInt32])
  func bigEndian(version: UInt32) throws {
    var builder = GGUFBuilder()
    builder.version = version
    try expectRefusal(
      builder.bytes(), "GGUF-H06", offset: 4, saying: "big-endian GGUF is not supported")
  }

  @Test(
    "GGUF-H07: more tensors than the file can hold",
    arguments: [.max, 1 << 63, 1 << 62, 1 << 32, 1_000_000, 262_144] as [UInt64])
  func tensorCount(count: UInt64) throws {
    var builder = GGUFBuilder()
    builder.tensorCount = count
    try expectRefusal(builder.bytes(), "GGUF-H07", field: "tensor count", offset: 8)
  }

  @Test(
    "GGUF-H08: more keys than the file can hold, or than are read",
    arguments: [.max, 1 << 63, 1 << 60, 65_536] as [UInt64])
  func keyCount(count: UInt64) throws {
    var builder = GGUFBuilder()
    builder.keyCount = count
    try expectRefusal(builder.bytes(), "GGUF-H08", field: "key count", offset: 16)
  }

  @Test("GGUF-H07, GGUF-H08: the first count that does not fit is refused before any entry")
  func oneTooMany() throws {
    for tooMany in [0, 1] {
      // A tensor's entry has at least 25 bytes, a key 14; the header before them 24.
      var tensors = GGUFBuilder()
      tensors.keys = []
      tensors.tensorCount = UInt64((tensors.bytes().count - 24) / 25 + tooMany)
      var keys = GGUFBuilder()
      keys.keyCount = UInt64((keys.bytes().count - 24) / 14 + tooMany)
      let codes = try [tensors, keys].map { builder in
        try #require(try refusal { _ = try opened(builder.bytes()) }).rule.code
      }
      #expect((codes[0] == "GGUF-H07") == (tooMany == 1))
      #expect((codes[1] == "GGUF-H08") == (tooMany == 1))
    }
  }

  @Test("GGUF-H08: 65,537 keys with enough bytes")
  func oneKeyTooMany() throws {
    var builder = GGUFBuilder()
    builder.keyCount = 65_537
    try expectRefusal(
      builder.bytes() + Array(repeating: 0, count: 65_537 * 14), "GGUF-H08", offset: 16)
  }

  @Test("GGUF-H09: a file of nothing opens, and is no model")
  func nothing() throws {
    var builder = GGUFBuilder()
    builder.keys = []
    builder.tensors = []
    #expect(try opened(builder.bytes()).tensors.isEmpty)
    try expectRefusal(builder.bytes(), "GGUF-H09", saying: "no tensors") {
      try $0.requireTensors(of: [.f32])
    }
  }

  @Test("GGUF-H10: fewer tensors in the file than counted")
  func missingTensor() throws {
    var builder = GGUFBuilder()
    builder.tensorCount = 4
    let table = Array(builder.bytes().prefix(builder.start(ofTensor: 3)))
    // Room for the count gate, cut where the fourth entry would begin.
    try expectRefusal(table, "GGUF-H10", offset: table.count, saying: "tensor 3")
  }

  @Test("GGUF-H10: fewer keys in the file than counted")
  func missingKey() throws {
    var builder = GGUFBuilder()
    builder.tensors = []
    builder.keyCount = 7
    let table = Array(builder.bytes().prefix(builder.start(ofKey: 6)))
    try expectRefusal(table, "GGUF-H10", offset: table.count, saying: "key 6")
  }

  @Test("GGUF-H11: more tensors in the file than counted", arguments: [1, 2] as [UInt64])
  func uncountedTensor(count: UInt64) throws {
    var builder = GGUFBuilder()
    builder.tensorCount = count
    try expectRefusal(builder.bytes(), "GGUF-H11", field: "tensor count", offset: 8)
  }

  @Test("GGUF-H11: more keys in the file than counted are refused as tensors")
  func uncountedKey() throws {
    for count in 0..<6 {
      var builder = GGUFBuilder()
      builder.keyCount = UInt64(count)
      let bytes = builder.bytes()
      #expect(throws: InputError.self) { try opened(bytes) }
    }
  }

  @Test("GGUF-H12: what is not a regular file is refused without waiting")
  func notAFile() throws {
    let folder = TemporaryFolder()
    #expect(mkfifo(folder["pipe"], 0o600) == 0)
    for path in [folder.path, folder["pipe"], "/dev/null", "", "a\0b"] {
      let error = try #require(try refusal { _ = try GGUFFile(path) })
      #expect(error.rule.code == "GGUF-H12", "\(error)")
      #expect(error.exit == .inputOutput)
    }
  }

  @Test("GGUF-H13: a file that cannot be opened, with the system's reason")
  func cannotBeOpened() throws {
    let folder = TemporaryFolder()
    #expect(symlink("nowhere", folder["dangling"]) == 0)
    #expect(symlink("loop", folder["loop"]) == 0)
    let long = String(repeating: "n", count: 300)
    for (name, reason) in [
      ("missing", "No such file"), ("dangling", "No such file"), ("loop", "symbolic links"),
      (long, "name too long"),
    ] {
      let error = try #require(try refusal { _ = try GGUFFile(folder[name]) })
      #expect(error.rule.code == "GGUF-H13")
      #expect(error.exit == .inputOutput)
      #expect(error.description.contains(reason), "\(error)")
    }
  }

  @Test("GGUF-H13: a file without permission to read", .enabled(if: getuid() != 0, "runs as root"))
  func notAllowed() throws {
    let folder = TemporaryFolder()
    let path = folder.write(GGUFBuilder().bytes(), to: "secret")
    #expect(chmod(path, 0) == 0)
    let error = try #require(try refusal { _ = try GGUFFile(path) })
    #expect(error.rule.code == "GGUF-H13")
  }

  @Test("GGUF-H14: a sparse file of 1 TiB is judged by its content")
  func sparse() throws {
    let folder = TemporaryFolder()
    let good = folder.write(GGUFBuilder().bytes(), to: "good")
    let empty = folder.write([], to: "empty")
    try Files.truncate(good, to: 1 << 40)
    try Files.truncate(empty, to: 1 << 40)
    let time = try threadSeconds {
      let warnings = try GGUFFile(good).warnings
      let error = try refusal { _ = try GGUFFile(empty) }
      #expect(warnings.count == 1)
      #expect(error?.rule.code == "GGUF-H04")
    }
    #expect(time < 1)
  }
}
