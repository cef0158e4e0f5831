public import Boundary
public import QuantKernels

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
  /// Which of the generator's stacks of updates applies.
  public var adapter = 0
  /// A text that ends the completion, which goes on to the end of the token that completes it; nil for none.
  public var stop: String?

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
    /// The model wrote an end-of-generation token, which is not among the tokens, or the text to stop at, which is.
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
/// pieces beside the sequences that already generate, and pages of equal beginnings are computed once. A sequence that
/// repeats itself is guessed ahead, and the guess checked in one pass: what comes out is the same.
public final class Generator {
  /// Rows of prompts computed in one pass.
  private static let promptRows = 512
  /// The same while sequences generate, which wait for the whole pass: enough rows to keep the products busy.
  private static let promptRowsBesideOthers = 64
  /// Sequences in flight whatever they hold: fewer would read the weights for too few rows.
  private static let leastInFlight = 4
  /// Memory that a last-level cache is taken to hold.
  private static let cacheBytes = 16 << 20
  /// Left free below a ceiling on memory, for what allocator and threads take without being asked.
  private static let overhead = 16 << 20

  private let model: LlamaModel
  private let pass: ForwardPass
  private let parallel: Int
  private let cache: KeyValueTypes
  private let memory: Int?
  private let logits: Matrix
  /// Positions that the sequences in flight may hold before another joins them.
  ///
  /// Every pass reads the weights once, and the keys and values of each sequence: more of these than a cache holds, and
  /// than there are weights, cost more than company saves.
  private let positionsInFlight: Int

  /// - Parameters:
  ///   - model: The weights and the tokenizer.
  ///   - updates: What requests choose from: stacks of updates, applied beside the weights.
  ///   - parallel: Sequences in flight at most; fewer where that is faster.
  ///   - cache: What keys and values are stored as.
  ///   - memory: Bytes that the process may have in all; sequences in flight are fewer where it is short.
  /// - Throws: `InputError` when the cache does not take the model's head size.
  public init(
    _ model: LlamaModel, updates: [LowRankUpdates] = [[:]], parallel: Int = 32,
    cache: KeyValueTypes = .init(), memory: Int? = nil
  ) throws {
    try model.configuration.check(cache)
    self.memory = memory
    self.cache = cache
    self.model = model
    self.parallel = max(1, parallel)
    pass = ForwardPass(model, updates: updates)
    logits = Matrix(rows: 0, columns: model.weights.output.rows)
    let shape = model.configuration
    let pagesInFlight = max(Self.cacheBytes, model.weights.byteCount) / shape.pageBytes(cache)
    positionsInFlight = pagesInFlight * KeyValueStore.pageLength
  }

  /// A sequence whose next tokens a pass decides.
  private struct Decision {
    let slot: Int
    /// The first of its rows among the logits.
    let row: Int
    /// What the rows after the first suppose.
    let guess: ArraySlice<Int>
  }

