import Boundary

/// Text to token ids and back, as the model's file defines it.
public protocol Tokenizer: Sendable {
  /// The number of tokens with a text; a model's rows beyond it are padding.
  var vocabularySize: Int { get }

  /// The token that begins a text.
  var bosID: Int? { get }

  /// The token that ends a text.
  var eosID: Int? { get }

  /// Every token after which nothing more is generated: end of text, of turn, of message.
  var endOfGeneration: Set<Int> { get }

  /// Whether the file asks for `bosID` in front of a text.
  var addsBOS: Bool { get }

  /// Whether encoding puts a space in front of a text, which decoding takes away again.
  var addsSpacePrefix: Bool { get }

  /// The ids of a text, which need not be valid UTF-8.
  ///
  /// - Parameters:
  ///   - bytes: At most `Limits.text` bytes.
  ///   - addingBOS: Whether to add what the file asks for around a text: BOS before it and, in a
  ///     few models, EOS after it.
  ///   - parsingSpecial: Whether a control token's spelling in the text becomes that token.
  /// - Returns: Ids below `vocabularySize`.
  func encode(_ bytes: [UInt8], addingBOS: Bool, parsingSpecial: Bool) -> [Int]

  /// What a token adds to a text; nothing for a control token.
  ///
  /// - Precondition: `id` is in `0..<vocabularySize`.
  func bytes(of id: Int) -> [UInt8]

  /// How the vocabulary spells a token, control tokens included.
  ///
  /// - Precondition: `id` is in `0..<vocabularySize`.
  func piece(_ id: Int) -> String
}

extension InputError.Rule {
  static let tokenInVocabulary = Self("TOK-20", exit: .malformedFile)
}

extension Tokenizer {
  /// The ids of a string; see `encode(_:addingBOS:parsingSpecial:)` on bytes.
  public func encode(_ text: String, addingBOS: Bool, parsingSpecial: Bool = false) -> [Int] {
    encode(Array(text.utf8), addingBOS: addingBOS, parsingSpecial: parsingSpecial)
  }

  /// The special token that is spelt so, if the vocabulary has one.
  public func controlToken(spelt spelling: String) -> Int? {
    let ids = encode(spelling, addingBOS: false, parsingSpecial: true)
    return ids.count == 1 && piece(ids[0]) == spelling ? ids[0] : nil
  }

  /// The bytes that these ids stand for.
  ///
  /// - Parameters:
  ///   - ids: Tokens one after the other.
  ///   - isWholeText: Whether the ids are all that `encode` gave for a text, so that the space it put
  ///     in front is taken away. A completion keeps it.
  /// - Returns: Bytes, which need not be valid UTF-8.
  /// - Throws: `InputError` TOK-20 when an id is not in the vocabulary.
  public func bytes(of ids: [Int], isWholeText: Bool = false) throws -> [UInt8] {
    for (index, id) in ids.enumerated() where !(0..<vocabularySize).contains(id) {
      throw InputError(
        .tokenInVocabulary, at: .init(entry: "token \(index)", index: index), found: "\(id)",
        allowed: "an id below the vocabulary's size \(vocabularySize)")
    }
    let bytes = ids.flatMap { self.bytes(of: $0) }
    let hasPrefix = isWholeText && addsSpacePrefix && bytes.first == UInt8(ascii: " ")
    return hasPrefix ? Array(bytes.dropFirst()) : bytes
  }

  /// The text of these ids; bytes that are no UTF-8 appear as U+FFFD.
  ///
  /// See `bytes(of:isWholeText:)`.
  ///
  /// - Throws: `InputError` TOK-20 when an id is not in the vocabulary.
  public func decode(_ ids: [Int], isWholeText: Bool = false) throws -> String {
    String(decoding: try bytes(of: ids, isWholeText: isWholeText), as: UTF8.self)
  }
}

/// Text that arrives in pieces of bytes: a character is held back until it is whole.
public struct TextStream: Sendable {
  private var held: [UInt8] = []

  /// A stream with nothing held back.
  public init() {}

  /// The characters that `bytes` complete; bytes that cannot become one appear as U+FFFD.
  public mutating func append(_ bytes: [UInt8]) -> String {
    held += bytes
    let whole = held.count - Self.incompleteSuffix(of: held)
    defer { held.removeFirst(whole) }
    return String(decoding: held[..<whole], as: UTF8.self)
  }

  /// What was held back and will not be completed any more.
  public mutating func finish() -> String {
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }

  /// How many bytes at the end start a character and lack the rest of it.
  private static func incompleteSuffix(of bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let byte = bytes[bytes.count - length]
      if byte & 0xC0 == 0x80 { continue }
      let needed = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1
      return byte <= 0xF4 && needed > length ? length : 0
    }
    return 0
  }
}
