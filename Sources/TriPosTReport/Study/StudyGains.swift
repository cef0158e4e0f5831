import TriPosT

/// How far each method is from ft rationale, with intervals side by side.
struct StudyGains {
  let results: StudyResults

  init(_ results: StudyResults) { self.results = results }

  var html: HTML {
    let known = results.rows().compactMap { row in
      results.figures(of: row)?.gain.map { (row: row, gain: $0) }
    }
    guard !known.isEmpty else { return "" }
    let tasks = known.reduce(into: [String]()) {
      if !$0.contains($1.row.point.task) { $0.append($1.row.point.task) }
    }
    let domain = IntervalBar.domain(known.map(\.gain.interval))
    return
      "\(tasks.map { task in table(task, known.filter { $0.row.point.task == task }, domain) })"
  }

  private func table(
    _ task: String, _ known: [(row: StudyRow, gain: StudyFigures.Gain)],
    _ domain: ClosedRange<Double>
  ) -> HTML {
    var table = Table(
      header: ["method", "gain", "95 % interval", ""],
      caption: """
        \(task): accuracy over that of ft rationale, in points, on the same questions; the thin line is no difference
        """)
    table.rows = known.map { row, gain in
      [
        "\(row.label)", "<b>\(points(gain.mean))</b>", "\(points(gain.interval))",
        IntervalBar(value: gain.mean, interval: gain.interval, domain: domain).html,
      ]
    }
    return table.html
  }
}
