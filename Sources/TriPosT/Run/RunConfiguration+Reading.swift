import Boundary
import Yams

extension RunConfiguration {
  /// A setting given on the command line, which wins over the file.
  public struct Override: Equatable, Sendable {
    public let key: String
    public let value: String

    public init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// Reads a configuration file and lays the command line's settings over it.
  ///
  /// - Parameters:
  ///   - yaml: The text of the file; nil is the same as an empty one.
  ///   - file: Its name, for messages.
  ///   - overrides: The command line's settings.
  /// - Throws: `InputError` when the text is no YAML, `ConfigurationProblems` with everything else
  ///   that is wrong.
  public init(yaml: String?, file: String? = nil, overrides: [Override] = []) throws {
    var reader = ConfigurationReader(file: file)
    if let yaml { try reader.read(yaml) }
    for override in overrides { reader.read(override) }
    self = try reader.configuration()
  }
}

/// Gathers settings and problems from the file and the command line.
struct ConfigurationReader {
  let file: String?
  private var values: [String: Setting.Value] = [:]
  private(set) var problems: [InputError] = []

  init(file: String?) { self.file = file }

  mutating func read(_ yaml: String) throws {
    if let mapping = try Self.root(of: yaml, file: file) { read(mapping) }
  }

  /// The document of a configuration; nil for an empty one.
  ///
  /// - Throws: `InputError` when the text is no YAML of this plain kind.
  static func root(of yaml: String, file: String?) throws -> Node.Mapping? {
    try ConfigurationScan.check(yaml, file: file)
    do {
      guard let root = try Parser(yaml: yaml).singleRoot() else { return nil }
      guard case .mapping(let mapping) = root else {
        if case .scalar(let scalar) = root, scalar.string.isEmpty { return nil }
        throw InputError(
          .settingType, file: file, at: place(of: root), found: "the document",
          allowed: "a list of \"setting: value\" lines")
      }
      return mapping
    } catch let error as YamlError {
      throw refusal(of: error, in: yaml, file: file)
    }
  }

  /// Whether the file or the command line gave this setting.
  func has(_ key: String) -> Bool { values[key] != nil }

  mutating func read(_ override: RunConfiguration.Override) {
    guard let setting = Setting.all.first(where: { $0.key == override.key }) else {
      problems.append(unknown(override.key, at: .init(field: override.key), file: nil))
      return
    }
    let items = override.value.split(separator: ",").map(String.init)
    if setting.kind.isList {
      store(setting, read(items: items, for: setting, at: .init(field: setting.key), file: nil))
    } else {
      store(
        setting,
        read(
          override.value, quoted: setting.kind == .text, for: setting,
          at: .init(field: setting.key), file: nil))
    }
  }

  /// The defaults of the profile, the task, the method and the preset, then every setting that was given.
  func configuration() throws -> RunConfiguration {
    var result = RunConfiguration()
    var values = values
    func apply(_ setting: Setting) {
      if let value = values[setting.key] { setting.set(&result, value) }
    }
    for setting in Setting.all where ["profile", "task"].contains(setting.key) { apply(setting) }
    if TaskFile.isFolder(result.task) {
      let task = try TaskFile(result.task)
      values.merge(try Self.settings(of: task)) { given, _ in given }
    }
    for setting in Setting.all where setting.key == "method" { apply(setting) }
    result = RunConfiguration(profile: result.profile, task: result.task, method: result.method)
    for setting in Setting.all where setting.key == "compat.preset" { apply(setting) }
    result.apply(result.compatPreset)
    for setting in Setting.all { apply(setting) }
    try ConfigurationProblems.throwIfAny(problems + result.disagreements(file: file))
    return result
  }

  /// The settings that a task of the user's starts from; words that begin with ./ are in its folder.
  private static func settings(of task: TaskFile) throws -> [String: Setting.Value] {
    guard let mapping = try TaskFile.settings(task.folder) else { return [:] }
    var reader = ConfigurationReader(file: TaskFile.path(task.folder))
    reader.read(mapping)
    try ConfigurationProblems.throwIfAny(reader.problems)
    return reader.values.filter { !["profile", "task"].contains($0.key) }.mapValues { value in
      guard case .text(let text) = value else { return value }
      return .text(
        text.words.map { $0.starts(with: "./") ? "\(task.folder)/\($0.dropFirst(2))" : "\($0)" }
          .joined(separator: " "))
    }
  }

