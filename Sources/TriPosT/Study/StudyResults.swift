public import Boundary

/// What the runs of a study gave, as far as they are complete.
public struct StudyResults {
  /// One test of one run.
  struct Test {
    let cell: StudyCell
    let iteration: Int
    let mode: EvaluationMode
    let results: [QuestionResult]
  }

  /// What an iteration collected and cost in one run.
  struct Stage {
    let cell: StudyCell
    let record: RunManifest.Record
  }

  package let plan: StudyPlan
  /// Tests and stages in the order of the plan.
  let tests: [Test]
  let stages: [Stage]
  /// Tests of adapters on other tasks than their own.
  let transfers: [(cell: StudyCell, task: String, results: [QuestionResult])]
  /// The runs that are complete.
  package let complete: Set<String>
  /// What went wrong, by run.
  public let failures: [(cell: StudyCell, error: InputError)]

  /// Reads the run folders of a plan.
  ///
  /// - Throws: `InputError` when a folder cannot be read.
  init(_ plan: StudyPlan, failures: [(cell: StudyCell, error: InputError)] = []) throws {
    var tests: [Test] = []
    var stages: [Stage] = []
    var transfers: [(cell: StudyCell, task: String, results: [QuestionResult])] = []
    var complete: Set<String> = []
    for cell in plan.cells {
      let folder = "\(plan.output)/\(cell.id)"
      let file = folder + "/run.json"
      guard Files.exists(file) else { continue }
      let manifest = try RunManifest(parsing: try Files.readText(file), file: file)
      if manifest.ended != nil { complete.insert(cell.id) }
      for (task, _) in cell.transfers {
        let path = "\(folder)/\(Loop.transferFile(task))"
        if Files.exists(path) { transfers.append((cell, task, try ResultTable.results(path))) }
      }
      // An opening that was taken over is the other run's.
      let own = manifest.records.filter {
        $0.iteration > 0 || cell.configuration.openingFrom.isEmpty
      }
      stages += own.map { Stage(cell: cell, record: $0) }
      for record in own where record.stage == .evaluate {
        for (mode, name) in ResultTable.tests(in: record) {
          tests.append(
            Test(
              cell: cell, iteration: record.iteration,
              mode: mode ?? cell.method.mainTest(of: record.iteration),
              results: try ResultTable.results("\(folder)/\(name)")))
        }
      }
    }
    self.plan = plan
    self.tests = tests
    self.stages = stages
    self.transfers = transfers
    self.complete = complete
    self.failures = failures
  }

  /// One line that says what failed; nil when nothing did.
  public var failure: InputError? {
    guard let first = failures.first else { return nil }
    return InputError(
      .init("STUDY-05", exit: first.error.exit), file: plan.output,
      found: "\(failures.count) of \(plan.cells.count) runs failed; the first: "
        + "\(first.cell.id): \(first.error.found)",
      hints: ["the same command tries them again"])
  }
}

extension Method {
  /// The test of an iteration that tables show first.
  package func mainTest(of iteration: Int) -> EvaluationMode {
    if iteration > 0 { return tests[0] }
    switch opening {
    case .rationales: return .single
    case .answers: return .answerOnly
    case .prompt: return .fewShot
    }
  }
}

extension StudyPlan {
  /// What the study's folder has so far.
  ///
  /// - Throws: `InputError` when a run folder cannot be read.
  public func results() throws -> StudyResults { try StudyResults(self) }
}
