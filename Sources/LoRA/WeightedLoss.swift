/// What the weighted sum of cross-entropies is divided by.
///
/// With m = 1 at positions whose weight w is not 0, a row's sum is Σ w·CE.
public enum LossNormalization: String, CaseIterable, Sendable {
  /// Σ w·CE / Σ m of each micro-batch, then the mean over the step's micro-batches, as published
  /// (`docs/tripost.md`, 7.2).
  case tripost
  /// Σ w·CE / Σ m over the whole step, however it is cut into micro-batches.
  case tokens
  /// Σ w·CE / Σ w over the whole step.
  case weights
  /// Σ w·CE / Σ m of each row, then the mean over the step's rows.
  case sequence
}

/// The factors that turn each position's cross-entropy into its share of a step's loss.
enum WeightedLoss {
  /// What each token's cross-entropy is multiplied by, 0 where it is masked: one number a token,
  /// one list a row, one a micro-batch of the step.
  static func coefficients(
    of step: [[TrainingRow]], _ normalization: LossNormalization
  ) -> [[[Double]]] {
    func targets(_ rows: [TrainingRow]) -> Double { Double(rows.reduce(0) { $0 + $1.targetCount }) }
    let rows = step.flatMap { $0 }
    let all = targets(rows)
    let weight = rows.reduce(0.0) { $0 + $1.weights.reduce(0.0) { $0 + Double($1) } }
    return step.map { batch in
      let ofBatch = targets(batch)
      return batch.map { row in
        let divisor: Double =
          switch normalization {
          case .tripost: ofBatch * Double(step.count)
          case .tokens: all
          case .weights: weight
          case .sequence: Double(row.targetCount * rows.count)
          }
        return row.weights.map { $0 == 0 ? 0 : Double($0) / divisor }
      }
    }
  }
}
