import Boundary
import TestSupport
import Testing

@testable import GGUF

/// The 34 files of llama.cpp's own test against its verdicts.
///
/// The generator fills values at random, so that bools are neither 0 nor 1, which GGUF-K10 refuses
/// and llama.cpp lets pass; and it leaves the data section out of most files, which GGUF-T11
/// refuses. Both are mended here, byte by byte, so that every file is judged by its own fault.
@Suite("Handcrafted files", .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
struct HandcraftedFilesTests {
  static let folder = SharedData.url("gguf-handcrafted/seed42/")

  /// The rule that refuses each file; nil where it has to be accepted.
  static let verdicts: [(name: String, rule: String?)] = [
    ("HEADER_BAD_MAGIC", "GGUF-H04"), ("HEADER_BAD_VERSION_0", "GGUF-H05"),
    ("HEADER_BAD_VERSION_1", "GGUF-H05"), ("HEADER_BAD_VERSION_FUTURE", "GGUF-H05"),
    ("HEADER_BAD_N_KV", "GGUF-H08"), ("HEADER_BAD_N_TENSORS", "GGUF-H07"), ("HEADER_EMPTY", nil),
    ("KV_BAD_KEY_SIZE", "GGUF-K01"), ("KV_EMPTY_KEY", "GGUF-K02"), ("KV_BAD_TYPE", "GGUF-K06"),
    ("KV_DUPLICATE_KEY", "GGUF-K05"), ("KV_BAD_ALIGN", "GGUF-K18"),
    ("KV_WRONG_TYPE_ALIGN", "GGUF-K20"), ("KV_RANDOM_KV", nil),
    ("TENSORS_BAD_NAME_SIZE", "GGUF-T01"), ("TENSORS_BAD_N_DIMS", "GGUF-T04"),
    ("TENSORS_BAD_SHAPE", "GGUF-T06"), ("TENSORS_NE_TOO_BIG", "GGUF-T07"),
    ("TENSORS_NBYTES_TOO_BIG", "GGUF-T08"), ("TENSORS_NBYTES_PAD_WRAP", "GGUF-T08"),
    ("TENSORS_BAD_TYPE", "GGUF-T16"), ("TENSORS_BAD_OFFSET", "GGUF-T09"),
    ("TENSORS_DUPLICATE_NAME", "GGUF-T03"), ("TENSORS_BAD_ALIGN", "GGUF-K18"),
    ("TENSORS_INCONSISTENT_ALIGN", "GGUF-T09"), ("TENSORS_SUCCESS", nil),
    ("TENSORS_ZERO_DIM", nil), ("DATA_NOT_ENOUGH_DATA", "GGUF-T11"),
    ("DATA_BAD_ALIGN", "GGUF-K18"), ("DATA_INCONSISTENT_ALIGN", "GGUF-T09"),
    ("DATA_MEM_SIZE_OVERFLOW", "GGUF-T20"), ("DATA_SUCCESS", nil),
    // An alignment of 1: llama.cpp allows every power of two, the format multiples of 8.
    ("TENSORS_CUSTOM_ALIGN", "GGUF-K18"), ("DATA_CUSTOM_ALIGN", "GGUF-K18"),
  ]
  static let strict: Set<String> = ["TENSORS_CUSTOM_ALIGN", "DATA_CUSTOM_ALIGN"]

  static func expectation(of name: String) throws -> JSONValue {
    let list = try JSONValue(parsing: Files.read(folder + "expected.json"))
    return try #require(list["cases"]?.array?.first { $0["file"]?.string == name + ".gguf" })
  }

  @Test("every file gets the expected verdict, by the rule it breaks", arguments: verdicts)
  func verdict(name: String, rule: String?) throws {
    let expected = try Self.expectation(of: name)
    if !Self.strict.contains(name) {
      #expect(expected["expect_parse_ok"]?.bool == (rule == nil))
    }
    var bytes = try Files.read(Self.folder + name + ".gguf")
    if name.hasPrefix("TENSORS") { bytes += Array(repeating: 0, count: 2 << 20) }

    let error = try Self.mendingBools(&bytes)

    #expect(error?.rule.code == rule, "\(error?.description ?? "accepted")")
  }

  @Test("a bool of a random byte is refused", arguments: ["KV_RANDOM_KV", "DATA_SUCCESS"])
  func randomBools(name: String) throws {
    try expectRefusal(Files.read(Self.folder + name + ".gguf"), "GGUF-K10")
  }

  @Test("a table without its data section is refused")
  func missingData() throws {
    var bytes = try Files.read(Self.folder + "TENSORS_SUCCESS.gguf")
    #expect(try Self.mendingBools(&bytes)?.rule.code == "GGUF-T11")
  }

  @Test("values and tensors are read as llama.cpp reads them")
  func contents() throws {
    let expected = try Self.expectation(of: "DATA_SUCCESS")
    var bytes = try Files.read(Self.folder + "DATA_SUCCESS.gguf")
    #expect(try Self.mendingBools(&bytes) == nil)

    let file = try opened(bytes)

    let keys = try #require(expected["kv"]?.array)
    #expect(file.metadata.count == keys.count)
    for (key, (name, value)) in zip(keys, file.metadata) {
      #expect(key["key_hex"]?.string == hex(Array(name.utf8)))
      #expect(key["type_id"]?.int == Int(value.type.outer.rawValue))
    }
    let tensors = try #require(expected["tensors"]?.array)
    #expect(file.tensors.count == tensors.count)
    for (entry, tensor) in zip(tensors, file.tensors) {
      #expect(entry["name"]?.string == tensor.name)
      #expect(entry["type_id"]?.int == Int(tensor.type.rawValue))
      #expect(entry["offset"]?.int == tensor.offset)
      // "Byte i of the data section is i mod 256."
      file.withBytes(of: tensor) { bytes in
        #expect(bytes.indices.allSatisfy { bytes[$0] == UInt8((tensor.offset + $0) & 255) })
      }
    }
  }

  /// Makes every refused bool 0 or 1 until another rule is broken or none.
  static func mendingBools(_ bytes: inout [UInt8]) throws -> InputError? {
    while true {
      let found = try refusal {
        try bytes.withUnsafeBytes {
          var parser = GGUFParser($0, path: "model.gguf")
          try parser.parse()
        }
      }
      guard let found, found.rule == .boolByte, let offset = found.place.offset else {
        return found
      }
      bytes[Int(offset)] &= 1
    }
  }
}

private func hex(_ bytes: [UInt8]) -> String {
  bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}
