import Boundary
import Yams
import _StringProcessing

/// `task.yaml`: what the questions of a task look like, where they are, and when an answer is right (docs/tasks.md).
struct TaskFile: Equatable, Sendable {
  /// The folder as it was named.
  let folder: String
  let name: String
  let hint: String
  /// The question block, with fields such as `{question}` for the members of a row.
  let question: String
  /// A regular expression whose first group is the answer.
  let answer: String
  let compare: AnswerComparison
  let training: String
  /// Nil where there is none.
  let validation: String?
  let test: String

  private static let keys = [
    "name", "hint", "question", "answer", "compare", "training", "validation", "test", "settings",
  ]

  /// Whether the name of a task is that of a folder.
  static func isFolder(_ task: String) -> Bool {
    !Course.names.contains(task)
      && (task.utf8.contains(UInt8(ascii: "/")) || Files.isDirectory(task))
  }

  static func path(_ folder: String) -> String { folder + "/task.yaml" }

  /// Reads a folder's `task.yaml`.
  ///
  /// - Throws: `InputError` TASK-03 when it is no description of a task.
  init(_ folder: String) throws {
    let file = Self.path(folder)
    let mapping = try Self.mapping(folder)
    func refused(_ field: String, _ found: String, _ allowed: String? = nil) -> InputError {
      InputError(.taskFile, file: file, at: .init(field: field), found: found, allowed: allowed)
    }
    for key in mapping.keys where !Self.keys.contains(key.string ?? "") {
      throw refused(
        escaped(key.string ?? ""), "unknown", "one of " + Self.keys.joined(separator: ", "))
    }
    func text(_ key: String) throws -> String? {
      guard let node = mapping[key] else { return nil }
      guard case .scalar(let scalar) = node else { throw refused(key, "a list or section", "text") }
      return scalar.string
    }
    func needed(_ key: String) throws -> String {
      guard let value = try text(key), !value.isEmpty else { throw refused(key, "missing") }
      return value
    }
    self.folder = folder
    name = try needed("name")
    guard name.utf8.allSatisfy({ isDigit($0) || isCapital($0 & ~0x20) || $0 == UInt8(ascii: "_") })
    else { throw refused("name", "\"\(escaped(name))\"", "letters, digits and underscores") }
    hint = try text("hint") ?? ""
    guard !hint.has("\n") else { throw refused("hint", "more than one line") }
    question = try needed("question")
    answer = try needed("answer")
    guard (try? Regex(answer)) != nil, answer.has("(") else {
      throw refused(
        "answer", "\"\(escaped(answer))\"", "a regular expression with a group for the answer")
    }
    let rule = try text("compare") ?? AnswerComparison.exact.rawValue
    guard let compare = AnswerComparison(rawValue: rule) else {
      throw refused(
        "compare", "\"\(escaped(rule))\"",
        "one of " + AnswerComparison.allCases.map(\.rawValue).joined(separator: ", "))
    }
    self.compare = compare
    training = folder + "/" + (try needed("training"))
    validation = try text("validation").map { folder + "/" + $0 }
    test = folder + "/" + (try needed("test"))
  }

  /// Every file that the task consists of.
  var files: [String] { [Self.path(folder), training, test] + (validation.map { [$0] } ?? []) }

  /// The document, which has to be a list of keys.
  private static func mapping(_ folder: String) throws -> Node.Mapping {
    let file = path(folder)
    guard Files.exists(file) else {
      throw InputError(
        .pathExists, at: .init(field: "task"), found: "there is no \(escaped(file))",
        hints: [
          "a task is one of \(Course.names.joined(separator: ", ")), or a folder with a task.yaml"
        ])
    }
    let text = try Files.readText(file, limit: Limits.configuration)
    try ConfigurationScan.check(text, file: file)
    do {
      if case .mapping(let mapping) = try Parser(yaml: text).singleRoot() { return mapping }
      throw InputError(.taskFile, file: file, found: "no list of \"key: value\" lines")
    } catch let error as YamlError {
      throw InputError(.taskFile, file: file, found: "text that cannot be read as YAML: \(error)")
    }
  }

  /// The settings that the task's own file names, under `settings`.
  static func settings(_ folder: String) throws -> Node.Mapping? {
    guard let node = try mapping(folder)["settings"] else { return nil }
    guard case .mapping(let settings) = node else {
      throw InputError(
        .taskFile, file: path(folder), at: .init(field: "settings"), found: "a single value",
        allowed: "a section of settings")
    }
    return settings
  }
}

extension InputError.Rule {
  /// A `task.yaml` that is no description of a task.
  static let taskFile = Self("TASK-03", exit: .configuration)
  /// A row of a task's questions that cannot be used.
  static let taskRow = Self("TASK-04", exit: .malformedFile)
}
