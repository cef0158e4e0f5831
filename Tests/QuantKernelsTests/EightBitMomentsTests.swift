import Boundary
import Foundation
import Testing

@testable import QuantKernels

/// `eight_bit_moments.json` has what bitsandbytes makes; `scripts/make_eight_bit_moments.py` asks it.
@Suite("AdamW's moments in 8 bits")
struct EightBitMomentsTests {
  let reference: JSONValue

  init() throws {
    reference = try JSONValue(
      parsing: Files.readText(
        #filePath.replacing("EightBitMomentsTests.swift", with: "eight_bit_moments.json")))
  }

  func floats(_ value: JSONValue?) throws -> [Float] {
    try #require(value?.array).compactMap(\.int).map { Float(bitPattern: UInt32($0)) }
  }

  @Test("the codes stand for bitsandbytes' values within an ulp", arguments: [true, false])
  func values(isSigned: Bool) throws {
    let ours = DynamicCode(isSigned: isSigned).values
    let theirs = try floats(reference[isSigned ? "signed" : "unsigned"])
    #expect(ours.count == 256 && theirs.count == 256)
    // Their powers of ten and middles are rounded to single precision on the way.
    for (a, b) in zip(ours, theirs) { #expect(abs(a - b) <= 4 * b.ulp, "\(a) and \(b)") }
  }

  @Test(
    "a number gets the code of the nearest value, at and around every border",
    arguments: [true, false])
  func nearest(isSigned: Bool) {
    let code = DynamicCode(isSigned: isSigned)
    #expect(code.values == code.values.sorted() && Set(code.values).count == 256)
    var numbers: [Float] = [0, 1, isSigned ? -1 : 0, .leastNonzeroMagnitude, 1e-30]
    for (a, b) in zip(code.values, code.values.dropFirst()) {
      let border = (a + b) / 2
      numbers += [a, border.nextDown, border, border.nextUp]
    }
    var random = RandomStream(seed: 1, "codes")
    for _ in 0..<20_000 {
      let magnitude = Float(exp(-14 * random.uniform()))
      numbers.append(isSigned && random.next() & 1 == 1 ? -magnitude : magnitude)
    }
    for x in numbers where isSigned || x >= 0 {
      let found = code.values[Int(code.code(x))]
      let best = code.values.min { abs($0 - x) < abs($1 - x) } ?? 0
      // Where two are as near, rounding to single precision decides.
      #expect(
        abs(found - x) <= abs(best - x) + max(abs(x), 1e-7) * 1.2e-7, "\(x): \(found), \(best)")
    }
  }

  @Test("blocks have bitsandbytes' codes and scales")
  func blocks() throws {
    // One step from 0 with beta 0 leaves the gradient and its square.
    let numbers = try floats(reference["numbers"])
    let step = AdamWStep(
      step: 1, learningRate: 0, betas: (0, 0), epsilon: 1e-8, weightDecay: 0, clip: 1)
    let moments = EightBitMoments(count: numbers.count)
    let gradient = Matrix(rows: 3, columns: 100, values: numbers)
    step.apply(gradient: gradient, moments: moments, to: Matrix(rows: 3, columns: 100))
    #expect(try moments.first.scales == floats(reference["scales"]))
    #expect(try moments.second.scales == floats(reference["square_scales"]))
    for (ours, key) in [(moments.first, "codes"), (moments.second, "square_codes")] {
      let theirs = try #require(reference[key]?.array).compactMap(\.int)
      // Their division is a multiplication by the inverse: a number at a border may fall to the other side.
      let differences = zip(ours.codes, theirs).map { abs(Int($0) - $1) }
      #expect(differences.count == 300 && differences.allSatisfy { $0 <= 1 })
      #expect(differences.count { $0 == 1 } <= 2)
    }
  }

  @Test("steps are AdamW's on decoded moments")
  func steps() throws {
    let values = Matrix(rows: 3, columns: 100, values: try floats(reference["start"]))
    let moments = EightBitMoments(count: 300)
    for (index, gradient) in try #require(reference["gradients"]?.array).enumerated() {
      let step = AdamWStep(
        step: index + 1, learningRate: 1e-3, betas: (0.9, 0.999), epsilon: 1e-8, weightDecay: 0.01,
        clip: 1)
      step.apply(
        gradient: Matrix(rows: 3, columns: 100, values: try floats(gradient)), moments: moments,
        to: values)
    }
    let expected = try floats(reference["values"])
    // Six steps of some 1e-3; a code that fell to the other side of a border is seen in the fifth digit of one.
    for (a, b) in zip(values.values, expected) { #expect(abs(a - b) < 1e-5) }
    for (ours, key) in [(moments.values.first, "first"), (moments.values.second, "second")] {
      let theirs = try floats(reference[key])
      let far = zip(ours, theirs).count { abs($0 - $1) > 1e-5 * abs($1) }
      #expect(far <= 3, "\(far) \(key) moments are others")
    }
  }

  @Test("a second moment above 0 stays above 0, however small beside its block's largest")
  func smallSquares() {
    let gradient = Matrix(rows: 1, columns: 4, values: [1, 1e-6, 1e-20, 0])
    let moments = EightBitMoments(count: 4)
    let step = AdamWStep(
      step: 1, learningRate: 0, betas: (0.9, 0.999), epsilon: 1e-8, weightDecay: 0, clip: 1)
    step.apply(gradient: gradient, moments: moments, to: Matrix(rows: 1, columns: 4))
    let second = moments.values.second
    #expect(second[1] > 0 && second[2] > 0 && second[3] == 0)
    #expect(moments.values.first[3] == 0)
  }

  @Test("every instruction set gives the same bits")
  func instructionSets() throws {
    let numbers = try floats(reference["numbers"])
    let results = Kernels.available.map { set in
      Kernels.with(set) {
        let values = Matrix(rows: 3, columns: 100)
        let moments = EightBitMoments(count: 300)
        for step in 1...3 {
          AdamWStep(
            step: step, learningRate: 1e-3, betas: (0.9, 0.999), epsilon: 1e-8, weightDecay: 0.01,
            clip: 0.7
          ).apply(
            gradient: Matrix(rows: 3, columns: 100, values: numbers), moments: moments, to: values)
        }
        return (values.values.map(\.bitPattern), moments.first, moments.second)
      }
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }
}