  /// Generates a completion for each request.
  ///
  /// - Parameters:
  ///   - requests: In the order in which they get slots.
  ///   - progress: Called after each pass with the tokens generated so far; may throw to stop.
  ///   - finished: Called with the index of a request and its completion as each ends.
  /// - Throws: `InputError` when a prompt does not fit the context, the longest sequence not the memory, or logits are
  ///   not finite; what the closures throw.
  public func generate(
    _ requests: [GenerationRequest], progress: (Int) throws -> Void = { _ in },
    finished: (Int, Completion) throws -> Void
  ) throws {
    for request in requests { try check(request) }
    guard !requests.isEmpty else { return }
    let needs = requests.map { pageCount(for: limit(of: $0)) }
    let plan = try MemoryPlan(
      needs: needs, parallel: parallel, ceiling: memory, cost: cost(of: requests))
    let store = model.makeStore(pages: plan.pages, types: cache)
    var pool = PagePool(pages: plan.pages)
    var waiting = 0
    var active: [InFlight] = []
    var generated = 0
    while waiting < requests.count || !active.isEmpty {
      while waiting < requests.count, active.count < plan.parallel,
        hasRoom(active, for: requests[waiting]), pool.reserve(needs[waiting])
      {
        active.append(
          InFlight(
            index: waiting, requests[waiting], limit: limit(of: requests[waiting]),
            vocabularySize: model.tokenizer.vocabularySize, reserved: needs[waiting]))
        waiting += 1
      }
      let (batch, decisions) = schedule(&active, &pool)
      pass.run(batch, store: store, logits: logits)
      var ended: [Int] = []
      for decision in decisions {
        let slot = decision.slot
        let before = active[slot].tokens.count
        let reason = try extend(&active[slot], by: decision)
        generated += active[slot].tokens.count - before
        active[slot].remember(in: &pool)
        if let reason {
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

  private func hasRoom(_ active: [InFlight], for request: GenerationRequest) -> Bool {
    let positions = active.reduce(request.tokens.count) { $0 + $1.tokens.count }
    return active.count < Self.leastInFlight || positions <= positionsInFlight
  }

  /// Chooses the rows of the next pass: the newest token of each generating sequence with a guess of those after it,
  /// then pieces of prompts.
  private func schedule(_ active: inout [InFlight], _ pool: inout PagePool) -> (Batch, [Decision]) {
    var batch = Batch()
    var decisions: [Decision] = []
    var budget =
      active.contains(where: \.isGenerating) ? Self.promptRowsBesideOthers : Self.promptRows
    for slot in active.indices {
      if active[slot].table.isEmpty { active[slot].shareBeginning(from: &pool) }
      let start = active[slot].stored
      let left = active[slot].tokens.count - start
      var rows = active[slot].tokens[start..<start + (left == 1 ? 1 : min(left, budget))]
      guard !rows.isEmpty else { continue }
      if left > 1 { budget -= rows.count }
      active[slot].stored = rows.endIndex
      let decides = rows.endIndex == active[slot].tokens.count
      var guess: ArraySlice<Int> = []
      if decides {
        // The last token that the limit allows is never computed itself.
        let room = active[slot].limit - rows.endIndex - 1
        guess = active[slot].lookup.guess(after: active[slot].tokens, limit: room)
        rows += guess
      }
      while active[slot].table.count * KeyValueStore.pageLength < start + rows.count {
        active[slot].table.append(pool.take())
      }
      if decides {
        decisions.append(Decision(slot: slot, row: batch.outputRows.count, guess: guess))
      }
      batch.add(
        rows, at: start, table: active[slot].table, adapter: active[slot].adapter,
        outputs: decides ? rows.count - 1 - guess.count..<rows.count : 0..<0)
      // Every layer stores the whole batch before it attends, so a later row of this very pass may share.
      active[slot].remember(in: &pool)
    }
    return (batch, decisions)
  }

  /// Samples the next token of a sequence, and those after it as long as they are the ones that were guessed; the
  /// reason when that ends it.
  private func extend(
    _ sequence: inout InFlight, by decision: Decision
  ) throws -> Completion.FinishReason? {
    for offset in 0...decision.guess.count {
      let token = try logits.withRow(decision.row + offset) {
        try sequence.sampler.sample($0, random: &sequence.stream)
      }
      if model.tokenizer.endOfGeneration.contains(token) { return .endOfText }
      sequence.tokens.append(token)
      if try endsWithStop(sequence) { return .endOfText }
      if sequence.tokens.count >= sequence.limit { return .length }
      let guessed = decision.guess.startIndex + offset
      guard guessed < decision.guess.endIndex, decision.guess[guessed] == token else {
        sequence.lookup.note(right: offset, of: decision.guess.count)
        return nil
      }
      sequence.stored += 1
    }
    return nil
  }

  /// Whether the newest token completes the text that the sequence stops at.
  private func endsWithStop(_ sequence: InFlight) throws -> Bool {
    guard let stop = sequence.stop else { return false }
    // Every token but control tokens has a byte, so the text is within as many tokens as it has bytes.
    let start = max(sequence.promptCount, sequence.tokens.count - stop.utf8.count)
    let bytes = try model.tokenizer.bytes(of: Array(sequence.tokens[start...]))
    return bytes.count >= stop.utf8.count
      && bytes.indices.contains { bytes[$0...].starts(with: stop.utf8) }
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

  /// What these requests may take beside what the process has by now.
  private func cost(of requests: [GenerationRequest]) -> MemoryPlan.Cost {
    let prompts = requests.reduce(0) { $0 + $1.tokens.count }
    let (shape, vocabulary) = (model.configuration, model.weights.output.rows)
    return MemoryPlan.Cost(
      present: Processors.memory, page: shape.pageBytes(cache),
      scratch: { sequences in
        let decided = sequences * (1 + PromptLookup.longest)
        let logits = decided * vocabulary * MemoryLayout<Float>.stride
        return Self.overhead + logits
          + ForwardPass.scratchBytes(shape, rows: min(Self.promptRows, prompts) + decided)
      })
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
