public import Boundary

/// What a configuration must obey; each rule is a row of `docs/bad-inputs.md`, section 12.
extension InputError.Rule {
  static let knownSetting = Self("CFG-01", exit: .configuration)
  static let settingOnce = Self("CFG-02", exit: .configuration)
  static let settingType = Self("CFG-03", exit: .configuration)
  static let settingSpelling = Self("CFG-04", exit: .configuration)
  static let settingRange = Self("CFG-05", exit: .configuration)
  static let settingsAgree = Self("CFG-06", exit: .configuration)
  static let plainDocument = Self("CFG-07", exit: .configuration)
  static let readableDocument = Self("CFG-08", exit: .configuration)
  static let pathExists = Self("CFG-09", exit: .inputOutput)
  static let severalProblems = Self("CFG-10", exit: .configuration)
  static let noSecret = Self("CFG-11", exit: .configuration)
  static let sameConfiguration = Self("CFG-13", exit: .mismatch)
}

/// All that is wrong with a configuration, so that one look mends it (CFG-10).
public struct ConfigurationProblems: Error, Equatable, Sendable, CustomStringConvertible {
  /// In the order of the text; never empty.
  public let problems: [InputError]

  /// The gravest of the problems' exit codes: a wrong text before a missing file.
  public var exit: ExitCode {
    problems.contains { $0.exit == .configuration } ? .configuration : problems[0].exit
  }

  /// One problem as itself; several as one `error` line with a line for each below it.
  public var description: String {
    guard problems.count > 1 else { return problems[0].description }
    var file = problems[0].file ?? "command line"
    if problems.contains(where: { $0.file != problems[0].file }) { file = "configuration" }
    var lines = ["error[CFG-10] \(escaped(file)): \(problems.count) problems"]
    for problem in problems.prefix(Self.shown) {
      lines.append("  " + problem.description.split(separator: "\n")[0].dropFirst("error".count))
    }
    if problems.count > Self.shown { lines.append("  and \(problems.count - Self.shown) more") }
    return lines.joined(separator: "\n")
  }

  public var json: JSONValue {
    problems.count == 1
      ? problems[0].json
      : [
        "code": "CFG-10", "exit": .integer(Int64(exit.rawValue)),
        "problems": .array(problems.prefix(Self.shown).map(\.json)),
      ]
  }

  private static let shown = 20

  /// Throws what was found, if anything was.
  static func throwIfAny(_ problems: [InputError]) throws {
    if !problems.isEmpty { throw ConfigurationProblems(problems: problems) }
  }
}
