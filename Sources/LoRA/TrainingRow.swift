import Boundary
public import Llama

/// A piece of a row's text and the loss weight of its tokens; 0 masks them.
public struct TextSegment: Equatable, Sendable {
  public let text: String
  public let weight: Float

  public init(_ text: String, weight: Float) {
    self.text = text
    self.weight = weight
  }
}

/// One sequence to train on, with the loss weight of every token.
public struct TrainingRow: Equatable, Sendable {
  /// Named in errors.
  public let id: String
  public let tokens: [Int]
  /// What the cross-entropy of predicting each token is multiplied by; 0 masks it.
  ///
  /// The first is 0, for nothing comes before it.
  public let weights: [Float]

  /// - Precondition: One weight a token, none negative.
  public init(id: String, tokens: [Int], weights: [Float]) {
    precondition(tokens.count == weights.count && weights.allSatisfy { $0 >= 0 && $0.isFinite })
    self.id = id
    self.tokens = tokens
    self.weights = [0] + weights.dropFirst()
  }

  /// Turns segments into tokens: the whole text at once, so that a border changes no token.
  ///
  /// A token takes the weight of the segment in which its first byte lies. BOS, where the tokenizer
  /// wants it, has weight 0; one EOS ends the row, with the last segment's weight.
  ///
  /// - Throws: `InputError` DS-17 when the tokens do not spell the text.
  public init(id: String, segments: [TextSegment], tokenizer: some Tokenizer) throws {
    let text = segments.flatMap { Array($0.text.utf8) }
    let ids = tokenizer.encode(text, addingBOS: false, parsingSpecial: false)
    let lengths = ids.map { tokenizer.bytes(of: $0).count }
    let excess = lengths.reduce(0, +) - text.count
    guard excess == 0 || (excess == 1 && tokenizer.addsSpacePrefix) else {
      throw InputError(
        .rowTextExact, at: .init(entry: "row \"\(id)\""),
        found: "the tokens' \(text.count + excess) bytes", allowed: "the text's \(text.count)",
        hints: ["the vocabulary has no token for some of its characters"])
    }

    // The end of each segment in bytes; a space that the tokenizer puts in front counts as byte -1.
    let ends = segments.reduce(into: [Int]()) { $0.append(($0.last ?? 0) + $1.text.utf8.count) }
    var weights: [Float] = []
    var (at, segment) = (-excess, 0)
    for length in lengths {
      while segment < ends.count - 1 && ends[segment] <= max(at, 0) { segment += 1 }
      weights.append(segments[segment].weight)
      at += length
    }
    var tokens = ids
    if tokenizer.addsBOS, let bos = tokenizer.bosID {
      tokens.insert(bos, at: 0)
      weights.insert(0, at: 0)
    }
    if let eos = tokenizer.eosID {
      tokens.append(eos)
      weights.append(segments.last?.weight ?? 0)
    }
    self.init(id: id, tokens: tokens, weights: weights)
  }

  /// Tokens whose prediction is trained on.
  public var targetCount: Int { weights.count { $0 != 0 } }

  /// The row's first tokens.
  public func cut(to count: Int) -> TrainingRow {
    TrainingRow(
      id: id, tokens: Array(tokens.prefix(count)), weights: Array(weights.prefix(count)))
  }
}

extension InputError.Rule {
  static let rowTextExact = Self("DS-17", exit: .malformedFile)
}
