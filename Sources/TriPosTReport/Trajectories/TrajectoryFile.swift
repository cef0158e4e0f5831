import Boundary
import TriPosT

/// A file of what a student wrote: attempts in practice, or answers in a test.
struct TrajectoryFile {
  enum Kind {
    /// `trajectories.jsonl`: edited attempts.
    case practice
    /// `samples.jsonl`: attempts of which the right ones are learnt from.
    case samples
    /// `evaluations.jsonl`.
    case test
  }

  let kind: Kind
  let iteration: Int
  /// "t = 1, practice".
  let title: String
  let path: String
  /// How many lines there are, by outcome; by no outcome in a test, so that the same questions are chosen of each.
  let counts: [String: Int]

  var count: Int { counts.values.reduce(0, +) }

  /// The files of all complete stages, in the order of the run.
  static func all(of run: RunContents) -> [TrajectoryFile] {
    run.manifest.records.flatMap { record -> [TrajectoryFile] in
      switch record.stage {
      case .mix, .train: []
      case .practise: [practice(record, run)].compactMap { $0 }
      case .evaluate: tests(record, run)
      }
    }
  }

  private static func practice(
    _ record: RunManifest.Record, _ run: RunContents
  ) -> TrajectoryFile? {
    func count(_ key: String) -> Int { record.facts.count(of: key) }
    let folder = "iteration-\(record.iteration)/"
    let isEdited = record.outputs[folder + "trajectories.jsonl"] != nil
    let name = folder + (isEdited ? "trajectories.jsonl" : "samples.jsonl")
    guard record.outputs[name] != nil else { return nil }
    return TrajectoryFile(
      kind: isEdited ? .practice : .samples, iteration: record.iteration,
      title: "\(run.name(of: record.iteration)), practice", path: "\(run.path)/\(name)",
      counts: isEdited
        ? [
          "correct": count("correct"), "improved": count("improved"),
          "feedback-only": count("feedback_only"), "discarded": count("discarded"),
        ]
        : ["right": count("correct"), "wrong": max(0, count("attempts") - count("correct"))])
  }

  private static func tests(
    _ record: RunManifest.Record, _ run: RunContents
  ) -> [TrajectoryFile] {
    ResultTable.tests(in: record).map { mode, name in
      let label = run.method.label(
        iteration: record.iteration, mode: mode ?? run.method.mainTest(of: record.iteration))
      let row = run.table.rows.first { $0.iteration == record.iteration }
      return TrajectoryFile(
        kind: .test, iteration: record.iteration, title: "\(label), test",
        path: "\(run.path)/\(name)", counts: ["": row?.scores.all.count ?? 0])
    }
  }

  /// The outcome that a line is counted under.
  func outcome(of row: JSONValue) -> String {
    switch kind {
    case .practice: row["outcome"]?.string ?? ""
    case .samples: row["correct"]?.bool == true ? "right" : "wrong"
    case .test: ""
    }
  }

  /// The lines that are chosen, `share` of each outcome and at least one.
  ///
  /// - Throws: `InputError` when the file cannot be read.
  func chosen(share: Double) throws -> [JSONValue] {
    var choices = counts.mapValues { count in
      EvenChoice(max(1, Int((Double(count) * share).rounded(.down))), of: count)
    }
    var rows: [JSONValue] = []
    try JSONLines.forEach(path) { row, _ in
      if choices[outcome(of: row)]?.takesNext() == true { rows.append(row) }
    }
    return rows
  }
}
