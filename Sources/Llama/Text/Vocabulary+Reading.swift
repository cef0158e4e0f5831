import Boundary
import GGUF

/// What a vocabulary must obey; rows of `docs/bad-inputs.md`, section 7.
extension InputError.Rule {
  static let vocabularyLengths = Self("TOK-01", exit: .malformedFile)
  static let vocabularyTypes = Self("TOK-02", exit: .malformedFile)
  static let tokenTwice = Self("TOK-03", exit: .malformedFile)
  static let tokenLength = Self("TOK-04", exit: .malformedFile)
  static let specialID = Self("TOK-06", exit: .malformedFile)
  static let addedTokenExists = Self("TOK-08", exit: .malformedFile)
  static let byteTokens = Self("TOK-09", exit: .malformedFile)
  static let tokenizerKind = Self("TOK-12", exit: .malformedFile)
  static let scoreFinite = Self("TOK-13", exit: .malformedFile)
  static let tokenType = Self("TOK-14", exit: .malformedFile)
  static let vocabularyNotEmpty = Self("GGUF-K16", exit: .malformedFile)
}

extension Vocabulary {
  private static let tokensKey = "tokenizer.ggml.tokens"
  private static let scoresKey = "tokenizer.ggml.scores"
  private static let typesKey = "tokenizer.ggml.token_type"

  /// Tokens that end generation wherever they occur, by their text.
  ///
  /// Source: llama.cpp, src/llama-vocab.cpp, `special_eog_ids`.
  static let endingTexts = Set(
    [
      "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
      "< EOT >", "_<EOT>", "<EOT>", "<｜end▁of▁sentence｜>", "<end_of_utterance>", "<|return|>",
      "<|call|>", "<eos>",
    ].map { Array($0.utf8) })

  static func checkKind(_ file: GGUFFile) throws {
    func refusal(_ key: String, _ found: String?, _ allowed: String) -> InputError {
      file.error(
        .tokenizerKind, key: key, found: found.map { "\"\(escaped($0))\"" } ?? "a missing key",
        allowed: "one of: \(allowed)")
    }
    let kind = try file.string("tokenizer.ggml.model")
    guard kind == "llama" else { throw refusal("tokenizer.ggml.model", kind, "llama") }
    let pre = try file.string("tokenizer.ggml.pre")
    guard pre == nil || pre == "default" else {
      throw refusal("tokenizer.ggml.pre", pre, "default (for the tokenizer kind llama)")
    }
  }

  static func tokens(_ file: GGUFFile) throws -> ([[UInt8]], [Float], [Kind]) {
    func wrongType(_ key: String, _ allowed: String) -> InputError {
      file.error(
        .vocabularyTypes, key: key, found: file.value(key) == nil ? "a missing key" : "the value",
        allowed: allowed)
    }
    let texts: [[UInt8]]
    switch file.value(tokensKey) {
    case .strings(let strings)?: texts = strings.map { Array($0.utf8) }
    case .byteStrings(let strings)?: texts = strings
    default: throw wrongType(tokensKey, "an array of strings")
    }
    guard case .floats(let scores)? = file.value(scoresKey) else {
      throw wrongType(scoresKey, "an array of 32-bit floats")
    }
    guard case .int32s(let types)? = file.value(typesKey) else {
      throw wrongType(typesKey, "an array of signed 32-bit integers")
    }
    guard !texts.isEmpty else {
      throw file.error(.vocabularyNotEmpty, key: tokensKey, found: "the array is empty")
    }
    guard Limits.vocabulary.contains(texts.count) else {
      throw file.error(
        .vocabularyLengths, key: tokensKey, found: "\(texts.count) tokens",
        allowed: "\(Limits.vocabulary.lowerBound) to \(Limits.vocabulary.upperBound)")
    }
    for (key, count) in [(scoresKey, scores.count), (typesKey, types.count)]
    where count != texts.count {
      throw file.error(
        .vocabularyLengths, key: key, found: "\(count) values",
        allowed: "\(texts.count), the number of tokens")
    }
    if let id = scores.firstIndex(where: { !$0.isFinite }) {
      throw file.error(
        .scoreFinite, key: scoresKey, found: "score \(scores[id]) of token \(id)",
        allowed: "finite")
    }
    let kinds = try types.enumerated().map { id, type in
      guard let kind = Kind(rawValue: type) else {
        throw file.error(
          .tokenType, key: typesKey, found: "type \(type) of token \(id)",
          allowed: "1 to \(Kind.allCases.count)")
      }
      return kind
    }
    return (texts, scores, kinds)
  }

