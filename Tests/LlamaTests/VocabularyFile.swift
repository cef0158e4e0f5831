import Boundary
import Foundation
import GGUF
import Llama

/// A vocabulary that a test changes in one place and then opens as a file.
struct VocabularyFile {
  var tokens: [String]
  var metadata: [(key: String, value: MetadataValue)]

  /// Three special tokens, optionally the 256 bytes, then normal tokens with falling scores.
  init(_ normal: [String], withBytes: Bool = true) {
    let bytes = withBytes ? (0..<256).map { "<0x" + Self.hex($0) + ">" } : []
    tokens = ["<unk>", "<s>", "</s>"] + bytes + normal
    let types: [Int32] =
      [2, 3, 3] + bytes.map { _ in 6 } + normal.map { _ in 1 }
    let scores =
      [Float](repeating: 0, count: 3 + bytes.count) + normal.indices.map { -Float($0) }
    metadata = [
      ("general.architecture", .string("llama")),
      ("tokenizer.ggml.model", .string("llama")),
      ("tokenizer.ggml.tokens", .strings(tokens)),
      ("tokenizer.ggml.scores", .floats(scores)),
      ("tokenizer.ggml.token_type", .int32s(types)),
      ("tokenizer.ggml.bos_token_id", .uint32(1)),
      ("tokenizer.ggml.eos_token_id", .uint32(2)),
    ]
  }

  /// The id of a token by its text.
  func id(_ text: String) -> Int { tokens.firstIndex { $0.utf8.elementsEqual(text.utf8) } ?? -1 }

  /// The value of a key under `tokenizer.ggml.`; setting nil takes the key away.
  subscript(name: String) -> MetadataValue? {
    get { metadata.first { $0.key == "tokenizer.ggml." + name }?.value }
    set {
      let key = "tokenizer.ggml." + name
      let place = metadata.firstIndex { $0.key == key }
      switch (place, newValue) {
      case (let place?, let value?): metadata[place].value = value
      case (let place?, nil): metadata.remove(at: place)
      case (nil, let value?): metadata.append((key, value))
      case (nil, nil): break
      }
    }
  }

  mutating func setToken(_ id: Int, text: String? = nil, type: Int32? = nil, score: Float? = nil) {
    if let text {
      tokens[id] = text
      self["tokens"] = .strings(tokens)
    }
    if let type, case .int32s(var types)? = self["token_type"] {
      types[id] = type
      self["token_type"] = .int32s(types)
    }
    if let score, case .floats(var scores)? = self["scores"] {
      scores[id] = score
      self["scores"] = .floats(scores)
    }
  }

  mutating func append(_ text: String, type: Int32, score: Float = 0) {
    tokens.append(text)
    self["tokens"] = .strings(tokens)
    if case .int32s(let types)? = self["token_type"] {
      self["token_type"] = .int32s(types + [type])
    }
    if case .floats(let scores)? = self["scores"] { self["scores"] = .floats(scores + [score]) }
  }

  func tokenizer() throws -> SentencePieceTokenizer {
    var writer = GGUFWriter()
    for (key, value) in metadata { writer.set(key, value) }
    let path = FileManager.default.temporaryDirectory.path + "/\(UUID()).gguf"
    try writer.write(to: path)
    defer { try? Files.remove(path) }
    return try SentencePieceTokenizer(GGUFFile(path))
  }

  private static func hex(_ byte: Int) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return digits.count == 1 ? "0" + digits : digits
  }
}
