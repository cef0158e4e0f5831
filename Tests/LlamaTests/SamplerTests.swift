import Boundary
import Foundation
import Llama
import QuantKernels
import Testing

@Suite("Sampler")
struct SamplerTests {
  /// Draws `count` tokens, one stream each, and counts them.
  static func counts(
    _ logits: [Float], _ options: SamplingOptions, draws: Int = 20_000, vocabulary: Int? = nil
  ) throws -> [Int] {
    let sampler = Sampler(options, vocabularySize: vocabulary ?? logits.count)
    var counts = [Int](repeating: 0, count: logits.count)
    var random = RandomStream(seed: 42, "sampler")
    for _ in 0..<draws { counts[try sampler.sample(logits.span, random: &random)] += 1 }
    return counts
  }

  /// The distribution by definition: sort, filter, soften, normalise.
  static func distribution(_ logits: [Float], _ options: SamplingOptions) -> [Double] {
    func softmax(_ ids: [Int], _ temperature: Double) -> [Double] {
      let powers = ids.map { exp(Double(logits[$0] - logits[ids[0]]) / temperature) }
      return powers.map { $0 / powers.reduce(0, +) }
    }
    var ids = logits.indices.sorted { (-logits[$0], $0) < (-logits[$1], $1) }
    if options.topK > 0 { ids = Array(ids.prefix(options.topK)) }
    if options.topP < 1 {
      var sum = 0.0
      let probabilities = softmax(ids, 1)
      let count = probabilities.firstIndex {
        sum += $0
        return sum >= options.topP
      }
      ids = Array(ids.prefix((count ?? ids.count - 1) + 1))
    }
    let relative = softmax(ids, 1)
    ids = zip(ids, relative).filter { $1 >= options.minP * relative[0] }.map { $0.0 }
    var result = [Double](repeating: 0, count: logits.count)
    for (id, probability) in zip(ids, softmax(ids, options.temperature)) {
      result[id] = probability
    }
    return result
  }

  static let optionSets: [SamplingOptions] = [
    .init(), .init(temperature: 0.5), .init(temperature: 3), .init(topK: 3), .init(topK: 100),
    .init(topP: 0.6), .init(topP: 0.999), .init(minP: 0.2), .init(minP: 1),
    .init(topP: 0.999, minP: 1),
    .init(temperature: 1.5, topK: 5, topP: 0.8, minP: 0.1), .init(topK: 2, topP: 0.5),
    .init(temperature: 0.8, topK: 40, topP: 0.95, minP: 0.05),
  ]

  @Test("draws from the distribution that the definition gives", arguments: optionSets)
  func distribution(options: SamplingOptions) throws {
    let logits: [Float] = [1, 3, -0.5, 2.5, 0, 3, -7, 1.25]
    let draws = 20_000
    let counts = try Self.counts(logits, options, draws: draws)
    let expected = Self.distribution(logits, options)
    for (count, probability) in zip(counts, expected) {
      // Five standard deviations of a binomial count; exactly none where the filters say so.
      let deviation = (Double(draws) * probability * (1 - probability)).squareRoot()
      #expect(abs(Double(count) - Double(draws) * probability) <= 5 * deviation + 1e-9)
    }
  }

  @Test("NUM-04: temperature 0, top-p 0 and top-k 1 take the most likely, the lowest id on a tie")
  func greedy() throws {
    let logits: [Float] = [-0.0, 0.0, 5, 5, 4.999]
    for options in [SamplingOptions.greedy, .init(topK: 1), .init(topP: 0), .init(topP: 1e-9)] {
      #expect(try Self.counts(logits, options, draws: 50) == [0, 0, 50, 0, 0])
    }
    #expect(try Self.counts([-0.0, 0.0], .greedy, draws: 5) == [5, 0])
    #expect(try Self.counts([0.0, -0.0], .init(topP: 0.4), draws: 5) == [5, 0])
    #expect(try Self.counts([-0.0, 0.0], .init(topP: 0.4), draws: 5) == [5, 0])
  }

  @Test("NUM-04: a tiny temperature and hopeless tokens leave the best one")
  func extremes() throws {
    let largest = Float.greatestFiniteMagnitude
    #expect(try Self.counts([1, 1.5, 1], .init(temperature: 1e-300), draws: 9) == [0, 9, 0])
    #expect(try Self.counts([-largest, largest, 0], .init(), draws: 9) == [0, 9, 0])
    #expect(try Self.counts([-largest, -largest], .init(topP: 0.1), draws: 9) == [9, 0])
    #expect(try Self.counts([3], .init(temperature: 2, topK: 4), draws: 9) == [9])
    // The first of two halves reaches a sum of one half.
    #expect(try Self.counts([1, 1], .init(topP: 0.5), draws: 9) == [9, 0])
  }

  @Test("NUM-03: a logit that is not finite is never sampled from")
  func notFinite() throws {
    for bad in [Float.nan, .infinity, -.infinity] {
      for options in [SamplingOptions.greedy, .init(), .init(topK: 1)] {
        let error = #expect(throws: InputError.self) {
          try Self.counts([0, 1, bad, 2], options, draws: 1)
        }
        #expect(error?.rule.code == "NUM-03" && error?.place.index == 2)
      }
    }
  }

  @Test("a padded id is never drawn, whatever its logit", arguments: optionSets + [.greedy])
  func padding(options: SamplingOptions) throws {
    let counts = try Self.counts([0, 1, 90, .nan], options, draws: 500, vocabulary: 2)
    #expect(counts[2] == 0 && counts[3] == 0)
  }

  // The definition's running sum over a vocabulary of several blocks, the last not full, at numbers well inside a
  // token's share.
  @Test("without filters the token is the one whose share of the sum the number falls into")
  func shares() throws {
    var random = RandomStream(seed: 8, "logits")
    let logits = (0..<1300).map { _ in Float(3 * random.normal()) }
    for (temperature, least) in [(1.0, -Float.infinity), (0.7, -Float.infinity), (1.0, 4)] {
      let top = try #require(logits.max())
      let terms = logits.map { $0 < least ? 0 : exp(Double($0 - top) / temperature) }
      let whole = terms.reduce(0, +)
      var before = 0.0
      for (id, term) in terms.enumerated() {
        if term > 1e-3 * whole {
          for set in Kernels.available {
            let drawn = Kernels.with(set) {
              drawFromSoftmax(
                logits.span, top: top, scale: Float(1 / temperature), least: least,
                number: (before + term / 2) / whole)
            }
            #expect(drawn == id)
          }
        }
        before += term
      }
    }
  }

  @Test("one draw takes one number of the stream, so equal streams give equal tokens")
  func oneNumber() throws {
    let logits = (0..<500).map { Float($0 * 7919 % 500) / 100 }
    for options in Self.optionSets {
      let sampler = Sampler(options, vocabularySize: 500)
      var random = RandomStream(seed: 1, "a", 2)
      var twin = random
      let first = try sampler.sample(logits.span, random: &random)
      _ = twin.uniform()
      #expect(random.next() == twin.next())
      var again = RandomStream(seed: 1, "a", 2)
      #expect(try sampler.sample(logits.span, random: &again) == first)
    }
  }
}
