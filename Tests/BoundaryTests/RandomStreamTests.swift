import Testing

@testable import Boundary

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite("Random streams")
struct RandomStreamTests {
  /// The known answers published with the generator (Random123, kat_vectors, philox4x32 10).
  @Test("Philox gives its published values")
  func knownAnswers() {
    #expect(philox(counter: (0, 0), key: 0) == (0xE169_C58D_6627_E8D5, 0x9B00_DBD8_BC57_AC4C))
    #expect(
      philox(counter: (.max, .max), key: .max) == (0x41C8_3B0E_408F_276D, 0x6D54_51FD_A20B_C7C6))
    #expect(
      philox(
        counter: (0x85A3_08D3_243F_6A88, 0x0370_7344_1319_8A2E), key: 0x299F_31D0_A409_3822)
        == (0x94FD_CCEB_D16C_FE09, 0x2412_6EA1_5001_E420))
  }

  /// Made by this code and compared with a second implementation in Python; they must never
  /// change, or runs of earlier versions cannot be continued.
  @Test("a stream's first values are fixed")
  func fixed() {
    var stream = RandomStream(seed: 42, "sample", 3, -1)
    let values = (0..<3).map { _ in stream.next() }
    #expect(
      values == [
        0xF491_5F5E_073F_5216, 0x4A28_4392_3448_E080, 0x5DDC_C1D4_EC82_6CC8,
      ])
  }

  @Test("seed, purpose and every index make another stream")
  func independent() {
    let streams = [
      RandomStream(seed: 1, "a"), RandomStream(seed: 2, "a"), RandomStream(seed: 1, "b"),
      RandomStream(seed: 1, "a", 0), RandomStream(seed: 1, "a", 1),
      RandomStream(seed: 1, "a", 0, 0),
      RandomStream(seed: 1, "", 1), RandomStream(seed: 1, "", 2),
    ]
    let starts = streams.map { stream in
      var stream = stream
      return stream.next()
    }
    #expect(Set(starts).count == streams.count)
    var again = RandomStream(seed: 1, "a", 0)
    #expect(again.next() == starts[3])
  }

  @Test("uniform numbers fill [0, 1) evenly")
  func uniform() {
    var stream = RandomStream(seed: 1, "uniform")
    var counts = Array(repeating: 0, count: 16)
    for _ in 0..<16_000 {
      let value = stream.uniform()
      #expect(value >= 0 && value < 1)
      counts[Int(value * 16)] += 1
    }
    // Each count is binomial: 1000 with a deviation of 31; five deviations.
    #expect(counts.allSatisfy { abs($0 - 1000) < 155 })
  }

  @Test("normal numbers have the moments of the normal distribution")
  func normal() {
    var stream = RandomStream(seed: 1, "normal")
    let values = (0..<20_000).map { _ in stream.normal() }
    func moment(_ power: Int) -> Double {
      values.reduce(0) { $0 + pow($1, Double(power)) } / Double(values.count)
    }
    // Deviations of the first four sample moments: 0.007, 0.01, 0.027, 0.07; five of each.
    #expect(abs(moment(1)) < 0.035)
    #expect(abs(moment(2) - 1) < 0.05)
    #expect(abs(moment(3)) < 0.14)
    #expect(abs(moment(4) - 3) < 0.35)
  }

  @Test("logarithm and cosine agree with the system's")
  func functions() {
    for step in 1...10_000 {
      let x = Double(step) / 10_000
      let expected = log(x)
      #expect(abs(naturalLogarithm(x) - expected) <= 4e-16 * max(1, -expected))
      let t = x - 1e-4
      #expect(abs(cosineOfTurns(t) - cos(2 * .pi * t)) <= 1e-15)
    }
    // The smallest argument: 1 - the largest uniform number.
    #expect(abs(naturalLogarithm(0x1p-53) - log(0x1p-53)) <= 1e-14)
  }

  @Test("integers below a bound are even, and the bound is never reached")
  func below() {
    var stream = RandomStream(seed: 1, "below")
    var counts = Array(repeating: 0, count: 7)
    for _ in 0..<7000 { counts[stream.below(7)] += 1 }
    #expect(counts.allSatisfy { abs($0 - 1000) < 150 })
    #expect(stream.below(1) == 0)
    #expect((0..<100).allSatisfy { _ in stream.below(.max) < .max })
  }

  @Test("a shuffle keeps the values, and every order of three is as likely")
  func shuffle() {
    var stream = RandomStream(seed: 1, "shuffle")
    var orders: [[Int]: Int] = [:]
    for _ in 0..<6000 {
      var values = [1, 2, 3]
      stream.shuffle(&values)
      orders[values, default: 0] += 1
    }
    #expect(orders.count == 6)
    #expect(orders.values.allSatisfy { abs($0 - 1000) < 150 })
    var none: [Int] = []
    stream.shuffle(&none)
    #expect(none == [])
  }

  @Test("a sample has no value twice")
  func sample() {
    var stream = RandomStream(seed: 1, "sample")
    let sample = stream.sample(5, of: Array(0..<9))
    #expect(Set(sample).count == 5)
    #expect(sample.allSatisfy { (0..<9).contains($0) })
    #expect(Set(stream.sample(9, of: Array(0..<9))) == Set(0..<9))
    #expect(stream.sample(0, of: [1]) == [])
  }
}
