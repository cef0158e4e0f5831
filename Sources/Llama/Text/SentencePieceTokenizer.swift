import Boundary
public import GGUF

/// SentencePiece's byte-pair kind (`tokenizer.ggml.model` = `llama`).
///
/// A text is cut into characters; again and again the adjacent pair whose union has the best score
/// in the vocabulary is joined, the leftmost first on a tie; a character that ends up in no token
/// is written as byte tokens. Spaces are spelt U+2581 in the vocabulary.
/// Source: llama.cpp, src/llama-vocab.cpp (`llm_tokenizer_spm`), whose ids these are.
public struct SentencePieceTokenizer: Tokenizer {
  private let vocabulary: Vocabulary
  private let merges: MergeTable
  private let special: SpecialTokens

  /// Reads the vocabulary of a file, which need not hold a model.
  ///
  /// - Throws: `InputError` of the rows TOK-01 to TOK-14.
  public init(_ file: GGUFFile) throws {
    vocabulary = try Vocabulary(file)
    special = SpecialTokens(vocabulary.specialTokens)
    merges = MergeTable(vocabulary)
  }

  public var vocabularySize: Int { vocabulary.texts.count }
  public var bosID: Int? { vocabulary.bosID }
  public var eosID: Int? { vocabulary.eosID }
  public var endOfGeneration: Set<Int> { vocabulary.endOfGeneration }
  public var addsBOS: Bool { vocabulary.addsBOS }
  public var addsSpacePrefix: Bool { vocabulary.addsSpacePrefix }

  /// What is odd about the vocabulary and yet no reason to refuse it.
  public var warnings: [String] { vocabulary.warnings }

  public func encode(_ bytes: [UInt8], addingBOS: Bool, parsingSpecial: Bool) -> [Int] {
    var ids: [Int] = []
    if addingBOS, addsBOS, let bosID { ids.append(bosID) }
    var followsSpecial = true
    for part in special.parts(of: bytes, parsingSpecial: parsingSpecial) {
      switch part {
      case .token(let id): ids.append(id)
      case .text(let range):
        let prefix: [UInt8] = followsSpecial && addsSpacePrefix ? [UInt8(ascii: " ")] : []
        encode(prefix + bytes[range], into: &ids)
      }
      if case .token = part { followsSpecial = true } else { followsSpecial = false }
    }
    if addingBOS, vocabulary.addsEOS, let eosID { ids.append(eosID) }
    return ids
  }

  /// Appends the ids of a text without special tokens.
  private func encode(_ bytes: [UInt8], into ids: inout [Int]) {
    var symbols = SymbolList(bytes, merges)
    symbols.mergeAll(merges)
    symbols.forEach { symbol, range in
      if let id = merges.token(symbol) {
        ids.append(id)
      } else if vocabulary.byteIDs.isEmpty {
        ids.append(vocabulary.unknownID)
      } else {
        for byte in bytes[range] { ids.append(vocabulary.byteIDs[Int(byte)]) }
      }
    }
  }

  public func bytes(of id: Int) -> [UInt8] {
    switch vocabulary.kinds[id] {
    case .control, .unknown: []
    case .userDefined: vocabulary.texts[id]
    case .byte: Vocabulary.byte(spelt: vocabulary.texts[id]).map { [$0] } ?? []
    case .normal, .unused:
      Characters(vocabulary.texts[id][...]).flatMap { range in
        let character = vocabulary.texts[id][range]
        return character.elementsEqual(Self.space) ? [UInt8(ascii: " ")] : character
      }
    }
  }

  public func piece(_ id: Int) -> String {
    String(decoding: vocabulary.texts[id], as: UTF8.self)
  }

  /// How a vocabulary spells a space: U+2581.
  private static let space: [UInt8] = [0xE2, 0x96, 0x81]
}