  /// Checks each text by itself and that no two are the same; returns what is odd.
  static func checkTexts(_ texts: [[UInt8]], _ file: GGUFFile) throws -> [String] {
    var first: [[UInt8]: Int] = [:]
    first.reserveCapacity(texts.count)
    for (id, text) in texts.enumerated() where !text.isEmpty {
      guard text.count <= Limits.tokenText else {
        throw file.error(
          .tokenLength, key: tokensKey, found: "token \(id) of \(text.count) bytes",
          allowed: "at most \(Limits.tokenText) bytes long")
      }
      if let other = first.updateValue(id, forKey: text) {
        throw file.error(
          .tokenTwice, key: tokensKey,
          found: "tokens \(other) and \(id) have the same text \(quoted(text))")
      }
    }
    let empty = texts.count - first.count
    return empty == 0 ? [] : ["\(file.path): \(empty) tokens of the vocabulary have an empty text"]
  }

  /// The token of each byte: all 256 or none.
  static func byteTokens(_ texts: [[UInt8]], _ kinds: [Kind], _ file: GGUFFile) throws -> [Int] {
    var ids = [Int?](repeating: nil, count: 256)
    for id in kinds.indices where kinds[id] == .byte {
      guard let byte = byte(spelt: texts[id]) else {
        throw file.error(
          .byteTokens, key: tokensKey, found: "byte token \(id), \(quoted(texts[id])),",
          allowed: "spelt <0xHH> with two hex digits")
      }
      if let first = ids[Int(byte)] {
        throw file.error(
          .byteTokens, key: tokensKey, found: "byte tokens \(first) and \(id) are the same byte")
      }
      ids[Int(byte)] = id
    }
    let known = ids.compactMap { $0 }
    if !known.isEmpty, let missing = ids.firstIndex(of: nil) {
      throw file.error(
        .byteTokens, key: tokensKey, found: "no token for byte \(missing)",
        hints: ["a vocabulary has a token for every byte or for none"])
    }
    return known
  }

  /// The special ids by name (`bos`, `eos` …): from the file, else the kind's own defaults.
  static func specialIDs(_ file: GGUFFile, count: Int) throws -> [String: Int] {
    var ids = ["unknown": 0, "bos": 1, "eos": 2].filter { $0.value < count }
    let prefix = "tokenizer.ggml."
    let suffix = "_token_id"
    for (key, value) in file.metadata where key.hasPrefix(prefix) && key.hasSuffix(suffix) {
      let name = String(key.dropFirst(prefix.count).dropLast(suffix.count))
      // llama2.c's converter writes "none" like this for two tokens that nothing here uses.
      if value == .uint32(.max), ["padding", "seperator"].contains(name) { continue }
      ids[name] = try file.integer(key, in: 0...count - 1, rule: .specialID)
    }
    return ids
  }

  static func adds(
    _ name: String, _ id: Int?, byDefault: Bool, _ file: GGUFFile
  ) throws -> Bool {
    let key = "tokenizer.ggml.add_\(name)_token"
    let adds = try file.bool(key)
    if adds == true, id == nil {
      throw file.error(.addedTokenExists, key: key, found: "true, and there is no \(name) token")
    }
    return adds ?? byDefault
  }

  /// The tokens that a text is searched for.
  ///
  /// Phi-3's added tokens swallow the white space behind them; nothing in its file says so.
  /// Source: llama.cpp, src/llama-vocab.cpp, "set attributes by model/tokenizer/architecture name".
  static func special(
    _ texts: [[UInt8]], _ kinds: [Kind], isPhi3: Bool
  ) -> [SpecialTokens.Token] {
    let takesNoSpace = ["<unk>", "<s>", "<|endoftext|>"].map { Array($0.utf8) }
    return texts.indices.compactMap { id in
      guard [.control, .unknown, .userDefined].contains(kinds[id]), !texts[id].isEmpty
      else { return nil }
      return SpecialTokens.Token(
        id: id, spelling: texts[id], isUserDefined: kinds[id] == .userDefined,
        takesSpaceBehind: isPhi3 && !takesNoSpace.contains(texts[id]))
    }
  }

  private static func quoted(_ text: [UInt8]) -> String {
    "\"\(escaped(String(decoding: text, as: UTF8.self)))\""
  }
}
