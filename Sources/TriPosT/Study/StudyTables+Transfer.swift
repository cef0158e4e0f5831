import Boundary

extension StudyResults {
  /// What adapters of one task achieve on others: rows are what they were trained on, after the last iteration; nil
  /// where the study asks for no such tests.
  func transferred() -> TextTable? {
    let tested = plan.cells.reduce(into: [String]()) { names, cell in
      names += cell.transfers.map(\.task).filter { !names.contains($0) }
    }
    let rows = lastTests().compactMap { row, own -> [String]? in
      let cells = Set(own.map(\.cell.id))
      let others = transfers.filter { cells.contains($0.cell.id) }
      guard !others.isEmpty else { return nil }
      return [row.label, row.point.task]
        + tested.map { task in
          let results =
            task == row.point.task
            ? own.map(\.results) : others.filter { $0.task == task }.map(\.results)
          guard !results.isEmpty else { return "-" }
          return percent(Spread(results.map { Score($0).accuracy }).mean)
        }
    }
    guard !rows.isEmpty else { return nil }
    return TextTable(
      title: "Transfer: accuracy in % on each task, by what the adapter was trained on",
      header: ["method", "trained on"] + tested.map { "on \($0)" }, rows: rows, name: "transfer",
      words: 2)
  }

  /// The main tests after the last iteration of complete runs, by the rows that they belong to.
  private func lastTests() -> [(row: StudyRow, tests: [Test])] {
    var last: [String: Test] = [:]
    for test in tests
    where complete.contains(test.cell.id)
      && test.mode == test.cell.method.mainTest(of: test.iteration)
    { last[test.cell.id] = test }
    return rows().compactMap { row in
      let own = tests.filter { test in
        self.row(of: test) == row
          && last[test.cell.id].map { $0.iteration == test.iteration && $0.mode == test.mode }
            == true
      }
      return own.isEmpty ? nil : (row, own)
    }
  }
}
