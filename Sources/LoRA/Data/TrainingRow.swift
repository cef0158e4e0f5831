import Boundary
public import Llama

/// A piece of a row's text and the loss weight of its tokens; 0 masks them.
public struct TextSegment: Equatable, Sendable {
  public let text: String
  public let weight: Float
  /// Whether the text is a control token's spelling and becomes that token, where the vocabulary has it.
  public let isControl: Bool

  public init(_ text: String, weight: Float, isControl: Bool = false) {
    self.text = text
    self.weight = weight
    self.isControl = isControl
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

  /// Turns segments into tokens: the text between control tokens at once, so that a border changes no token.
  ///
  /// A token takes the weight of the segment in which its first byte lies. BOS, where the tokenizer
  /// wants it, has weight 0.
  ///
  /// - Parameters:
  ///   - id: Named in errors.
  ///   - segments: The row's text.
  ///   - tokenizer: The model's.
  ///   - addsEOS: Whether one EOS ends the row, with the last segment's weight.
  /// - Throws: `InputError` DS-17 when the tokens do not spell the text.
  public init(
    id: String, segments: [TextSegment], tokenizer: some Tokenizer, addsEOS: Bool = true
  ) throws {
    var row = RowWriter(id: id, tokenizer: tokenizer)
    if tokenizer.addsBOS, let bos = tokenizer.bosID { row.add(bos, weight: 0) }
    for segment in segments {
      if segment.isControl, let token = tokenizer.controlToken(spelt: segment.text) {
        try row.endRun()
        row.add(token, weight: segment.weight)
      } else {
        row.run.append(segment)
      }
    }
    try row.endRun()
    if addsEOS, let eos = tokenizer.eosID { row.add(eos, weight: segments.last?.weight ?? 0) }
    self.init(id: id, tokens: row.tokens, weights: row.weights)
  }

  /// Tokens whose prediction is trained on.
  public var targetCount: Int { weights.count { $0 != 0 } }

  /// Whether the row teaches where to stop: its last token that is trained on ends a text or a turn.
  public func teachesEnd(_ tokenizer: some Tokenizer) -> Bool {
    guard let last = weights.lastIndex(where: { $0 != 0 }) else { return false }
    return tokens[last] == tokenizer.eosID || tokenizer.endOfGeneration.contains(tokens[last])
  }

  /// The row with all weights multiplied.
  public func scaled(by factor: Float) -> TrainingRow {
    TrainingRow(id: id, tokens: tokens, weights: weights.map { $0 * factor })
  }

  /// The row's first tokens.
  public func cut(to count: Int) -> TrainingRow {
    TrainingRow(
      id: id, tokens: Array(tokens.prefix(count)), weights: Array(weights.prefix(count)))
  }
}

/// Collects the tokens of a row, run by run: a run is the text between control tokens.
private struct RowWriter<T: Tokenizer> {
  let id: String
  let tokenizer: T
  var run: [TextSegment] = []
  private(set) var tokens: [Int] = []
  private(set) var weights: [Float] = []

  init(id: String, tokenizer: T) { (self.id, self.tokenizer) = (id, tokenizer) }

  mutating func add(_ token: Int, weight: Float) {
    tokens.append(token)
    weights.append(weight)
  }

  mutating func endRun() throws {
    defer { run = [] }
    let text = run.flatMap { Array($0.text.utf8) }
    guard !text.isEmpty else { return }
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
    let ends = run.reduce(into: [Int]()) { $0.append(($0.last ?? 0) + $1.text.utf8.count) }
    var (at, segment) = (-excess, 0)
    for (token, length) in zip(ids, lengths) {
      while segment < ends.count - 1 && ends[segment] <= max(at, 0) { segment += 1 }
      add(token, weight: run[segment].weight)
      at += length
    }
  }
}

extension InputError.Rule {
  static let rowTextExact = Self("DS-17", exit: .malformedFile)
}
