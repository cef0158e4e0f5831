import Boundary

// What runs collected, and what they cost.

extension StudyResults {
  /// The texts that each iteration collected, means over seeds; nil when none did.
  func collected() -> TextTable? {
    let figures: [(title: String, stage: RunManifest.Stage, key: String)] = [
      ("attempts", .practise, "attempts"), ("right", .practise, "correct"),
      ("improved", .practise, "improved"), ("texts", .mix, "texts"), ("x_imp", .mix, "improved"),
      ("x_T", .mix, "correct"), ("GT", .mix, "ground_truth"), ("p", .mix, "p"),
    ]
    let rows = groups { $0.iteration > 0 && [.practise, .mix].contains($0.stage) }
      .map { label, stages -> [String] in
        [label.task, label.row]
          + figures.map { figure in
            let values = stages.filter { $0.record.stage == figure.stage }
              .compactMap { $0.record.facts[figure.key]?.double }
            return values.isEmpty
              ? "-"
              : Self.short(values.reduce(0, +) / Double(values.count), figure.key == "p" ? 2 : 1)
          }
      }
    guard !rows.isEmpty else { return nil }
    return TextTable(
      title: "Data collected per iteration: means over seeds",
      header: ["task", "iteration"] + figures.map(\.title), rows: rows, name: "data",
      words: 2)
  }

  /// Tokens and seconds of each iteration, means over seeds; those of replies are what critics and improvers
  /// that are no scripts read and wrote.
  func cost() -> TextTable? {
    let figures = ["prompt_tokens", "generated_tokens", "trained_tokens"]
    let rows = groups { _ in true }.map { label, stages -> [String] in
      let runs = Double(Set(stages.map(\.cell.seed)).count)
      func mean(_ value: (RunManifest.Record) -> Double) -> Double {
        stages.reduce(0) { $0 + value($1.record) } / runs
      }
      return [label.task, label.row]
        + figures.map { key in Self.short(mean { $0.facts[key]?.double ?? 0 }, 0) }
        + [Self.short(mean { Double($0.replyTokens) }, 0)]
        + [Self.short(mean(\.seconds), 1)]
    }
    guard !rows.isEmpty else { return nil }
    return TextTable(
      title: "Cost of each iteration in one run: means over seeds",
      header: [
        "task", "iteration", "prompt tokens", "generated tokens", "trained tokens", "reply tokens",
        "seconds",
      ],
      rows: rows, name: "cost", words: 2)
  }

  /// Stages of the same iteration of the same row, all seeds together, in the order of the plan.
  private func groups(
    _ isWanted: (RunManifest.Record) -> Bool
  ) -> [(label: (task: String, row: String), stages: [Stage])] {
    var groups: [(label: (task: String, row: String), stages: [Stage])] = []
    for stage in stages where isWanted(stage.record) {
      let test = Test(
        cell: stage.cell, iteration: stage.record.iteration,
        mode: stage.cell.method.mainTest(of: stage.record.iteration), results: [])
      let label = (task: stage.cell.point.task, row: row(of: test).label)
      if let index = groups.firstIndex(where: { $0.label == label }) {
        groups[index].stages.append(stage)
      } else {
        groups.append((label, [stage]))
      }
    }
    return groups
  }

  /// A number with so many decimals.
  private static func short(_ number: Double, _ decimals: Int) -> String {
    var scale = 1.0
    for _ in 0..<decimals { scale *= 10 }
    return plain((number * scale).rounded() / scale)
  }
}

extension RunManifest.Record {
  /// Of prompts and replies together.
  fileprivate var replyTokens: Int {
    let replies = facts["replies"]
    return (replies?["prompt_tokens"]?.int ?? 0) + (replies?["generated_tokens"]?.int ?? 0)
  }
}
