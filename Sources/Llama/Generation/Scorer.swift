public import QuantKernels

/// Log-probabilities of a given text.
public final class Scorer {
  private static let rowsInPass = 256

  private let model: LlamaModel
  private let pass: ForwardPass
  private let cache: KeyValueTypes

  /// - Parameters:
  ///   - model: The weights.
  ///   - updates: An adapter's updates, applied beside the weights.
  public convenience init(_ model: LlamaModel, updates: LowRankUpdates = [:]) {
    self.init(model, updates: updates, checked: .init())
  }

  /// A scorer whose keys and values are stored as `cache` says.
  ///
  /// - Throws: `InputError` when the cache does not take the model's head size.
  public convenience init(
    _ model: LlamaModel, updates: LowRankUpdates = [:], cache: KeyValueTypes
  ) throws {
    try model.configuration.check(cache)
    self.init(model, updates: updates, checked: cache)
  }

  private init(_ model: LlamaModel, updates: LowRankUpdates, checked cache: KeyValueTypes) {
    self.model = model
    self.cache = cache
    pass = ForwardPass(model, updates: [updates])
  }

  /// Runs the tokens through the model and hands out the logits of every position.
  ///
  /// - Parameters:
  ///   - tokens: 1 up to the context length.
  ///   - body: Called for each position in order with the logits and the row that holds that position's.
  public func forEachPosition(
    of tokens: [Int], _ body: (_ position: Int, _ logits: Matrix, _ row: Int) throws -> Void
  ) rethrows {
    precondition(tokens.count <= model.contextLength, "\(tokens.count) tokens do not fit")
    let pages = (tokens.count + KeyValueStore.pageLength - 1) / KeyValueStore.pageLength
    let store = model.makeStore(pages: pages, types: cache)
    let logits = Matrix(rows: 0, columns: model.weights.output.rows)
    for start in stride(from: 0, to: tokens.count, by: Self.rowsInPass) {
      let end = min(start + Self.rowsInPass, tokens.count)
      var batch = Batch()
      batch.add(
        tokens[start..<end], at: start, table: Array(0..<Int32(pages)), outputs: 0..<end - start)
      pass.run(batch, store: store, logits: logits)
      for row in 0..<end - start { try body(start + row, logits, row) }
    }
  }

  /// The natural log-probability of each token given those before it; nil for the first.
  public func logProbabilities(of tokens: [Int]) -> [Float?] {
    var result: [Float?] = [nil]
    forEachPosition(of: tokens) { position, logits, row in
      guard position + 1 < tokens.count else { return }
      result.append(logits[row, tokens[position + 1]] - logSumExp(logits, row: row))
    }
    return result
  }
}
