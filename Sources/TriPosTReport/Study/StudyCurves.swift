import TriPosT

/// Accuracy over iterations for the methods that repeat, a chart for each task and model.
struct StudyCurves {
  let results: StudyResults
  private let known: [(row: StudyRow, figures: StudyFigures)]

  init(_ results: StudyResults) {
    self.results = results
    known = results.rows().compactMap { row in results.figures(of: row).map { (row, $0) } }
  }

  /// What a chart is of.
  private struct Place: Hashable {
    let task: String
    let model: String
  }

  var html: HTML {
    let names = known.filter { $0.row.iteration > 1 }.reduce(into: [String]()) {
      let name = Self.name($1.row)
      if !$0.contains(name) { $0.append(name) }
    }
    guard !names.isEmpty else { return "" }
    let places = known.reduce(into: [Place]()) {
      let place = Place(task: $1.row.point.task, model: $1.row.point.model)
      if !$0.contains(place) { $0.append(place) }
    }
    let legend = names.enumerated().map {
      LineChart.Series(name: $0.element, points: [], style: $0.offset)
    }
    let accuracy = places.map { chart("accuracy, %", $0, names, reference: true, \.all) }
    let frequency = places.map {
      chart("SI.Freq, %", $0, names, reference: false, \.updateFrequency)
    }
    return """
      \(LineChart.legend(legend))<div class="charts">
      \(accuracy)\(frequency)</div>
      <p class="muted">Means over seeds; bars are one standard deviation of the seeds either way. The dashed level is ft rationale.</p>

      """
  }

  private func chart(
    _ figure: String, _ place: Place, _ names: [String], reference: Bool,
    _ value: KeyPath<StudyFigures, Spread>
  ) -> HTML {
    let mine = known.filter {
      $0.row.point.task == place.task && $0.row.point.model == place.model
    }
    let series = names.enumerated().compactMap { style, name -> LineChart.Series? in
      let points = mine.filter { $0.row.iteration > 0 && Self.name($0.row) == name }
        .sorted { $0.row.iteration < $1.row.iteration }
        .map { row, figures -> LineChart.Point in
          let spread = figures[keyPath: value]
          let deviation = spread.deviation ?? 0
          return .init(
            x: Double(row.iteration), y: spread.mean,
            interval: max(0, spread.mean - deviation)...(spread.mean + deviation),
            words: "\(row.label): \(percent(spread.mean)) % ± \(percent(deviation))")
        }
      return points.isEmpty ? nil : .init(name: name, points: points, style: style)
    }
    let iterations = Set(series.flatMap { $0.points.map(\.x) }).sorted()
    guard !iterations.isEmpty else { return "" }
    let level =
      reference
      ? mine.first { $0.row.point.method == Method.ftRationale.name }?.figures.all.mean : nil
    let top = series.flatMap { $0.points.compactMap(\.interval?.upperBound) } + [level ?? 0, 0.02]
    return LineChart(
      title: "\(place.task): \(figure)", series: series,
      xTicks: iterations.map { ($0, short($0, 0)) }, y: Scale.fromZero(holding: top),
      reference: level, xTitle: "iteration t"
    ).html
  }

  /// A row's label without its iteration.
  private static func name(_ row: StudyRow) -> String {
    row.label.replacing(" t = \(row.iteration)", with: "")
  }
}
