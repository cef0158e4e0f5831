import TriPosT

/// What the tests gave: in a sentence, in curves, in a table.
struct ResultSection {
  let run: RunContents
  private let rows: [ResultTable.Row]

  init(_ run: RunContents) {
    self.run = run
    rows = run.table.rows
  }

  var html: HTML {
    guard !rows.isEmpty else { return "<p class=\"lead\">No test is complete yet.</p>\n" }
    return """
      \(lead)\(curves)\(table)<p class="muted">Shares in %; accuracy with its 95 % Wilson interval. <b>Direct</b>: right \
      without an update. <b>SI.Freq</b>: questions with an update. <b>SI.Contrib</b>: right with an update. So accuracy = \
      direct + SI.Contrib. <b>Seen</b> shapes of questions were practised, <b>unseen</b> ones only tested.</p>
      \(transitions)\(cells)
      """
  }

  /// The tests that the tables show first, one an iteration.
  private var mainRows: [ResultTable.Row] {
    rows.enumerated().filter { index, row in
      index == 0 || rows[index - 1].iteration != row.iteration
    }.map(\.element)
  }

  /// The outcome for someone who reads no table.
  private var lead: HTML {
    guard let last = mainRows.last else { return "" }
    let score = last.scores.all
    let now: HTML =
      "<b>\(percent(score.accuracy)) %</b> of \(grouped(score.count)) test questions are right after \(last.label)"
    guard let first = mainRows.first, let gain = last.gain else {
      return
        "<p class=\"lead\">\(now), between \(percents(score.interval)) % with 95 % confidence.</p>\n"
    }
    let verdict =
      gain.interval.lowerBound > 0
      ? "the gain is clear of chance"
      : gain.interval.upperBound < 0
        ? "the loss is clear of chance"
        : "the interval includes 0, so this run shows no clear change"
    return """
      <p class="lead">\(now); after \(first.label) it was <b>\(percent(first.scores.all.accuracy)) %</b>. \
      The difference is <b>\(points(gain.difference))</b> points, \(points(gain.interval)) with 95 % confidence: \
      \(verdict).</p>

      """
  }

  private var curves: HTML {
    let main = mainRows
    guard main.count > 1 else { return "" }
    let ticks = main.map { (value: Double($0.iteration), label: "\($0.iteration)") }
    func series(
      _ name: String, _ style: Int, _ set: KeyPath<Scores, Score>,
      _ figure: (Score) -> (share: Double, count: Int)
    ) -> LineChart.Series {
      LineChart.Series(
        name: name,
        points: main.map { row in
          let score = row.scores[keyPath: set]
          let (share, count) = figure(score)
          let interval = wilsonInterval(count, of: score.count)
          return .init(
            x: Double(row.iteration), y: share, interval: interval,
            words: "\(row.label): \(percent(share)) %, \(percents(interval))")
        }, style: style)
    }
    func accuracy(_ set: KeyPath<Scores, Score>) -> [LineChart.Series] {
      [
        series("accuracy", 0, set) { ($0.accuracy, $0.correct) },
        series("direct accuracy", 1, set) { ($0.directAccuracy, $0.directlyCorrect) },
      ]
    }
    // A student that never updates has no curves of updates.
    let hasUpdates = main.contains { $0.scores.all.updated > 0 }
    let updates =
      hasUpdates
      ? [
        series("SI.Freq", 2, \.all) { ($0.updateFrequency, $0.updated) },
        series("SI.Contrib", 3, \.all) { ($0.updateContribution, $0.correct - $0.directlyCorrect) },
      ] : []
    func chart(_ title: String, _ series: [LineChart.Series]) -> HTML {
      let top = series.flatMap { $0.points.map { $0.interval?.upperBound ?? $0.y } }
      return LineChart(
        title: title, series: series, xTicks: ticks, y: Scale.fromZero(holding: top + [0.02]),
        xTitle: "iteration t; 0 is \(run.name(of: 0))"
      ).html
    }
    return """
      \(LineChart.legend(accuracy(\.all) + updates))<div class="charts">
      \(chart("All test questions, %", accuracy(\.all)))\(chart("Seen shapes, %", accuracy(\.seen)))\
      \(chart("Unseen shapes, %", accuracy(\.unseen)))\(hasUpdates ? chart("Self-improvement, %", updates) : "")</div>
      <p class="muted">Bars are 95 % intervals of each share by itself; whether two tests differ is what the gain below says, \
      which compares them question by question.</p>

      """
  }

