import Boundary

// The tables of a study, shaped like the paper's.

extension StudyResults {
  /// All tables that the study has rows for.
  package func tables() -> [TextTable] {
    let known = rows().compactMap { row in figures(of: row).map { (row, $0) } }
    guard !known.isEmpty else { return [] }
    var tables = [main(known)] + tasks.map { details($0, known) }
    if let table = ablation("p", known, \.share) { tables.append(table) }
    if let table = ablation("w", known, \.weight) { tables.append(table) }
    return tables + [transferred(), collected(), cost()].compactMap { $0 } + [long(known)]
  }

  private typealias Known = (row: StudyRow, figures: StudyFigures)

  private var tasks: [String] {
    plan.cells.reduce(into: []) { if !$0.contains($1.point.task) { $0.append($1.point.task) } }
  }

  private var seeds: Int { Set(plan.cells.map(\.seed)).count }

  /// Rows of the same label on all tasks, in the order of first appearance.
  private func labels(_ known: [Known]) -> [String] {
    known.reduce(into: []) { if !$0.contains($1.row.label) { $0.append($1.row.label) } }
  }

  /// Methods by tasks, means over seeds.
  private func main(_ known: [Known]) -> TextTable {
    let columns = ["seen", "unseen", "total", "SI.Freq", "SI.Contrib"]
    let rows = labels(known).map { label in
      [label]
        + tasks.flatMap { task -> [String] in
          guard
            let found = known.first(where: { $0.row.label == label && $0.row.point.task == task })
          else { return columns.map { _ in "-" } }
          let figures = found.figures
          return [
            figures.seen, figures.unseen, figures.all, figures.updateFrequency,
            figures.updateContribution,
          ].map { percent($0.mean) }
        }
    }
    return TextTable(
      title: "Accuracy in %: means of \(seeds) \(seeds == 1 ? "seed" : "seeds")",
      header: ["method"]
        + tasks.flatMap { task in columns.map { "\(Self.initials(task)) \($0)" } },
      rows: rows, name: "main")
  }

  /// `MSA` for `multistep_arithmetic`, where it is one of the paper's; else the name.
  private static func initials(_ task: String) -> String {
    [
      MultistepArithmetic.name: "MSA", WordSorting.name: "WS", DateUnderstanding.name: "DU",
      LogicalDeduction.name: "LD",
    ][task] ?? task
  }

  /// One task with spread and intervals.
  private func details(_ task: String, _ known: [Known]) -> TextTable {
    let rows = known.filter { $0.row.point.task == task }
    let hasControl = rows.contains { $0.figures.gainOverControl != nil }
    let questions = rows.first?.figures.questions ?? 0
    return TextTable(
      title:
        "\(task): \(questions) test questions; mean ± standard deviation over n seeds; gain over "
        + "ft rationale with its 95 % interval, paired by question",
      header: ["method", "n"] + Self.columns + (hasControl ? ["over the control"] : []),
      rows: rows.map { row, figures in
        [row.label, "\(figures.all.count)"] + Self.cells(figures)
          + (hasControl ? [Self.text(figures.gainOverControl)] : [])
      }, name: "task-\(task)")
  }

  private static let columns = [
    "seen", "unseen", "total", "direct", "SI.Freq", "SI.Contrib", "gain",
  ]

  private static func cells(_ figures: StudyFigures) -> [String] {
    [
      figures.seen, figures.unseen, figures.all, figures.direct, figures.updateFrequency,
      figures.updateContribution,
    ].map(\.text) + [text(figures.gain)]
  }

  /// The last iteration of each method for each value of a setting; nil when there are not two.
  private func ablation(
    _ symbol: String, _ known: [Known], _ value: KeyPath<StudyCell.Point, Double?>
  ) -> TextTable? {
    let values = Set(plan.cells.compactMap { $0.point[keyPath: value] }).sorted()
    guard values.count > 1 else { return nil }
    var rows: [[String]] = []
    for task in tasks {
      for method in Method.allCases {
        for number in values {
          let mine = known.filter {
            $0.row.point.task == task && $0.row.point.method == method.name
              && $0.row.point[keyPath: value] == number
          }
          for last in mine where last.row.iteration == mine.map(\.row.iteration).max() {
            rows.append(
              [Self.initials(task), last.row.label, plain(number)] + Self.cells(last.figures))
          }
        }
      }
    }
    return TextTable(
      title: "By \(symbol), after the last iteration",
      header: ["task", "method", symbol] + Self.columns, rows: rows, name: "by-\(symbol)", words: 2)
  }

  /// Every figure, one row each, for other programs.
  private func long(_ known: [Known]) -> TextTable {
    var rows: [[String]] = []
    for (row, figures) in known {
      let point = row.point
      let key = [
        row.label, point.method, point.task, point.model, point.share.map(plain) ?? "",
        point.weight.map(plain) ?? "", "\(row.iteration)", row.mode.rawValue,
      ]
      for (name, spread) in [
        ("accuracy_seen", figures.seen), ("accuracy_unseen", figures.unseen),
        ("accuracy", figures.all), ("direct_accuracy", figures.direct),
        ("si_freq", figures.updateFrequency), ("si_contrib", figures.updateContribution),
      ] {
        rows.append(
          key + [
            name, "\(spread.count)", "\(spread.mean)", spread.deviation.map { "\($0)" } ?? "", "",
            "",
          ])
      }
      for (name, gain) in [
        ("gain", figures.gain), ("gain_over_control", figures.gainOverControl),
      ] {
        guard let gain else { continue }
        rows.append(
          key + [
            name, "\(figures.all.count)", "\(gain.mean)", "", "\(gain.interval.lowerBound)",
            "\(gain.interval.upperBound)",
          ])
      }
      for (name, count) in figures.transitions {
        rows.append(key + [name, "\(figures.all.count)", "\(count)", "", "", ""])
      }
    }
    return TextTable(
      title: "Every figure",
      header: [
        "label", "method", "task", "model", "p", "w", "iteration", "mode", "figure", "seeds",
        "mean",
        "deviation", "ci95_low", "ci95_high",
      ], rows: rows, name: "figures", words: 9)
  }

  private static func text(_ gain: StudyFigures.Gain?) -> String {
    gain.map {
      "\(signedPercent($0.mean)) [\(signedPercent($0.interval.lowerBound)), "
        + "\(signedPercent($0.interval.upperBound))]"
    } ?? ""
  }
}

extension Spread {
  /// In percent: `33.2 ± 0.6`.
  fileprivate var text: String { percent(mean) + (deviation.map { " ± \(percent($0))" } ?? "") }
}
