/// Which two neighbours join to which token, and which pair goes first.
///
/// Symbols are numbered: a token by its id, then the characters that occur in tokens without being
/// one. Every way to cut a token's text in two symbols is listed once, so that merging compares
/// numbers and never text.
struct MergeTable: Sendable {
  typealias Symbol = Int32

  /// The symbol of a character that occurs in no token; it joins with nothing.
  static let unknown: Symbol = -1

  private let tokenCount: Int
  private let characters: [UInt32: Symbol]
  private let pairs: [UInt64: Symbol]
  /// Place of each token's score among all scores, best first; equal scores share a place.
  private let ranks: [UInt32]

  init(_ vocabulary: Vocabulary) {
    tokenCount = vocabulary.texts.count
    ranks = Self.ranks(of: vocabulary.scores)

    // A control token is no part of the text, whatever the text spells (TOK-18).
    let texts = vocabulary.texts.map { $0[...] }
    let usable = texts.indices.filter {
      switch vocabulary.kinds[$0] {
      case .normal, .userDefined, .unused: !texts[$0].isEmpty
      case .control, .unknown, .byte: false
      }
    }
    var symbols: [ArraySlice<UInt8>: Symbol] = [:]
    for id in usable { symbols[texts[id]] = Symbol(id) }
    var characters: [UInt32: Symbol] = [:]
    for id in usable {
      for character in Characters(texts[id]) {
        let next = Symbol(tokenCount + characters.count)
        let symbol = symbols[texts[id][character]] ?? next
        symbols[texts[id][character]] = symbol
        characters[Characters.code(texts[id][character])] = symbol
      }
    }
    var pairs: [UInt64: Symbol] = [:]
    for id in usable {
      for cut in Characters(texts[id]).map(\.lowerBound).dropFirst() {
        guard let left = symbols[texts[id][..<cut]], let right = symbols[texts[id][cut...]]
        else { continue }
        pairs[Self.key(left, right)] = Symbol(id)
      }
    }
    // A space in the text is spelt U+2581 in the vocabulary, and never itself.
    characters[0x20] = characters[0xE29681]
    self.characters = characters
    self.pairs = pairs
  }

  func symbol(_ character: ArraySlice<UInt8>) -> Symbol {
    characters[Characters.code(character)] ?? Self.unknown
  }

  /// The token that two neighbours join to, and its rank.
  func join(_ left: Symbol, _ right: Symbol) -> (symbol: Symbol, rank: UInt32)? {
    guard left >= 0, right >= 0, let joined = pairs[Self.key(left, right)] else { return nil }
    return (joined, ranks[Int(joined)])
  }

  /// The token that a symbol is, if it is one.
  func token(_ symbol: Symbol) -> Int? {
    (0..<tokenCount).contains(Int(symbol)) ? Int(symbol) : nil
  }

  private static func key(_ left: Symbol, _ right: Symbol) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  private static func ranks(of scores: [Float]) -> [UInt32] {
    var ranks = [UInt32](repeating: 0, count: scores.count)
    var rank: UInt32 = 0
    var previous: Float?
    for id in scores.indices.sorted(by: { scores[$0] > scores[$1] }) {
      if let previous, scores[id] < previous { rank += 1 }
      ranks[id] = rank
      previous = scores[id]
    }
    return ranks
  }
}

/// Cuts bytes into characters by their first byte alone; the last may be short.
///
/// Bytes that are no UTF-8 are cut in the same way, as llama.cpp does; no byte is lost.
struct Characters: Sequence, IteratorProtocol {
  private let bytes: ArraySlice<UInt8>
  private var start: Int

  init(_ bytes: ArraySlice<UInt8>) {
    self.bytes = bytes
    start = bytes.startIndex
  }

  mutating func next() -> Range<Int>? {
    guard start < bytes.endIndex else { return nil }
    let first = bytes[start]
    let length = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4
    let range = start..<Swift.min(start + length, bytes.endIndex)
    start = range.upperBound
    return range
  }

  /// A character as a number; different for every two characters.
  static func code(_ character: ArraySlice<UInt8>) -> UInt32 {
    character.reduce(0) { $0 << 8 | UInt32($1) }
  }
}
