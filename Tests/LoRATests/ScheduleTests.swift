import Testing

@testable import LoRA

@Suite("Learning-rate schedules")
struct LearningRateScheduleTests {
  // Values of transformers' schedules for 10 steps, 4 of them warm-up, peak 2.
  @Test(
    "rates are those of the Hugging Face schedules",
    arguments: [
      (.constant, [0, 0.5, 1, 1.5, 2, 2, 2, 2, 2, 2]),
      (.linear, [0, 0.5, 1, 1.5, 2, 5 / 3.0, 4 / 3.0, 1, 2 / 3.0, 1 / 3.0]),
      (
        .cosine,
        [0, 0.5, 1, 1.5, 2, 1.8660254037844386, 1.5, 1, 0.5, 0.1339745962155614]
      ),
    ] as [(LearningRateSchedule.Shape, [Double])])
  func rates(shape: LearningRateSchedule.Shape, expected: [Double]) {
    let schedule = LearningRateSchedule(shape, peak: 2, warmup: 4, steps: 10)
    for (step, rate) in expected.enumerated() {
      #expect(abs(schedule.rate(at: step) - rate) < 1e-12, "step \(step)")
    }
  }

  @Test(
    "without warm-up the first step has the peak", arguments: LearningRateSchedule.Shape.allCases)
  func noWarmup(shape: LearningRateSchedule.Shape) {
    #expect(LearningRateSchedule(shape, peak: 3, warmup: 0, steps: 7).rate(at: 0) == 3)
  }
}

@Suite("Weighted loss")
struct WeightedLossTests {
  /// Six tokens; the last three are feedback and update with w = 1.5.
  static let row = TrainingRow(
    id: "a", tokens: [1, 5, 6, 7, 8, 2], weights: [0, 1, 1, 1.5, 1.5, 1.5])
  static let other = TrainingRow(id: "b", tokens: [1, 5, 6], weights: [0, 0, 1])

  static func loss(
    _ step: [[TrainingRow]], _ normalization: LossNormalization, crossEntropies: [[Double]]
  ) -> Double {
    let factors = WeightedLoss.coefficients(of: step, normalization).flatMap { $0 }
    return zip(factors, crossEntropies).reduce(0.0) { sum, pair in
      sum + zip(pair.0, pair.1).reduce(0.0) { $0 + $1.0 * $1.1 }
    }
  }

  @Test(
    "one row of six tokens, w = 1.5: Σ w·CE over positions, not weights",
    arguments: [LossNormalization.tripost, .tokens, .sequence])
  func handMade(normalization: LossNormalization) {
    // (0.1 + 0.2 + 1.5 · (0.3 + 0.4 + 0.5)) / 5 = 2.1 / 5
    let loss = Self.loss(
      [[Self.row]], normalization, crossEntropies: [[9, 0.1, 0.2, 0.3, 0.4, 0.5]])
    #expect(abs(loss - 0.42) < 1e-12)
  }

  @Test("divided by weights, the same row gives 2.1 / 6.5")
  func byWeights() {
    let loss = Self.loss([[Self.row]], .weights, crossEntropies: [[9, 0.1, 0.2, 0.3, 0.4, 0.5]])
    #expect(abs(loss - 2.1 / 6.5) < 1e-12)
  }

  @Test(
    "two micro-batches: the published loss is the mean of theirs, the others see the step whole",
    arguments: [
      (.tripost, (2.1 / 5 + 3) / 2), (.tokens, (2.1 + 3) / 6), (.weights, (2.1 + 3) / 7.5),
      (.sequence, (2.1 / 5 + 3) / 2),
    ] as [(LossNormalization, Double)])
  func accumulation(normalization: LossNormalization, expected: Double) {
    let values = [[9, 0.1, 0.2, 0.3, 0.4, 0.5], [9, 9, 3]]
    let cut = Self.loss([[Self.row], [Self.other]], normalization, crossEntropies: values)
    #expect(abs(cut - expected) < 1e-12)
    let whole = Self.loss([[Self.row, Self.other]], normalization, crossEntropies: values)
    let expectedWhole = normalization == .tripost ? (2.1 + 3) / 6 : expected
    #expect(abs(whole - expectedWhole) < 1e-12)
  }
}