  mutating func read(_ mapping: Node.Mapping, section: String = "") {
    for (keyNode, node) in mapping {
      guard case .scalar(let name) = keyNode else {
        problems.append(
          InputError(
            .settingType, file: file, at: Self.place(of: keyNode),
            found: "a list or section as a name",
            allowed: "the name of a setting"))
        continue
      }
      let key = section.isEmpty ? name.string : "\(section).\(name.string)"
      if let setting = Setting.all.first(where: { $0.key == key }) {
        store(setting, read(node, for: setting))
      } else if Setting.all.contains(where: { $0.key.hasPrefix(key + ".") }) {
        if case .mapping(let inner) = node {
          read(inner, section: key)
        } else {
          problems.append(
            InputError(
              .settingType, file: file, at: Self.place(of: node, field: key),
              found: "a single value",
              allowed: "a section of settings"))
        }
      } else {
        problems.append(unknown(key, at: Self.place(of: keyNode), file: file))
      }
    }
  }

  private mutating func store(_ setting: Setting, _ value: Result<Setting.Value, InputError>) {
    switch value {
    case .success(let value): values[setting.key] = value
    case .failure(let problem): problems.append(problem)
    }
  }

  private func read(_ node: Node, for setting: Setting) -> Result<Setting.Value, InputError> {
    let at = Self.place(of: node, field: setting.key)
    switch node {
    case .scalar(let scalar):
      return read(
        scalar.string, quoted: scalar.style != .plain, for: setting, at: at, file: file)
    case .sequence(let sequence):
      let items = sequence.compactMap { item -> String? in
        if case .scalar(let scalar) = item { scalar.string } else { nil }
      }
      guard setting.kind.isList, items.count == sequence.count else { fallthrough }
      return read(items: items, for: setting, at: at, file: file)
    default:
      return .failure(
        InputError(
          .settingType, file: file, at: at, found: "a list or section",
          allowed: setting.kind.allowed))
    }
  }

  private func read(
    items: [String], for setting: Setting, at place: InputError.Place, file: String?
  ) -> Result<Setting.Value, InputError> {
    var names: [String] = []
    if case .list(let choices) = setting.kind { names = choices }
    if !names.isEmpty, let stranger = items.first(where: { !names.contains($0) }) {
      return .failure(
        InputError(
          .settingRange, file: file, at: place, found: "\"\(escaped(stranger))\"",
          allowed: setting.kind.allowed))
    }
    if items.isEmpty && setting.kind != .files || Set(items).count < items.count {
      return .failure(
        InputError(
          .settingRange, file: file, at: place,
          found: items.isEmpty ? "an empty list" : "a list that names one thing twice",
          allowed: setting.kind.allowed))
    }
    return .success(.list(items))
  }

  func read(
    _ text: String, quoted: Bool, for setting: Setting, at place: InputError.Place, file: String?
  ) -> Result<Setting.Value, InputError> {
    func refused(_ rule: InputError.Rule) -> Result<Setting.Value, InputError> {
      .failure(
        InputError(
          rule, file: file, at: place, found: quoted ? "\"\(escaped(text))\"" : escaped(text),
          allowed: setting.kind.allowed))
    }
    if text.hasPrefix("sk-") || text.hasPrefix("Bearer ") {
      return .failure(
        InputError(
          .noSecret, file: file, at: place, found: "this value looks like a secret",
          hints: ["keep keys in an environment variable"]))
    }
    switch setting.kind {
    case .text:
      return !quoted && ["", "~", "null"].contains(text)
        ? refused(.settingSpelling) : .success(.text(text))
    case .choice(let names):
      return names.contains(text) ? .success(.text(text)) : refused(.settingRange)
    case .flag where quoted, .integer where quoted, .number where quoted:
      return refused(.settingType)
    case .flag:
      guard text == "true" || text == "false" else { return refused(.settingSpelling) }
      return .success(.flag(text == "true"))
    case .integer(let range):
      guard isNumber(text, fraction: false) else {
        return refused(isNumber(text, fraction: true) ? .settingType : .settingSpelling)
      }
      guard let value = Int(text), range.contains(value) else { return refused(.settingRange) }
      return .success(.integer(value))
    case .number(let range, let above):
      guard isNumber(text, fraction: true), let value = Double(text) else {
        return refused(.settingSpelling)
      }
      guard range.contains(value), !above || value > range.lowerBound else {
        return refused(.settingRange)
      }
      return .success(.number(value))
    case .list, .files:
      return refused(.settingType)
    }
  }

