public import Boundary

/// What a run achieved: the scores after each iteration, and how they compare with the first.
public struct ResultTable: Sendable {
  /// One evaluation.
  public struct Row: Sendable {
    public let iteration: Int
    /// "ft rationale", "TriPosT t = 2", "rationales again t = 2, self-improving".
    public let label: String
    public let scores: Scores
    /// Accuracy on all questions against the first row.
    public let gain: PairedDifference?
  }

  public let task: String
  public let rows: [Row]
  /// Where the last adapter and the readable trajectories are.
  public let adapter: String?
  public let trajectories: [String]

  /// The table of one evaluation.
  public init(_ evaluation: Evaluation, label: String) {
    task = evaluation.task
    rows = [Row(iteration: 0, label: label, scores: evaluation.scores, gain: nil)]
    adapter = nil
    trajectories = []
  }

  /// Reads the evaluations that a run has on record.
  ///
  /// - Parameters:
  ///   - manifest: The run's.
  ///   - path: Its folder.
  /// - Throws: `InputError` when a file of answers cannot be read.
  package init(_ manifest: RunManifest, in path: String) throws {
    task = manifest.task
    var rows: [Row] = []
    var first: [QuestionResult] = []
    let method = Method(rawValue: manifest.method) ?? .tripost
    for record in manifest.records where record.stage == .evaluate {
      for (index, (mode, name)) in Self.tests(in: record).enumerated() {
        let results = try Self.results("\(path)/\(name)")
        if first.isEmpty { first = results }
        let random = RandomStream(seed: 0, "paired difference", record.iteration, index)
        rows.append(
          Row(
            iteration: record.iteration,
            label: method.label(iteration: record.iteration, mode: mode ?? method.tests[0]),
            scores: Scores(results, cells: Self.cells(of: results)),
            gain: rows.isEmpty
              ? nil
              : PairedDifference(first.map(\.isCorrect), results.map(\.isCorrect), random: random)))
      }
    }
    self.rows = rows
    let last = manifest.records.last { $0.stage == .train }?.iteration
    adapter = last.map { "\(path)/" + RunFolder.name($0, "adapter") }
    trajectories = manifest.records.compactMap { record in
      let name = RunFolder.name(record.iteration, "trajectories.txt")
      return record.outputs[name] == nil ? nil : "\(path)/\(name)"
    }
  }

  /// The files of an evaluation's answers, the main test first; its mode is nil.
  package static func tests(
    in record: RunManifest.Record
  ) -> [(mode: EvaluationMode?, answers: String)] {
    ([nil] + EvaluationMode.allCases).compactMap { mode in
      let name = Loop.evaluationFiles(record.iteration, mode).answers
      return record.outputs[name] == nil ? nil : (mode, name)
    }
  }

  static func results(_ path: String) throws -> [QuestionResult] {
    var results: [QuestionResult] = []
    try JSONLines.forEach(path) { row, line in
      guard let result = QuestionResult(row) else {
        throw InputError(
          .stageOutput, file: path, at: .init(line: line),
          found: "a line that this program did not write")
      }
      results.append(result)
    }
    return results
  }

  /// The cells of questions, in the order of their first.
  private static func cells(of results: [QuestionResult]) -> [Cell] {
    results.reduce(into: []) { if !$0.contains($1.cell) { $0.append($1.cell) } }
  }
}

extension ResultTable {
  /// The evaluations as `eval.json` has them, with label, iteration and gain.
  public var json: JSONValue {
    .array(
      rows.map { row in
        var object: JSONObject = [
          "label": .string(row.label), "iteration": .integer(Int64(row.iteration)),
          "split": [
            "seen": row.scores.seen.json, "unseen": row.scores.unseen.json,
            "all": row.scores.all.json,
          ],
        ]
        if !row.scores.tasks.isEmpty { object["tasks"] = .object(row.scores.tasksJSON) }
        if let gain = row.gain {
          object["gain"] = [
            "accuracy": .number(gain.difference),
            "ci95": [.number(gain.interval.lowerBound), .number(gain.interval.upperBound)],
          ]
        }
        return .object(object)
      })
  }
}

extension ResultTable: CustomStringConvertible {
  /// The table as text; shares in percent, accuracy with its 95 % interval.
  public var description: String {
    var lines = [
      "\(task): shares in %, accuracy with its 95 % interval",
      "",
      Self.line([
        "", "questions", "direct accuracy", "accuracy", "interval", "SI.Freq", "SI.Contrib", "gain",
      ]),
    ]
    for row in rows {
      let sets = [
        ("seen", row.scores.seen), ("unseen", row.scores.unseen), ("all", row.scores.all),
      ]
      for (index, (set, score)) in (sets + row.scores.tasks.map { ($0.task, $0.all) }).enumerated()
      {
        lines.append(
          Self.line([
            index == 0 ? row.label : index < sets.count ? "" : "  " + set,
            index < sets.count ? "\(set) \(score.count)" : "all \(score.count)",
            percent(score.directAccuracy),
            percent(score.accuracy), Self.interval(score.interval),
            percent(score.updateFrequency), percent(score.updateContribution),
            set == "all" ? row.gain.map(Self.gain) ?? "" : "",
          ]))
      }
    }
    if let adapter { lines += ["", "adapter        \(adapter)"] }
    for path in trajectories { lines.append("trajectories   \(path)") }
    return lines.joined(separator: "\n")
  }

  /// Words to the left of their column, numbers to the right.
  private static func line(_ columns: [String]) -> String {
    let widths = [36, 12, 15, 10, 14, 9, 12, 0]
    let words: Set = [0, 1, 4, 7]
    var text = ""
    for (index, (column, width)) in zip(columns, widths).enumerated() {
      let padding = String(repeating: " ", count: max(0, width - column.count))
      text += words.contains(index) ? column + padding : padding + column
      if index >= 3 { text += "  " }
    }
    while text.hasSuffix(" ") { text.removeLast() }
    return text
  }

  private static func gain(_ gain: PairedDifference) -> String {
    "\(signedPercent(gain.difference)) [\(signedPercent(gain.interval.lowerBound)), "
      + "\(signedPercent(gain.interval.upperBound))]"
  }

  private static func interval(_ range: ClosedRange<Double>) -> String {
    "[\(percent(range.lowerBound)), \(percent(range.upperBound))]"
  }
}
