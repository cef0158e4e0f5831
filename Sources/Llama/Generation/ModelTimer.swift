public import QuantKernels

/// Times the passes of a model over tokens of no meaning; speed does not depend on which they are.
public final class ModelTimer {
  private let model: LlamaModel
  private let pass: ForwardPass
  private let logits: Matrix
  private let cache: KeyValueTypes

  /// - Parameters:
  ///   - model: What is timed.
  ///   - cache: What keys and values are stored as.
  /// - Throws: `InputError` when the cache does not take the model's head size.
  public init(_ model: LlamaModel, cache: KeyValueTypes) throws {
    try model.configuration.check(cache)
    self.model = model
    self.cache = cache
    pass = ForwardPass(model)
    logits = Matrix(rows: 0, columns: model.weights.output.rows)
  }

  /// Seconds for a prompt of so many tokens, with the logits of its last.
  ///
  /// The first meets new memory.
  public func prefill(_ tokens: Int) -> Double {
    let sequences = Sequences(model, cache, count: 1, prefix: 0, tokens: tokens)
    return seconds { run(sequences.prompt(0..<tokens), sequences) }
  }

  /// Times one token after another, in so many sequences at once.
  ///
  /// - Parameters:
  ///   - tokens: New ones of each sequence.
  ///   - count: Sequences that go on at once.
  ///   - prefix: Tokens before, which all sequences share; not timed.
  /// - Returns: Seconds for all of them.
  public func decode(_ tokens: Int, sequences count: Int = 1, prefix: Int = 0) -> Double {
    let sequences = Sequences(model, cache, count: count, prefix: prefix, tokens: tokens)
    if prefix > 0 { run(sequences.prompt(0..<prefix), sequences) }
    return seconds {
      for position in prefix..<prefix + tokens { run(sequences.step(at: position), sequences) }
    }
  }

  private func run(_ batch: Batch, _ sequences: Sequences) {
    pass.run(batch, store: sequences.store, logits: logits)
  }

  private func seconds(_ body: () -> Void) -> Double {
    let start = ContinuousClock.now
    body()
    return (ContinuousClock.now - start) / .seconds(1)
  }
}

/// Sequences that share the pages of a prefix and go on in pages of their own.
private struct Sequences {
  let store: KeyValueStore
  private let tables: [[Int32]]
  private let vocabularySize: Int

  init(_ model: LlamaModel, _ cache: KeyValueTypes, count: Int, prefix: Int, tokens: Int) {
    let length = KeyValueStore.pageLength
    // Whole pages alone are shared; the page in which the prefix ends belongs to the first sequence.
    let shared = prefix / length
    let own = (prefix + tokens + length - 1) / length - shared
    store = model.makeStore(pages: shared + count * own, types: cache)
    // Generation keeps its store; what the system takes for new memory is no part of a pass.
    store.makeResident()
    tables = (0..<count).map { sequence in
      (0..<shared).map(Int32.init) + (0..<own).map { Int32(shared + sequence * own + $0) }
    }
    vocabularySize = model.tokenizer.vocabularySize
  }

  /// Consecutive tokens of the first sequence.
  func prompt(_ positions: Range<Int>) -> Batch {
    var batch = Batch()
    batch.add(
      positions.map(token)[...], at: positions.lowerBound, table: tables[0],
      outputs: [positions.count - 1])
    return batch
  }

  /// One token of every sequence.
  func step(at position: Int) -> Batch {
    var batch = Batch()
    for (sequence, table) in tables.enumerated() {
      batch.add([token(position + sequence)], at: position, table: table, outputs: [0])
    }
    return batch
  }

  private func token(_ number: Int) -> Int { number * 7919 % vocabularySize }
}
