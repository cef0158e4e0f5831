import Boundary
public import Llama
import QuantKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What a model predicts on texts of its own, to compare other models with.
public struct LogitProbe {
  /// How far another model's predictions lie from it.
  public struct Change: Equatable, Sendable {
    /// Tokens after which the next was predicted.
    public let positions: Int
    /// The mean over them of KL(this model ‖ the other), and the largest; nats.
    public let mean: Double
    public let largest: Double
    /// The share of them with the same likeliest token.
    public let sameLikeliest: Double
  }

  private static let texts = 4
  private static let tokens = 32

  private let sequences: [[Int]]
  /// Of every position, one matrix a sequence; `[tokens, vocabulary]`.
  private let logits: [Matrix]

  /// Samples a few texts from a model with its updates; always the same ones.
  ///
  /// - Throws: `InputError` when logits are not finite.
  public init(_ model: LlamaModel, updates: LowRankUpdates = [:]) throws {
    let first = [model.tokenizer.bosID ?? model.tokenizer.vocabularySize / 2]
    let length = min(Self.tokens, model.contextLength - first.count)
    var sequences = [first]
    if length > 0 {
      let requests = (0..<Self.texts).map { index in
        GenerationRequest(
          tokens: first, maxNewTokens: length,
          options: SamplingOptions(temperature: 1, topK: 0, topP: 1, minP: 0),
          stream: RandomStream(seed: 42, "logit probe", index))
      }
      sequences = requests.map(\.tokens)
      try Generator(model, updates: [updates]).generate(requests) { index, completion in
        sequences[index] += completion.tokens
      }
    }
    self.sequences = sequences
    let scorer = Scorer(model, updates: updates)
    logits = sequences.map { Self.logits(of: $0, by: scorer) }
  }

  /// How far a model of the same vocabulary lies from this one.
  public func change(to model: LlamaModel, updates: LowRankUpdates = [:]) -> Change {
    let scorer = Scorer(model, updates: updates)
    var divergences: [Double] = []
    var same = 0
    for (sequence, ours) in zip(sequences, logits) {
      let theirs = Self.logits(of: sequence, by: scorer)
      for row in 0..<ours.rows {
        divergences.append(divergence(ours, theirs, row))
        same += likeliest(ours.row(row)) == likeliest(theirs.row(row)) ? 1 : 0
      }
    }
    let count = Double(divergences.count)
    return Change(
      positions: divergences.count, mean: divergences.reduce(0, +) / count,
      largest: divergences.max() ?? 0, sameLikeliest: Double(same) / count)
  }

  private static func logits(of tokens: [Int], by scorer: Scorer) -> Matrix {
    var all = Matrix(rows: 0, columns: 0)
    scorer.forEachPosition(of: tokens) { position, logits, row in
      if position == 0 { all = Matrix(rows: tokens.count, columns: logits.columns) }
      all.copyRow(position, from: logits, row: row)
    }
    return all
  }

  /// KL(softmax x ‖ softmax y) = Σ p · (log p − log q), which no rounding takes below 0.
  private func divergence(_ x: Matrix, _ y: Matrix, _ row: Int) -> Double {
    let (totalX, totalY) = (logSumExp(x, row: row), logSumExp(y, row: row))
    var sum = 0.0
    for (a, b) in zip(x.row(row), y.row(row)) {
      let (p, q) = (Double(a) - Double(totalX), Double(b) - Double(totalY))
      sum += exp(p) * (p - q)
    }
    return max(0, sum)
  }

  private func likeliest(_ values: [Float]) -> Int {
    values.indices.max { values[$0] < values[$1] || (values[$0] == values[$1] && $0 > $1) } ?? 0
  }
}
