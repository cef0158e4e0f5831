public import Boundary
public import Llama
import QuantKernels

/// What validation rows must obey; `docs/bad-inputs.md`, section 11.
extension InputError.Rule {
  static let splitLeavesRows = Self("DS-01", exit: .malformedFile)
  static let validationApart = Self("DS-13", exit: .malformedFile)
}

/// Rows that are not trained on: their loss tells which step was best and when to stop.
public struct Validation: Sendable {
  public let rows: [TrainingRow]
  /// Optimizer steps between evaluations; the last step has one, too.
  public let interval: Int
  /// Evaluations in a row without a new best after which training ends.
  public let patience: Int?

  /// - Precondition: There are rows, each with a target.
  public init(rows: [TrainingRow], interval: Int, patience: Int? = nil) {
    precondition(!rows.isEmpty && rows.allSatisfy { $0.targetCount > 0 }, "a row has no target")
    precondition(interval > 0 && patience ?? 1 > 0, "interval \(interval)")
    self.rows = rows
    self.interval = interval
    self.patience = patience
  }

  /// Takes a share of the rows, chosen by the seed, for validation; rows of equal tokens stay together.
  ///
  /// - Throws: `InputError` DS-01 when nothing is left to train on.
  public static func split(
    _ rows: [TrainingRow], share: Double, seed: UInt64, file: String? = nil
  ) throws -> (training: [TrainingRow], validation: [TrainingRow]) {
    var order = Array(rows.indices)
    var random = RandomStream(seed: seed, "validation split")
    random.shuffle(&order)
    let count = max(1, Int((share * Double(rows.count)).rounded()))
    let chosen = Set(order.prefix(count).map { rows[$0].tokens })
    let training = rows.filter { !chosen.contains($0.tokens) }
    guard !training.isEmpty else {
      throw InputError(
        .splitLeavesRows, file: file, found: "\(rows.count) rows, all equal or too few to split")
    }
    return (training, rows.filter { chosen.contains($0.tokens) })
  }

  /// Refuses validation rows that are trained on.
  public static func checkApart(
    _ validation: [TrainingRow], from training: [TrainingRow], file: String
  ) throws {
    let known = Set(training.map(\.tokens))
    let shared = validation.filter { known.contains($0.tokens) }
    guard let first = shared.first else { return }
    throw InputError(
      .validationApart, file: file, at: .init(entry: "row \"\(escaped(first.id))\""),
      found: "\(shared.count) of \(validation.count) validation rows are training rows, too",
      hints: ["take them out of one of the two files"])
  }

  /// The loss of the rows as one step of training would have it, without dropout.
  ///
  /// - Returns: In nats; nil when `goesOn`, which is asked before each row, has said no.
  func loss(
    by scorer: Scorer, _ normalization: LossNormalization, goesOn: () -> Bool
  ) -> Double? { Self.loss(of: rows, by: scorer, normalization, goesOn: goesOn) }

  /// The same of any rows.
  public static func loss(
    of rows: [TrainingRow], by scorer: Scorer, _ normalization: LossNormalization,
    goesOn: () -> Bool = { true }
  ) -> Double? {
    let coefficients = WeightedLoss.coefficients(of: [rows], normalization)[0]
    var loss = 0.0
    for (row, factors) in zip(rows, coefficients) {
      guard goesOn() else { return nil }
      for (logProbability, factor) in zip(scorer.logProbabilities(of: row.tokens), factors) {
        if let logProbability, factor > 0 { loss -= Double(logProbability) * factor }
      }
    }
    return loss
  }
}

/// What the evaluations of a training have shown so far; a checkpoint holds it.
public struct ValidationRecord: Equatable, Sendable {
  /// The last step that was evaluated; 0 before the first.
  public internal(set) var lastStep = 0
  /// The step of the lowest loss, the first of equal ones.
  public internal(set) var best: (step: Int, loss: Double)?
  /// Evaluations since then.
  public internal(set) var stale = 0

  public static func == (a: Self, b: Self) -> Bool { a.json == b.json }

  init() {}

  mutating func add(_ loss: Double, at step: Int) -> EvaluationReport {
    lastStep = step
    let isBest = loss < best?.loss ?? .infinity
    if isBest { best = (step, loss) }
    stale = isBest ? 0 : stale + 1
    return EvaluationReport(step: step, loss: loss, isBest: isBest)
  }

  var json: JSONValue {
    [
      "last_step": .integer(Int64(lastStep)),
      "best_step": best.map { .integer(Int64($0.step)) } ?? .null,
      "best_loss": best.map { .number($0.loss) } ?? .null, "stale": .integer(Int64(stale)),
    ]
  }

  /// Reads back `json`; nil where it is none.
  init?(_ json: JSONValue?) {
    guard let json, let lastStep = json["last_step"]?.int, let stale = json["stale"]?.int else {
      return nil
    }
    self.lastStep = lastStep
    self.stale = stale
    if let step = json["best_step"]?.int, let loss = json["best_loss"]?.double {
      best = (step, loss)
    }
  }
}

/// What one evaluation has shown.
public struct EvaluationReport: Equatable, Sendable {
  public let step: Int
  /// Nats.
  public let loss: Double
  /// Whether no earlier step had a loss as low.
  public let isBest: Bool

  /// A line of `metrics.jsonl`: the same on every run.
  public var metrics: JSONObject {
    ["step": .integer(Int64(step)), "eval_loss": .number(loss), "best": .bool(isBest)]
  }
}
