public import Boundary
import QuantKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How the next token is chosen from the logits; the defaults keep the model's own distribution.
public struct SamplingOptions: Equatable, Sendable {
  /// Divides the logits; 0 takes the most likely token.
  public var temperature: Double
  /// Keeps this many of the most likely tokens; 0 keeps all.
  public var topK: Int
  /// Keeps the most likely tokens until their probabilities reach this sum; 1 keeps all.
  public var topP: Double
  /// Keeps tokens at least this likely relative to the most likely one; 0 keeps all.
  public var minP: Double

  /// Options that change nothing but what is named.
  public init(temperature: Double = 1, topK: Int = 0, topP: Double = 1, minP: Double = 0) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
  }

  /// Always the most likely token.
  public static let greedy = Self(temperature: 0)
}

extension InputError.Rule {
  static let logitsFinite = Self("NUM-03", exit: .diverged)
}

/// Draws tokens from logits: top-k, then top-p, then min-p, then the temperature.
///
/// The filters look at the distribution before the temperature, as llama.cpp's do. At least one token
/// passes each of them. What is drawn depends on the logits and one number of the stream alone.
public struct Sampler: Sendable {
  private let options: SamplingOptions
  private let vocabularySize: Int

  /// A sampler that never draws an id of `vocabularySize` or above, which are padding.
  public init(_ options: SamplingOptions, vocabularySize: Int) {
    self.options = options
    self.vocabularySize = vocabularySize
  }

  /// The next token.
  ///
  /// - Parameters:
  ///   - logits: One row of the model's output, padding included; `[rows of the output matrix]`.
  ///   - random: Gives one number, or none when the choice is the most likely token.
  /// - Returns: An id below the vocabulary's size.
  /// - Throws: `InputError` NUM-03 when a logit is not finite.
  public func sample(_ logits: Span<Float>, random: inout RandomStream) throws -> Int {
    let logits = logits.extracting(first: vocabularySize)
    let best = try Self.mostLikely(logits)
    if options.temperature == 0 || options.topK == 1 || options.topP == 0 { return best }

    let least = options.minP > 0 ? logits[best] + Float(log(options.minP)) : -.infinity
    guard limitsCount(logits) || options.topP < 1 else {
      // A temperature next to 0 keeps a scale that 0 can be multiplied by.
      let scale = min(Float(1 / options.temperature), .greatestFiniteMagnitude)
      // Nothing is drawn only when rounding leaves a rest.
      return drawFromSoftmax(
        logits, top: logits[best], scale: scale, least: least, number: random.uniform()) ?? best
    }
    let candidates = candidates(logits, best: logits[best], least: least)
    let top = Double(logits[best])
    let weights = candidates.map { exp((Double(logits[$0]) - top) / options.temperature) }
    var rest = random.uniform() * weights.reduce(0, +)
    for (id, weight) in zip(candidates, weights) {
      rest -= weight
      if rest < 0 { return id }
    }
    return best  // Only when rounding leaves a rest.
  }

  /// The most likely token, the lowest id on a tie.
  ///
  /// - Throws: `InputError` NUM-03 when a logit is not finite.
  public static func mostLikely(_ logits: Span<Float>) throws -> Int {
    var best = 0
    for id in logits.indices {
      guard logits[id].isFinite else {
        throw InputError(
          .logitsFinite, at: .init(entry: "token \(id)", index: id), found: "logit \(logits[id])",
          allowed: "finite")
      }
      if logits[id] > logits[best] { best = id }
    }
    return best
  }

  private func limitsCount(_ logits: Span<Float>) -> Bool {
    (1..<logits.count).contains(options.topK)
  }

  /// The ids that pass the filters, most likely first.
  private func candidates(_ logits: Span<Float>, best: Float, least: Float) -> [Int] {
    var ranking =
      limitsCount(logits) ? Ranking(logits, first: options.topK) : Ranking(logits)
    let enough = options.topP < 1 ? options.topP * ranking.mass(relativeTo: best) : .infinity
    var mass = 0.0
    var kept: [Int] = []
    while mass < enough, let (id, logit) = ranking.popFirst(), logit >= least {
      kept.append(id)
      mass += exp(Double(logit) - Double(best))
    }
    return kept
  }
}

/// Tokens from the most to the least likely, the lower id first on a tie; sorted only as far as
/// it is read.
private struct Ranking {
  /// Keys: the logit's bits turned so that larger logits are smaller numbers, then the id.
  private var heap: MinimumHeap

  init(_ logits: Span<Float>) {
    var keys: [UInt64] = []
    keys.reserveCapacity(logits.count)
    for id in logits.indices { keys.append(Self.key(id, logits[id])) }
    heap = MinimumHeap(keys)
  }

  /// The ranking of the `count` most likely alone.
  init(_ logits: Span<Float>, first count: Int) {
    // Complements, so that the least likely of those kept is on top.
    var kept = MinimumHeap()
    for id in logits.indices {
      let key = ~Self.key(id, logits[id])
      if kept.keys.count == count {
        guard key > kept.keys[0] else { continue }
        _ = kept.popFirst()
      }
      kept.insert(key)
    }
    heap = MinimumHeap(kept.keys.map { ~$0 })
  }

  private static func key(_ id: Int, _ logit: Float) -> UInt64 {
    let bits = (logit + 0).bitPattern  // -0 becomes 0.
    let descending = bits >> 31 == 1 ? bits : ~(bits | 1 << 31)
    return UInt64(descending) << 32 | UInt64(id)
  }

  mutating func popFirst() -> (id: Int, logit: Float)? {
    heap.popFirst().map { (Int($0 & 0xFFFF_FFFF), Self.logit($0)) }
  }

  /// The sum of exp(logit - best) over all that is left.
  func mass(relativeTo best: Float) -> Double {
    heap.keys.reduce(0) { $0 + exp(Double(Self.logit($1)) - Double(best)) }
  }

  private static func logit(_ key: UInt64) -> Float {
    let descending = UInt32(key >> 32)
    return Float(bitPattern: descending >> 31 == 1 ? descending : ~descending & 0x7FFF_FFFF)
  }
}
