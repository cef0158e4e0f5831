import Boundary
import GGUF

/// What a model file says about its tokens, checked whole: afterwards every id is an index.
struct Vocabulary: Sendable {
  /// What a token is for; numbered as in the file.
  enum Kind: Int32, CaseIterable, Sendable {
    case normal = 1
    case unknown, control, userDefined, unused, byte
  }

  /// UTF-8 as a rule; what is not is kept as it stands.
  let texts: [[UInt8]]
  let scores: [Float]
  let kinds: [Kind]
  let bosID: Int?
  let eosID: Int?
  let unknownID: Int
  let endOfGeneration: Set<Int>
  let addsBOS: Bool
  let addsEOS: Bool
  let addsSpacePrefix: Bool
  /// The token of each byte; empty when the vocabulary has none.
  let byteIDs: [Int]
  let specialTokens: [SpecialTokens.Token]
  let warnings: [String]

  /// Reads the keys `tokenizer.ggml.*`.
  ///
  /// - Throws: `InputError` of the rows TOK-01 to TOK-14.
  init(_ file: GGUFFile) throws {
    try Self.checkKind(file)
    (texts, scores, kinds) = try Self.tokens(file)
    warnings = try Self.checkTexts(texts, file)
    byteIDs = try Self.byteTokens(texts, kinds, file)

    let ids = try Self.specialIDs(file, count: texts.count)
    bosID = ids["bos"]
    eosID = ids["eos"]
    unknownID = ids["unknown"] ?? 0
    addsBOS = try Self.adds("bos", bosID, byDefault: true, file)
    addsEOS = try Self.adds("eos", eosID, byDefault: false, file)
    addsSpacePrefix = try file.bool("tokenizer.ggml.add_space_prefix") ?? true

    let named = texts.indices.filter { [texts] in Self.endingTexts.contains(texts[$0]) }
    endOfGeneration = Set(["eos", "eot", "eom"].compactMap { ids[$0] } + named)

    let model = try file.string("general.name")?.lowercased() ?? ""
    specialTokens = Self.special(
      texts, kinds, isPhi3: model.contains("phi3") || model.contains("phi-3"))
  }

  /// The byte that a byte token is spelt as: `<0x`, two hex digits, `>`.
  static func byte(spelt text: [UInt8]) -> UInt8? {
    guard text.count == 6, text.starts(with: "<0x".utf8), text[5] == UInt8(ascii: ">"),
      let high = Character(Unicode.Scalar(text[3])).hexDigitValue,
      let low = Character(Unicode.Scalar(text[4])).hexDigitValue
    else { return nil }
    return UInt8(high << 4 | low)
  }
}
