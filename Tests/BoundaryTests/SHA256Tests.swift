@testable import Boundary
import TestSupport
import Testing

@Suite("SHA-256")
struct SHA256Tests {
  /// FIPS 180-4's own examples, and the empty message.
  @Test("the published digests")
  func published() {
    #expect(
      SHA256.hex(of: []) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(
      SHA256.hex(of: Array("abc".utf8))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(
      SHA256.hex(of: Array("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".utf8))
        == "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1")
    #expect(
      SHA256.hex(of: Array(repeating: UInt8(ascii: "a"), count: 1_000_000))
        == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
  }

  /// Every length around the ends of blocks, and every cut of two blocks.
  @Test("pieces give the digest of the whole")
  func pieces() {
    let bytes = (0..<200).map { UInt8($0) }
    for count in 0...bytes.count {
      for cut in stride(from: 0, through: count, by: 13) {
        for instructions in [false, true] {
          var hash = SHA256(instructions: instructions)
          hash.update(Array(bytes[..<cut]))
          hash.update(Array(bytes[cut..<count]))
          #expect(hash.finalize() == SHA256.hex(of: Array(bytes[..<count])))
        }
      }
    }
  }

  @Test("a file has the digest of its bytes")
  func file() throws {
    let folder = TemporaryFolder()
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 * 7) }
    #expect(try SHA256.hexOfFile(folder.write(bytes, to: "a")) == SHA256.hex(of: bytes))
    #expect(try SHA256.hexOfFile(folder.write([], to: "b")) == SHA256.hex(of: []))
    #expect(throws: InputError.self) { try SHA256.hexOfFile(folder["missing"]) }
  }
}
