import Boundary
import GGUF
import Llama
import QuantKernels
import TestSupport
import Testing

@testable import LoRA

@Suite("Several adapters")
struct MixedAdaptersTests {
  let model: LlamaModel
  /// Of rank 3, of DoRA, of rank 5 on some projections.
  let adapters: [Adapter]

  init() throws {
    model = try TinyModel(seed: 3).load(.q8_0).model
    let shape = model.configuration
    adapters = [
      GradientTests.adapter(shape),
      GradientTests.adapter(shape, [.query, .attentionOutput, .down], magnitudesOf: model.weights),
      GradientTests.adapter(shape, [.key, .down], rank: 5),
    ]
    // Same seed, so that only signs and sizes tell them apart.
    for part in adapters[2].parts { part.update.scale = -3 }
  }

  func stack(_ places: Int...) -> LowRankUpdates {
    var stack: LowRankUpdates = [:]
    for place in places { stack.merge(adapters[place].updates) { $0 + $1 } }
    return stack
  }

  /// One prompt of 24 tokens for all, so that pages are shared where they may be, and other ones.
  func requests(_ stacks: Int) -> [GenerationRequest] {
    (0..<3 * stacks).map { index in
      let tokens = [1] + (0..<(index < 2 * stacks ? 24 : 5 + index)).map { 3 + $0 * 7 % 40 }
      var request = GenerationRequest(
        tokens: tokens, maxNewTokens: 12,
        options: SamplingOptions(temperature: index < stacks ? 0 : 1),
        stream: RandomStream(seed: 5, "mixed", index))
      request.adapter = index % stacks
      return request
    }
  }

  func run(
    _ requests: [GenerationRequest], _ stacks: [LowRankUpdates], parallel: Int
  ) throws -> [[Int]] {
    var results = requests.map { _ in [Int]() }
    try Generator(model, updates: stacks, parallel: parallel).generate(requests) {
      results[$0] = $1.tokens
    }
    return results
  }

  @Test("a completion's bits depend on its own adapters, not on those of its neighbours")
  func independent() throws {
    let stacks = [[:], stack(0), stack(1), stack(2), stack(0, 2), stack(2, 1)]
    let requests = requests(stacks.count)
    let together = try run(requests, stacks, parallel: 32)
    #expect(try run(requests, stacks, parallel: 3) == together)
    for (index, request) in requests.enumerated() {
      var alone = request
      alone.adapter = 0
      let result = try run([alone], [stacks[request.adapter]], parallel: 1)
      #expect(result == [together[index]], "request \(index)")
    }
    // The greedy ones have the same prompt: what differs is the adapters.
    #expect(Set(together.prefix(stacks.count)).count >= stacks.count - 1)
  }

  @Test("logits of a mixed batch are those of each adapter alone, bit for bit")
  func logits() throws {
    let stacks = [[:], stack(0), stack(1), stack(0, 2), stack(2, 1)]
    let tokens = Array([1] + (0..<11).map { 3 + $0 * 5 % 40 })
    var batch = Batch()
    for (index, _) in stacks.enumerated() {
      batch.add(tokens[...], at: 0, table: [Int32(index)], adapter: index, outputs: 0..<12)
    }
    func store() -> KeyValueStore {
      let shape = model.configuration
      return KeyValueStore(
        layers: shape.layers, kvHeads: shape.kvHeads, headSize: shape.headSize, pages: 5)
    }
    let logits = Matrix(rows: 0, columns: model.weights.output.rows)
    ForwardPass(model, updates: stacks).run(batch, store: store(), logits: logits)
    for (index, stack) in stacks.enumerated() {
      Scorer(model, updates: stack).forEachPosition(of: tokens) { position, alone, row in
        #expect(logits.row(12 * index + position) == alone.row(row), "stack \(index)")
      }
    }
  }

  @Test("stacked updates add up: two on one site are one of both ranks")
  func stacked() throws {
    let (x, y) = (adapters[0], adapters[2])
    let tokens = Array([1] + (0..<11).map { 3 + $0 * 5 % 40 })
    // B of one beside that of the other, scaled to its scale.
    let joined = x.parts.map { part -> Adapter.Part in
      guard let other = y.parts.first(where: { $0.site == part.site }) else { return part }
      let (u, v) = (part.update, other.update)
      let b = Matrix(rows: u.b.rows, columns: u.rank + v.rank)
      for row in 0..<b.rows {
        for (column, value) in (u.b.row(row) + v.b.row(row).map { $0 * v.scale / u.scale })
          .enumerated()
        { b[row, column] = value }
      }
      let rank = Float(u.rank + v.rank)
      return Adapter.Part(
        site: part.site, alpha: u.scale * rank,
        a: Matrix(rows: u.rank + v.rank, columns: u.a.columns, values: u.a.values + v.a.values),
        b: b)
    }
    let one = Adapter(shape: model.configuration, parts: joined)
    let both = Scorer(model, updates: stack(0, 2)).logProbabilities(of: tokens)
    let expected = Scorer(model, updates: one.updates).logProbabilities(of: tokens)
    let first = Scorer(model, updates: stack(0)).logProbabilities(of: tokens)
    func distance(_ other: [Float?]) -> Float {
      zip(both, other).map { abs(($0 ?? 0) - ($1 ?? 0)) }.max() ?? 0
    }
    // The base takes inputs in int8, so a last bit may move one of them by a step.
    #expect(distance(expected) < 0.05 && distance(first) > 0.5)
  }

  @Test("training goes on from another adapter, whatever made it")
  func goesOn() throws {
    for adapter in adapters {
      let start = adapter.onBase(digest: "aa", name: "tiny")
      let before = start.parameterDigest
      var options = TrainingOptions()
      options.epochs = 3
      options.learningRate = 0.01
      let trainer = Trainer(model, start, rows: GradientTests.rows, options: options)
      let first = try trainer.advance().loss
      let last = try trainer.run { _ in true } ? trainer.step : 0
      #expect(last == trainer.steps && first.isFinite)
      #expect(start.parameterDigest != before)
    }
  }
}
