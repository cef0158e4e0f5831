import Boundary
import Foundation
import Llama
import QuantKernels
import TestSupport
import Testing

@Suite("Types of the cache in a model")
struct CacheTypesTests {
  /// Its heads have 32 numbers.
  static let model = SharedData.shippedModel
  static let text = """
    Q: ((3 + 4 * 2) * (1 - 5 + 2)) =
    Answer: Let's think step by step.
    (1) This equation can be written as "A * B", where A = (3 + 4 * 2) and B = (1 - 5 + 2).
    (2) Let's calculate A = (3 + 4 * 2) = (3 + 8) = 11.
    (3) Let's calculate B = (1 - 5 + 2) = (-4 + 2) = -2.
    (4) Then, the final equation is A * B = 11 * -2 = -22.
    (Final response) So the answer is -22.
    """

  /// The natural logarithms of the probabilities of every token at every position.
  static func logProbabilities(_ model: LlamaModel, _ cache: KeyValueTypes) throws -> [[Double]] {
    let tokens = model.tokenizer.encode(text, addingBOS: true, parsingSpecial: false)
    var rows: [[Double]] = []
    try Scorer(model, cache: cache).forEachPosition(of: tokens) { _, logits, row in
      let total = logSumExp(logits, row: row)
      rows.append(logits.row(row).map { Double($0 - total) })
    }
    return rows
  }

  /// Mean over the positions of the Kullback-Leibler divergence from the distributions of an F32 cache; nats.
  static func divergence(_ model: LlamaModel, _ cache: KeyValueTypes) throws -> Double {
    let exact = try logProbabilities(model, .init(key: .f32, value: .f32))
    let other = try logProbabilities(model, cache)
    let sum = zip(exact, other).reduce(0.0) { sum, rows in
      zip(rows.0, rows.1).reduce(sum) { $0 + exp($1.0) * ($1.0 - $1.1) }
    }
    return sum / Double(exact.count)
  }

  /// `scripts/check-cache-types` compares with llama.cpp.
  ///
  /// Products with int8 inputs turn the least change into one of about 0.0001 nats, whatever the cache.
  @Test("F16 and Q8_0 caches change distributions by less than 0.0005 nats")
  func quality() throws {
    let model = try LlamaModel(Self.model)
    let half = try Self.divergence(model, .init(key: .f16, value: .f16))
    let eight = try Self.divergence(model, .init(key: .q8_0, value: .q8_0))
    #expect(half > 0 && half < 5e-4 && eight > 0 && eight < 5e-4, "\(half) and \(eight)")
  }

  @Test("completions from a Q8_0 cache do not depend on neighbours, slots or threads")
  func independent() throws {
    let model = try LlamaModel(Self.model)
    let requests = (0..<6).map { index in
      GenerationRequest(
        tokens: model.tokenizer.encode(
          String(Self.text.prefix(40 + 17 * index)), addingBOS: true, parsingSpecial: false),
        maxNewTokens: 30, options: SamplingOptions(temperature: 1),
        stream: RandomStream(seed: 5, "cache", index))
    }
    func run(parallel: Int, threads: Int) throws -> [Int: [Int]] {
      try Kernels.with(threads: threads) {
        var results: [Int: [Int]] = [:]
        let cache = KeyValueTypes(key: .q8_0, value: .q8_0)
        try Generator(model, parallel: parallel, cache: cache).generate(requests) {
          results[$0] = $1.tokens
        }
        return results
      }
    }
    let together = try run(parallel: 32, threads: 2)
    for (parallel, threads) in [(1, 1), (2, 3)] {
      let other = try run(parallel: parallel, threads: threads)
      #expect(other == together)
    }
  }

  @Test(
    "GGUF-M16: a Q8_0 cache for heads that are no multiple of 32",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
  func headSize() throws {
    let model = try LlamaModel(SharedData.url("models/stories260K.gguf"))
    for cache in [KeyValueTypes(key: .q8_0, value: .f16), .init(key: .f32, value: .q8_0)] {
      let error = #expect(throws: InputError.self) { try Generator(model, cache: cache) }
      #expect(error?.rule.code == "GGUF-M16" && error?.exit == .mismatch)
    }
  }
}
