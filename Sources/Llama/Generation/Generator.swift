public import Boundary
import QuantKernels

/// One completion that is wanted.
public struct GenerationRequest: Sendable {
  /// The prompt's ids, at least one.
  public var tokens: [Int]
  /// At most this many new tokens.
  public var maxNewTokens: Int
  public var options: SamplingOptions
  /// Where the sampler's random numbers come from; name it by seed, prompt and sample, so that a completion never
  /// depends on its neighbours.
  public var stream: RandomStream

  public init(
    tokens: [Int], maxNewTokens: Int, options: SamplingOptions, stream: RandomStream
  ) {
    self.tokens = tokens
    self.maxNewTokens = maxNewTokens
    self.options = options
    self.stream = stream
  }
}

/// What came of a request.
public struct Completion: Equatable, Sendable {
  public enum FinishReason: String, Sendable {
    /// The model wrote an end-of-generation token, which is not among the tokens.
    case endOfText = "stop"
    /// The limit of new tokens, or the end of the context, was reached.
    case length
  }

  /// The new ids.
  public let tokens: [Int]
  public let text: String
  public let finishReason: FinishReason
}

extension InputError.Rule {
  static let promptFits = Self("GGUF-M13", exit: .mismatch)
}

/// Generates many completions at once.
///
/// Up to `parallel` sequences are in flight; a slot is filled again as soon as its sequence ends. Prompts are computed in
/// pieces beside the sequences that already generate, and pages of equal beginnings are computed once.
public final class Generator {
  /// Rows of prompts computed in one pass beside the generating sequences.
  private static let promptRows = 512

  private let model: LlamaModel
  private let pass: ForwardPass
  private let parallel: Int
  private let logits: Matrix

  /// - Parameters:
  ///   - model: The weights and the tokenizer.
  ///   - updates: An adapter's updates, applied beside the weights.
  ///   - parallel: Sequences in flight.
  public init(_ model: LlamaModel, updates: LowRankUpdates = [:], parallel: Int = 32) {
    self.model = model
    self.parallel = max(1, parallel)
    pass = ForwardPass(model, updates: updates)
    logits = Matrix(rows: 0, columns: model.weights.output.rows)
  }

  /// A sequence in flight.
  private struct InFlight {
    let index: Int
    /// The prompt and what has been generated.
    var tokens: [Int]
    let promptCount: Int
    let limit: Int
    let sampler: Sampler
    var stream: RandomStream
    /// Tokens whose keys and values are stored.
    var stored = 0
    var table: [Int32] = []
    let reserved: Int
  }

  /// Generates a completion for each request.
  ///
  /// - Parameters:
  ///   - requests: In the order in which they get slots.
  ///   - progress: Called after each pass with the tokens generated so far; may throw to stop.
  ///   - finished: Called with the index of a request and its completion as each ends.
  /// - Throws: `InputError` when a prompt does not fit the context, or logits are not finite; what the closures throw.
  public func generate(
    _ requests: [GenerationRequest], progress: (Int) throws -> Void = { _ in },
    finished: (Int, Completion) throws -> Void
  ) throws {
    for request in requests { try check(request) }
    let needs = requests.map { pageCount(for: limit(of: $0)) }
    // The widest sequences at once, and as much again to remember beginnings in.
    let pages = 2 * needs.sorted(by: >).prefix(self.parallel).reduce(0, +)
    let store = model.makeStore(pages: pages)
    var pool = PagePool(pages: pages)
    var waiting = 0
    var active: [InFlight] = []
    var generated = 0
    while waiting < requests.count || !active.isEmpty {
      while active.count < self.parallel, waiting < requests.count, pool.reserve(needs[waiting]) {
        let request = requests[waiting]
        active.append(
          InFlight(
            index: waiting, tokens: request.tokens, promptCount: request.tokens.count,
            limit: limit(of: request),
            sampler: Sampler(request.options, vocabularySize: model.tokenizer.vocabularySize),
            stream: request.stream, reserved: needs[waiting]))
        waiting += 1
      }
      let (batch, ready) = schedule(&active, &pool)
      pass.run(batch, store: store, logits: logits)
      var ended: [Int] = []
      for (row, slot) in ready.enumerated() {
        generated += 1
        if let reason = try extend(&active[slot], row: row) {
          try finished(active[slot].index, try completion(of: active[slot], reason))
          pool.release(active[slot].table)
          pool.unreserve(active[slot].reserved)
          ended.append(slot)
        }
      }
      for slot in ended.reversed() { active.remove(at: slot) }
      try progress(generated)
    }
  }

  /// Chooses the rows of the next pass: the newest token of each generating sequence, then pieces of prompts.
  ///
  /// - Returns: The batch, and the slots whose next token it decides, in the order of the logits.
  private func schedule(_ active: inout [InFlight], _ pool: inout PagePool) -> (Batch, [Int]) {
    var batch = Batch()
    var ready: [Int] = []
    var budget = Self.promptRows
    for slot in active.indices {
      if active[slot].stored == 0, active[slot].table.isEmpty {
        // At least the last token of the prompt is computed, for its logits.
        active[slot].table = pool.shareBeginning(of: active[slot].tokens.dropLast())
        active[slot].stored = active[slot].table.count * KeyValueStore.pageLength
      }
      let start = active[slot].stored
      let left = active[slot].tokens.count - start
      let rows = left == 1 ? 1 : min(left, budget)
      guard rows > 0 else { continue }
      if left > 1 { budget -= rows }
      let end = start + rows
      while active[slot].table.count * KeyValueStore.pageLength < end {
        active[slot].table.append(pool.take())
      }
      let decides = end == active[slot].tokens.count
      batch.add(
        active[slot].tokens[start..<end], at: start, table: active[slot].table,
        outputs: decides ? [rows - 1] : [])
      if decides { ready.append(slot) }
      active[slot].stored = end
      // Every layer stores the whole batch before it attends, so a later row of this very pass may share.
      let length = KeyValueStore.pageLength
      for page in start / length..<end / length {
        pool.remember(
          active[slot].table[...page],
          tokens: active[slot].tokens[page * length..<(page + 1) * length])
      }
    }
    return (batch, ready)
  }

  /// Samples the next token of a sequence; the reason when that ends it.
  private func extend(_ sequence: inout InFlight, row: Int) throws -> Completion.FinishReason? {
    let token = try logits.withRow(row) {
      try sequence.sampler.sample($0, random: &sequence.stream)
    }
    if model.tokenizer.endOfGeneration.contains(token) { return .endOfText }
    sequence.tokens.append(token)
    return sequence.tokens.count >= sequence.limit ? .length : nil
  }

  private func completion(
    of sequence: InFlight, _ reason: Completion.FinishReason
  ) throws -> Completion {
    let tokens = Array(sequence.tokens[sequence.promptCount...])
    return Completion(
      tokens: tokens, text: try model.tokenizer.decode(tokens), finishReason: reason)
  }

  private func limit(of request: GenerationRequest) -> Int {
    min(model.contextLength, request.tokens.count + request.maxNewTokens)
  }

  private func pageCount(for positions: Int) -> Int {
    (positions + KeyValueStore.pageLength - 1) / KeyValueStore.pageLength
  }

  private func check(_ request: GenerationRequest) throws {
    guard !request.tokens.isEmpty, request.tokens.count < model.contextLength,
      request.maxNewTokens > 0
    else {
      throw InputError(
        .promptFits, at: .init(entry: "prompt"),
        found: "\(request.tokens.count) tokens with \(request.maxNewTokens) new ones",
        allowed: "1 to \(model.contextLength - 1) tokens and at least one new one")
    }
  }
}
