/// Finds spellings of special tokens in a text, before anything else looks at it.
///
/// As in llama.cpp a longer spelling wins over a shorter one wherever both could be, even when the
/// shorter one starts earlier; of equal ones the earlier wins.
struct SpecialTokens: Sendable {
  struct Token: Sendable {
    let id: Int
    let spelling: [UInt8]
    /// A user-defined token is found always, the others only when asked for.
    let isUserDefined: Bool
    /// Whether white space behind it belongs to it (Phi-3).
    let takesSpaceBehind: Bool
  }

  /// One part of a text: ordinary bytes, or a special token.
  enum Part: Equatable {
    case text(Range<Int>)
    case token(Int)
  }

  /// Longest spelling first, then lowest id.
  private let tokens: [Token]
  /// Indices into `tokens` by the first byte of the spelling.
  private let byFirstByte: [[Int]]

  /// - Precondition: No spelling is empty.
  init(_ unordered: [Token]) {
    let tokens = unordered.sorted {
      ($1.spelling.count, $0.id) < ($0.spelling.count, $1.id)
    }
    var byFirstByte = [[Int]](repeating: [], count: 256)
    for (index, token) in tokens.enumerated() {
      byFirstByte[Int(token.spelling[0])].append(index)
    }
    self.tokens = tokens
    self.byFirstByte = byFirstByte
  }

  /// Cuts a text into ordinary bytes and special tokens, in order.
  func parts(of text: [UInt8], parsingSpecial: Bool) -> [Part] {
    var parts: [Part] = []
    var end = 0
    for match in matches(in: text, parsingSpecial: parsingSpecial) {
      if match.range.lowerBound > end { parts.append(.text(end..<match.range.lowerBound)) }
      parts.append(.token(match.id))
      end = match.range.upperBound
    }
    if end < text.count { parts.append(.text(end..<text.count)) }
    return parts
  }

  /// The matches that stand, by position; a range includes the white space that goes with it.
  private func matches(
    in text: [UInt8], parsingSpecial: Bool
  ) -> [(range: Range<Int>, id: Int)] {
    var found: [(token: Int, start: Int)] = []
    for start in text.indices {
      for index in byFirstByte[Int(text[start])] {
        let token = tokens[index]
        guard parsingSpecial || token.isUserDefined else { continue }
        if text[start...].starts(with: token.spelling) { found.append((index, start)) }
      }
    }
    if found.isEmpty { return [] }

    found.sort { $0 < $1 }
    var taken = [Bool](repeating: false, count: text.count)
    var standing: [(range: Range<Int>, id: Int)] = []
    for (index, start) in found {
      let token = tokens[index]
      var end = start + token.spelling.count
      // What was taken before is at least as long, so it covers an end of this one or none of it.
      if taken[start] || taken[end - 1] { continue }
      if token.takesSpaceBehind {
        while end < text.count, !taken[end], Self.isSpace(text[end]) { end += 1 }
      }
      for position in start..<end { taken[position] = true }
      standing.append((start..<end, token.id))
    }
    return standing.sorted { $0.range.lowerBound < $1.range.lowerBound }
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0D).contains(byte)
  }
}