  /// Whether the text is a decimal number in the one accepted spelling: `-3`, `0.5`, `1e-4`.
  private func isNumber(_ text: String, fraction: Bool) -> Bool {
    var rest = Substring(text)
    if rest.first == "-" { rest.removeFirst() }
    func digits() -> Int {
      let count = rest.prefix { $0.isASCII && $0.isNumber }.count
      rest.removeFirst(count)
      return count
    }
    let leadingZero = rest.first == "0"
    let whole = digits()
    guard whole == 1 || whole > 1 && !leadingZero else { return false }
    guard fraction else { return rest.isEmpty }
    if rest.first == "." {
      rest.removeFirst()
      if digits() == 0 { return false }
    }
    if rest.first == "e" || rest.first == "E" {
      rest.removeFirst()
      if rest.first == "-" || rest.first == "+" { rest.removeFirst() }
      if digits() == 0 { return false }
    }
    return rest.isEmpty
  }

  private func unknown(_ key: String, at place: InputError.Place, file: String?) -> InputError {
    let names = Setting.all.map(\.key)
    let nearest = names.min { distance(key, $0) < distance(key, $1) } ?? ""
    let known = distance(key, nearest) <= 3 + key.count / 4
    return InputError(
      .knownSetting, file: file, at: place,
      found: "unknown setting \"\(escaped(key))\""
        + (known ? "; the nearest is \"\(nearest)\"" : ""),
      hints: ["tripost run --settings lists all settings"])
  }

  /// How many letters to change, insert or remove; the last part of a name counts by itself, too.
  private func distance(_ key: String, _ name: String) -> Int {
    let ownPart = key.split(separator: ".").last.map(String.init) ?? key
    let namesPart = name.split(separator: ".").last.map(String.init) ?? name
    return min(edits(key, name), edits(ownPart, namesPart) + 1)
  }

  private func edits(_ a: String, _ b: String) -> Int {
    let b = Array(b)
    var row = Array(0...b.count)
    for (i, letter) in a.prefix(128).enumerated() {
      var diagonal = row[0]
      row[0] = i + 1
      for j in b.indices {
        let change = diagonal + (letter == b[j] ? 0 : 1)
        diagonal = row[j + 1]
        row[j + 1] = min(change, row[j] + 1, diagonal + 1)
      }
    }
    return row[b.count]
  }

  static func place(of node: Node, field: String? = nil) -> InputError.Place {
    .init(field: field, line: node.mark?.line, column: node.mark?.column)
  }

  private static func refusal(of error: YamlError, in yaml: String, file: String?) -> InputError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      return InputError(
        .readableDocument, file: file, at: .init(line: mark.line, column: mark.column),
        found: problem)
    case .duplicatedKeysInMapping(let names, let context):
      let name = names.first ?? ""
      let lines = yaml.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
        .filter { $1.drop { $0 == " " }.hasPrefix(name + ":") }
        .filter { $1.prefix { $0 == " " }.count == context.mark.column - 1 }
        .map { "\($0.offset + 1)" }
      return InputError(
        .settingOnce, file: file,
        at: .init(line: context.mark.line, column: context.mark.column),
        found: "\"\(escaped(name))\" is set twice, in lines \(lines.joined(separator: ", "))")
    default:
      return InputError(.readableDocument, file: file, found: "text that cannot be read as YAML")
    }
  }
}