  private var table: HTML {
    let domain = IntervalBar.domain(rows.compactMap(\.gain?.interval))
    let groups = rows.map { row -> HTML in
      let gain = row.gain.map { gain -> HTML in
        """
        <span class="gain">gain <b>\(points(gain.difference))</b> points \
        <span class="muted">\(points(gain.interval))</span> \
        \(IntervalBar(value: gain.difference, interval: gain.interval, domain: domain).html)</span>
        """
      }
      let sets = [
        ("seen", row.scores.seen), ("unseen", row.scores.unseen), ("all", row.scores.all),
      ].map { name, score -> HTML in
        """
        <tr\(name == "all" ? " class=\"total\"" as HTML : "")><th scope="row">\(name) \
        <span class="muted">\(grouped(score.count))</span></th>\
        <td class="figure">\(percent(score.directAccuracy))</td>\
        <td class="figure">\(percent(score.accuracy)) <span class="muted range">\(percents(score.interval))</span></td>\
        <td class="figure">\(percent(score.updateFrequency))</td>\
        <td class="figure">\(percent(score.updateContribution))</td></tr>

        """
      }
      return """
        <tbody><tr class="group"><th scope="rowgroup" colspan="5">\(row.label) \(gain ?? "")</th></tr>
        \(sets)</tbody>

        """
    }
    return """
      \(Table.box(caption: "Tests; the gain is over \(rows[0].label) on the same questions, with its 95 % interval"))\
      <table class="results">
      <thead><tr><th scope="col">questions</th><th scope="col" class="figure">direct</th>\
      <th scope="col" class="figure">accuracy</th><th scope="col" class="figure">SI.Freq</th>\
      <th scope="col" class="figure">SI.Contrib</th></tr></thead>
      \(groups)</table></div>

      """
  }

  /// What updates did to answers.
  private var transitions: HTML {
    let updated = rows.filter { $0.scores.all.updated > 0 }
    guard !updated.isEmpty else { return "" }
    var table = Table(
      header: [
        "test", "with an update", "wrong → right", "right → right", "right → wrong",
        "wrong → wrong", "false alarms",
      ],
      caption:
        "What updates did, in questions: the first attempt → the last one. A false alarm is an update of a right attempt."
    )
    table.rows = updated.map { row in
      let score = row.scores.all
      return ["\(row.label)"]
        + [
          score.updated, score.wrongToRight, score.rightToRight, score.rightToWrong,
          score.wrongToWrong, score.falseAlarms,
        ].map { "\($0)" }
    }
    return table.html
  }

  /// Accuracy by shape of question.
  private var cells: HTML {
    let cells = rows.reduce(into: [Cell]()) { cells, row in
      for (cell, _) in row.scores.cells where !cells.contains(cell) { cells.append(cell) }
    }
    guard cells.count > 1 else { return "" }
    var table = Table(
      header: ["cell", "questions"] + rows.map(\.label), words: 1,
      caption: "Accuracy in % by cell: questions of one shape or difficulty")
    table.rows = cells.map { cell in
      let scores = rows.map { row in row.scores.cells.first { $0.cell == cell }?.score }
      return [
        "\(cell.name) <span class=\"muted\">\(cell.isSeen ? "seen" : "unseen")</span>",
        "\(scores.compactMap { $0?.count }.max() ?? 0)",
      ] + scores.map { score -> HTML in score.map { "\(percent($0.accuracy))" } ?? "–" }
    }
    return "<details><summary>By cell</summary>\(table.html)</details>\n"
  }
}
