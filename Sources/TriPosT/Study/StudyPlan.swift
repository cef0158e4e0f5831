import Boundary

/// A grid of runs: methods by tasks, models, seeds, and the values of a few settings (docs/studies.md).
public struct StudyPlan: Sendable {
  /// The study's folder.
  public let output: String
  /// In the order in which they are run: a run comes after those that it builds on.
  public let cells: [StudyCell]
  /// The text it was read from.
  package let text: String
}

extension StudyPlan {
  /// Refuses models that are not there, all of them at once.
  ///
  /// - Throws: `ConfigurationProblems` with a CFG-09 for each.
  public func checkModels() throws {
    var problems: [InputError] = []
    for problem in cells.flatMap(\.configuration.modelProblems) where !problems.contains(problem) {
      problems.append(problem)
    }
    try ConfigurationProblems.throwIfAny(problems)
  }
}

/// One run of a study.
public struct StudyCell: Sendable, Identifiable {
  /// What of the grid it is.
  public struct Point: Hashable, Sendable {
    /// The method's name.
    public var method: String
    public var task: String
    public var model: String
    /// Share of improved texts p, loss weight w, and iterations, where the study sets them.
    public var share: Double?
    public var weight: Double?
    public var iterations: Int?
  }

  public let point: Point
  public let seed: Int
  /// The path of its run, inside the study's folder.
  public let id: String
  public let configuration: RunConfiguration
  /// The ids of the runs that it takes something over from.
  public let needs: [String]
  /// Other tasks that its last adapter is tested on, by the names that they have in tables.
  let transfers: [(task: String, configuration: RunConfiguration)]

  public var method: Method { configuration.method }
}

/// What a study must obey; each rule is a row of `docs/bad-inputs.md`.
extension InputError.Rule {
  static let studySetting = Self("STUDY-01", exit: .configuration)
  static let studyNeeds = Self("STUDY-02", exit: .configuration)
  static let studySize = Self("STUDY-03", exit: .configuration)
  static let studyFolder = Self("STUDY-04", exit: .inputOutput)
}
