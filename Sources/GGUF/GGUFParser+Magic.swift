import Boundary

extension GGUFParser {
  /// Refuses a file that does not begin as GGUF does, saying what it looks like.
  mutating func checkMagic() throws {
    guard let start = unsafe reader.take(min(4, reader.remaining)) else { return }
    let magic = unsafe Array(start)
    guard magic.count == 4 else {
      let isBeginning = [UInt8]("GGUF".utf8).starts(with: magic)
      throw error(
        isBeginning ? .hasVersion : .magic, "magic", at: 0,
        found: "the file ends at byte \(fileSize), inside this field")
    }
    if magic == [UInt8]("GGUF".utf8) { return }
    var head = magic
    if let more = unsafe reader.take(min(28, reader.remaining)) {
      unsafe head.append(contentsOf: more)
    }
    let format = Self.formats.first { head.dropFirst($0.skip).starts(with: $0.start) }
    throw error(
      .magic, "magic", at: 0,
      found: format.map { "\($0.name), which" } ?? "\"\(Self.text(of: magic))\", which",
      allowed: "a GGUF file", hints: format.map { [$0.hint] } ?? [])
  }

  private static let formats: [(skip: Int, start: [UInt8], name: String, hint: String)] = [
    (0, [UInt8]("FUGG".utf8), "a byte-swapped GGUF file", "convert it to little-endian GGUF"),
    (0, [UInt8]("lmgg".utf8), "an old GGML file", "convert it to GGUF"),
    (0, [UInt8]("GGML".utf8), "an old GGML file", "convert it to GGUF"),
    (0, [UInt8]("tjgg".utf8), "an old GGJT file", "convert it to GGUF"),
    (0, [UInt8]("ggjt".utf8), "an old GGJT file", "convert it to GGUF"),
    (0, [UInt8]("fmgg".utf8), "an old GGMF file", "convert it to GGUF"),
    (0, [UInt8]("algg".utf8), "an old GGLA adapter", "convert it to GGUF"),
    (0, [0x50, 0x4B, 3, 4], "a ZIP or PyTorch file", "convert the model to GGUF"),
    (0, [0x80, 2], "a Python pickle", "pickle files are never read; convert the model to GGUF"),
    (0, [0x80, 4], "a Python pickle", "pickle files are never read; convert the model to GGUF"),
    (0, [0x7F, 0x45, 0x4C, 0x46], "a program (ELF)", "is this the right file?"),
    (0, [0x1F, 0x8B], "a gzip file", "unpack it first"),
    (0, [0x28, 0xB5, 0x2F, 0xFD], "a zstd file", "unpack it first"),
    (8, [UInt8]("{\"".utf8), "a safetensors file", "convert the model to GGUF"),
    (0, [UInt8]("<!".utf8), "an HTML page", "a saved error page? download the file again"),
    (0, [UInt8]("<html".utf8), "an HTML page", "a saved error page? download the file again"),
    (
      0, [UInt8]("version https://git-lfs".utf8), "a Git LFS pointer",
      "fetch the file itself: git lfs pull"
    ),
  ]

  private static func text(of bytes: [UInt8]) -> String {
    bytes.map { byte in
      byte >= 0x20 && byte < 0x7F
        ? String(Unicode.Scalar(byte))
        : "\\x" + String(byte >> 4, radix: 16)
          + String(byte & 15, radix: 16)
    }.joined()
  }
}
