import Boundary

/// A row of a study's tables: one test of one method with its settings, over all seeds.
package struct StudyRow: Hashable {
  package let label: String
  package let point: StudyCell.Point
  package let iteration: Int
  package let mode: EvaluationMode
}

/// A figure's mean over seeds, and its spread: the standard deviation of a sample.
package struct Spread: Equatable {
  package let mean: Double
  /// Nil for a single seed.
  package let deviation: Double?
  package let count: Int

  /// - Precondition: There is a value.
  init(_ values: [Double]) {
    count = values.count
    let mean = values.reduce(0, +) / Double(values.count)
    self.mean = mean
    deviation =
      values.count > 1
      ? (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count - 1))
        .squareRoot() : nil
  }
}

/// What a row has achieved on its task.
package struct StudyFigures {
  package let seen: Spread
  package let unseen: Spread
  package let all: Spread
  package let direct: Spread
  package let updateFrequency: Spread
  package let updateContribution: Spread
  /// Of all test questions, by seed.
  package let questions: Int
  /// Updates by whether the attempts before and after are right, and updates of right ones; means over seeds.
  package let transitions: [(name: String, count: Double)]
  /// Accuracy minus that of ft rationale; nil for ft rationale itself.
  package let gain: Gain?
  /// Accuracy minus that of the control after the same iteration; nil where the study has none.
  package let gainOverControl: Gain?

  /// A difference in accuracy with its 95 % interval.
  package typealias Gain = (mean: Double, interval: ClosedRange<Double>)
}

extension StudyResults {
  /// The rows of a table, methods in the order of `Method.allCases`.
  package func rows() -> [StudyRow] {
    var rows: [StudyRow] = []
    for test in tests {
      let row = row(of: test)
      if !rows.contains(row) { rows.append(row) }
    }
    let order = Method.allCases.map(\.name)
    func place(_ row: StudyRow) -> Int { order.firstIndex(of: row.point.method) ?? 0 }
    return rows.enumerated().sorted {
      (place($0.element), $0.offset) < (place($1.element), $1.offset)
    }
    .map(\.element)
  }

  /// The row that a test belongs to, named by what varies in this study.
  func row(of test: Test) -> StudyRow {
    let point = test.cell.point
    var label = test.cell.method.label(iteration: test.iteration, mode: test.mode)
    func name(_ value: String?, _ isVaried: (StudyCell.Point) -> String?) {
      let others = Set(plan.cells.compactMap { isVaried($0.point) })
      if let value, others.count > 1 { label += ", " + value }
    }
    name(point.share.map { "p = \(plain($0))" }) { $0.share.map(plain) }
    name(point.weight.map { "w = \(plain($0))" }) { $0.weight.map(plain) }
    name(point.iterations.map { "of \($0)" }) { $0.iterations.map { "\($0)" } }
    name(point.model) { $0.model }
    return StudyRow(label: label, point: point, iteration: test.iteration, mode: test.mode)
  }

  /// The figures of a row; nil where no run has its test.
  package func figures(of row: StudyRow) -> StudyFigures? {
    let mine = tests.filter { self.row(of: $0) == row }
    guard !mine.isEmpty else { return nil }
    let scores = mine.map { Scores($0.results, cells: []) }
    func spread(_ value: (Scores) -> Double) -> Spread { Spread(scores.map(value)) }
    func mean(_ value: (Score) -> Int) -> Double {
      Double(scores.reduce(0) { $0 + value($1.all) }) / Double(scores.count)
    }
    return StudyFigures(
      seen: spread { $0.seen.accuracy }, unseen: spread { $0.unseen.accuracy },
      all: spread { $0.all.accuracy }, direct: spread { $0.all.directAccuracy },
      updateFrequency: spread { $0.all.updateFrequency },
      updateContribution: spread { $0.all.updateContribution },
      questions: scores[0].all.count,
      transitions: [
        ("wrong_to_right", mean(\.wrongToRight)), ("right_to_right", mean(\.rightToRight)),
        ("right_to_wrong", mean(\.rightToWrong)), ("wrong_to_wrong", mean(\.wrongToWrong)),
        ("false_alarms", mean(\.falseAlarms)),
      ],
      gain: row.point.method == Method.ftRationale.name
        ? nil : gain(of: mine, over: .ftRationale, 0),
      gainOverControl: row.point.method == Method.rationale.name || row.iteration == 0
        ? nil : gain(of: mine, over: .rationale, row.iteration))
  }

  /// The difference to another method's main test with the same seeds; questions are drawn, with all their seeds.
  private func gain(
    of mine: [Test], over method: Method, _ iteration: Int
  ) -> StudyFigures.Gain? {
    var changes: [String: [Double]] = [:]
    for test in mine {
      let baseline = tests.first {
        $0.cell.method == method && $0.iteration == iteration && $0.cell.seed == test.cell.seed
          && $0.mode == method.mainTest(of: iteration)
          && $0.cell.point.task == test.cell.point.task
          && $0.cell.point.model == test.cell.point.model
      }
      guard let baseline else { continue }
      var before: [String: Bool] = [:]
      for result in baseline.results { before[result.id] = result.isCorrect }
      for result in test.results {
        guard let before = before[result.id] else { continue }
        changes[result.id, default: []].append((result.isCorrect ? 1 : 0) - (before ? 1 : 0))
      }
    }
    let means = changes.sorted { $0.key < $1.key }
      .map { $0.value.reduce(0, +) / Double($0.value.count) }
    guard !means.isEmpty else { return nil }
    let interval = bootstrapInterval(
      ofMean: means, random: RandomStream(seed: 0, "study difference"), samples: 2000)
    return (means.reduce(0, +) / Double(means.count), interval)
  }
}
