public import Boundary

extension Study {
  /// Runs the cells in processes of their own, some at a time, and then what is left over as `run` does.
  ///
  /// A cell that fails in its process fails again when its turn comes, and is told then. The results are those of
  /// `run`, for no run's bits depend on threads or on when it is run.
  ///
  /// - Parameters:
  ///   - jobs: Processes at a time.
  ///   - start: Starts a cell's run, or goes on with it.
  /// - Returns: The results of all that is complete, and what failed.
  /// - Throws: What stops all cells alike: a signal, a full disk, a folder in use.
  public func run(jobs: Int, start: (StudyCell) throws -> ChildProcess) throws -> StudyResults {
    var waiting = Array(plan.cells.enumerated())
    var working: [(id: String, process: ChildProcess)] = []
    var complete: Set<String> = []
    while true {
      let ended = working.filter { $0.process.hasEnded() }
      complete.formUnion(ended.filter(\.process.succeeded).map(\.id))
      working.removeAll { run in ended.contains { $0.id == run.id } }
      while working.count < jobs,
        let next = waiting.firstIndex(where: { complete.isSuperset(of: $0.element.needs) })
      {
        let (index, cell) = waiting.remove(at: next)
        try report(.began(cell, number: index + 1, of: plan.cells.count))
        working.append((cell.id, try start(cell)))
      }
      // What waits for a cell that failed goes without it, to the one error that tells why.
      if working.isEmpty { return try run() }
      try Interruption.pause(milliseconds: 20)
    }
  }
}
