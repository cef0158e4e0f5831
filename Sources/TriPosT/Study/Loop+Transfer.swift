import Boundary

// How the adapter of a complete run does on tasks that it was not trained on (docs/tripost.md, 9.7).

extension Loop {
  /// Where the answers to another task's questions are, inside the folder.
  static func transferFile(_ task: String) -> String { "transfer/\(task).jsonl" }

  /// Tests the run's last adapter on another task, unless that is done.
  ///
  /// - Parameters:
  ///   - task: The name of the other task.
  ///   - other: What decides its questions and the limits of the answers.
  /// - Throws: `InputError` with exit code 129, 130 or 143 when a signal asked to stop, and what making the questions
  ///   and answering them throw.
  func transfer(to task: String, _ other: RunConfiguration) throws {
    let path = folder.url(Self.transferFile(task))
    let last = folder.manifest.records.last { $0.stage == .train }?.iteration
    guard !Files.exists(path), let last else { return }
    try Files.createDirectory(Files.folder(of: path))
    let name = RunEvent.StageName(iteration: last, work: "testing on \(task)")
    try report(.stageBegan(name))
    meter = Meter(start: seconds())
    try use(last)
    let journalPath = path + ".partial"
    let evaluation = try Evaluation(
      of: student, on: Course(other), mode: method.mainTest(of: last), configuration: other,
      journal: CompletionJournal(journalPath)
    ) {
      meter.add($0.tokens, at: seconds())
      try Interruption.check(folder.path)
      try progress(name, $0.done, of: $0.total, unit: "questions of \(task)")
    }
    try Files.writeAtomically(lines(evaluation.records.map { .object($0) }), to: path)
    try Files.remove(journalPath)
    try report(
      .stageEnded(name, numbers: ["all": evaluation.scores.all.json], seconds: meter.seconds))
  }
}
