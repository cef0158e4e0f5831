public import Boundary

/// Runs a study's cells one after another, and reads their results (docs/studies.md).
///
/// Every cell is a run folder of its own, so a study can be stopped anywhere and goes on where it was. A cell
/// that fails is put on record and does not keep the others from running.
public final class Study {
  /// What happens in a study.
  public enum Event {
    /// A cell begins; counted from 1.
    case began(StudyCell, number: Int, of: Int)
    case run(RunEvent)
    /// A cell's run is complete, now or before.
    case ended(StudyCell)
    /// A cell ended with an error, or is left out because another one did.
    case failed(StudyCell, InputError)
  }

  let plan: StudyPlan
  private let lock: FolderLock
  private let makeLoop: (RunConfiguration, @escaping (RunEvent) throws -> Void) throws -> Loop
  let report: (Event) throws -> Void

  /// Opens the study's folder, new or begun.
  ///
  /// - Parameters:
  ///   - plan: What to run.
  ///   - makeLoop: Opens the run of a configuration, new or begun, which reports to the closure.
  ///   - report: Sees what happens; may throw to stop.
  /// - Throws: `InputError` STUDY-04 when the folder is something else, RUN-02 when it is in use.
  public init(
    _ plan: StudyPlan,
    makeLoop: @escaping (RunConfiguration, @escaping (RunEvent) throws -> Void) throws -> Loop,
    report: @escaping (Event) throws -> Void = { _ in }
  ) throws {
    let path = plan.output
    if Files.exists(path) {
      let names = Files.isDirectory(path) ? try Files.list(path) : [path]
      guard names.contains(Self.textName) || Set(names).isSubset(of: [".lock"]) else {
        throw InputError(
          .studyFolder, file: path, found: "neither empty nor a study's folder",
          hints: ["choose another --output"])
      }
    }
    try Files.createDirectory(path)
    lock = try FolderLock(path)
    try Files.writeAtomically(plan.text, to: "\(path)/\(Self.textName)")
    self.plan = plan
    self.makeLoop = makeLoop
    self.report = report
  }

  package static let textName = "study.yaml"

  /// Runs every cell that is not complete, and writes the tables.
  ///
  /// - Returns: The results of all that is complete, and what failed.
  /// - Throws: What stops all cells alike: a signal, a full disk, a folder in use.
  public func run() throws -> StudyResults {
    var failures: [(cell: StudyCell, error: InputError)] = []
    for (index, cell) in plan.cells.enumerated() {
      try report(.began(cell, number: index + 1, of: plan.cells.count))
      do throws(InputError) {
        if let missing = cell.needs.first(where: { id in failures.contains { $0.cell.id == id } }) {
          throw InputError(.studyCell, file: cell.id, found: "left out, because \(missing) failed")
        }
        try run(cell)
      } catch {
        guard !Self.stopsAll.contains(error.exit) else {
          try write(failures)
          throw error
        }
        failures.append((cell, error))
        try report(.failed(cell, error))
      }
      // Tables of what there is so far, so that a long study can be looked at.
      if cell.id == plan.cells.last(where: { $0.seed == cell.seed })?.id { try write(failures) }
    }
    return try write(failures)
  }

  private func run(_ cell: StudyCell) throws(InputError) {
    do {
      let loop = try makeLoop(cell.configuration) { try self.report(.run($0)) }
      _ = try loop.run()
      for (task, configuration) in cell.transfers {
        try loop.transfer(to: task, configuration)
      }
      try report(.ended(cell))
    } catch let error as InputError {
      throw error
    } catch let error as ConfigurationProblems {
      throw error.problems[0]
    } catch {
      throw InputError(.studyCell, file: cell.id, found: "\(error)")
    }
  }

  /// What the next cell would meet as well.
  private static let stopsAll: [ExitCode] = [.hangup, .interrupted, .terminated, .disk, .busy]

  @discardableResult
  private func write(_ failures: [(cell: StudyCell, error: InputError)]) throws -> StudyResults {
    let results = try StudyResults(plan, failures: failures)
    try results.write()
    return results
  }
}

extension InputError.Rule {
  /// A cell that was not run, or ended in an unforeseen way.
  static let studyCell = Self("STUDY-05", exit: .mismatch)
}
