/// Guesses how a sequence goes on: as it did when its last tokens stood there before.
///
/// Source: Saxena 2023, "Prompt Lookup Decoding" (github.com/apoorvumang/prompt-lookup-decoding). A guess changes
/// nothing but speed: what it says is compared with what the model says.
struct PromptLookup {
  /// Tokens that have to agree before a guess; fewer make more guesses, more of them wrong.
  private static let context = 5
  /// Tokens of a guess at most.
  static let longest = 8

  /// Where each run of `context` tokens last ended, the newest token's own excepted.
  private var ends: [UInt64: Int] = [:]
  private var noted = Self.context - 1
  /// Grows while guesses come true.
  private var length = 4

  /// The tokens that may follow, at most `limit`.
  mutating func guess(after tokens: [Int], limit: Int) -> ArraySlice<Int> {
    guard tokens.count > Self.context else { return [] }
    while noted + 1 < tokens.count {
      noted += 1
      ends[Self.key(tokens[noted - Self.context..<noted])] = noted
    }
    guard let end = ends[Self.key(tokens.suffix(Self.context))] else { return [] }
    return tokens[end..<min(end + min(length, limit), tokens.count)]
  }

  /// Learns how many tokens of a guess came true.
  mutating func note(right: Int, of guessed: Int) {
    guard guessed > 0 else { return }
    length = right == guessed ? min(2 * length, Self.longest) : max(1, length / (right > 0 ? 2 : 4))
  }

  /// A mixed number of some tokens; should two runs share one, the guess is wrong, no more.
  private static func key(_ tokens: ArraySlice<Int>) -> UInt64 {
    tokens.reduce(0x9E37_79B9_7F4A_7C15) { ($0 ^ UInt64($1)) &* 0xD6E8_FEB8_6659_FD93 }
  }
}
