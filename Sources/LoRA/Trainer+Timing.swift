import Boundary
public import Llama
public import QuantKernels

extension Trainer {
  /// Times an optimizer step on rows of tokens of no meaning, rank 16, all projections.
  ///
  /// - Parameters:
  ///   - model: What is timed.
  ///   - rows: Of the step.
  ///   - tokens: Of each row.
  /// - Returns: Seconds of the second step; the first meets cold memory.
  /// - Throws: `InputError` when loss or gradients are not finite.
  public static func secondsPerStep(
    _ model: LlamaModel, rows: Int = 1, tokens: Int
  ) throws -> Double {
    var options = TrainingOptions()
    options.batch = rows
    options.epochs = 2
    let row = TrainingRow(
      id: "timing", tokens: (0..<tokens).map { $0 * 7919 % model.tokenizer.vocabularySize },
      weights: Array(repeating: 1, count: tokens))
    let adapter = Adapter(
      shape: model.configuration, projections: Projection.allCases, rank: 16, alpha: 32, seed: 1,
      baseDigest: "")
    let trainer = Trainer(
      model, adapter, rows: Array(repeating: row, count: rows), options: options)
    _ = try trainer.advance()
    let start = ContinuousClock.now
    _ = try trainer.advance()
    return (ContinuousClock.now - start) / .seconds(1)
  }

  /// The least seconds that a token of a step can take, or of a forward pass alone.
  ///
  /// 2 operations a weight forward and 2 backward, each at the peak of what it is multiplied in; attention,
  /// the adapter and all else come on top.
  ///
  /// - Parameters:
  ///   - model: What is trained.
  ///   - limits: The machine's peaks.
  ///   - withBackward: Whether it is a step.
  ///   - precision: `TrainingOptions.backward`.
  /// - Returns: nil where a peak is not known.
  public static func leastSecondsPerToken(
    _ model: LlamaModel, _ limits: MachineLimits, withBackward: Bool = true,
    in precision: BackwardPrecision? = nil
  ) -> Double? {
    var seconds = 0.0
    for weight in model.weights.matrices {
      let isOutput = weight === model.weights.output
      let precision = TrainingPass.precision(of: weight, precision, isOutput: isOutput)
      guard let forward = limits.peak(of: weight), let backward = limits.peak(of: precision)
      else { return nil }
      let inverse = 1 / forward + (withBackward ? 1 / backward : 0)
      seconds += 2 * Double(weight.rows * weight.columns) * inverse
    }
    return seconds
  }
}
