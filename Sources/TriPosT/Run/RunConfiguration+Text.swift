import Boundary

extension RunConfiguration {
  /// Every setting with its value, as YAML that reads back as this same configuration.
  public var yaml: String {
    var lines: [String] = []
    var section = ""
    for setting in Setting.all {
      var name = setting.key
      if let dot = name.firstIndex(of: ".") {
        let own = String(name[..<dot])
        if own != section { lines.append("\(own):") }
        section = own
        name = "  " + name[name.index(after: dot)...]
      }
      lines.append("\(name): \(setting.get(self).yaml)")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The SHA-256 of all settings that decide the bits of the result.
  public var digest: String {
    let lines = Setting.all.filter { !$0.mayChange }.map { "\($0.key): \($0.get(self).yaml)\n" }
    return SHA256.hex(of: Array(lines.joined().utf8))
  }

  /// What differs of all that decides the result: the setting's name, its value there and here.
  func differences(
    from other: RunConfiguration
  ) -> [(key: String, there: String, here: String)] {
    Setting.all.filter { !$0.mayChange && $0.get(self) != $0.get(other) }
      .map { ($0.key, $0.get(other).yaml, $0.get(self).yaml) }
  }

  /// Settings that exclude each other or lack each other (CFG-06).
  func disagreements(file: String?) -> [InputError] {
    var problems: [InputError] = []
    func refuse(_ found: String) {
      problems.append(InputError(.settingsAgree, file: file, found: found))
    }
    for setting in Setting.all {
      guard let value = method.fixed[setting.key], setting.get(self) != value else { continue }
      refuse(
        "\"method: \(method.name)\" needs \"\(setting.key): \(value.yaml)\", not "
          + setting.get(self).yaml)
    }
    if method.opening != .rationales, !openingFrom.isEmpty {
      refuse("\"method: \(method.name)\" has an opening of its own, not that of \"opening_from\"")
    }
    if method == .rationale, controlTokensFrom.isEmpty {
      refuse("\"method: rationale\" needs \"control_tokens_from\", the run to match")
    }
    if method != .rationale, !controlTokensFrom.isEmpty {
      refuse("\"control_tokens_from\" is for \"method: rationale\" only")
    }
    if lora.targets.count > 1, lora.targets.contains("all-linear") {
      refuse("\"lora.targets\" names all-linear and single projections")
    }
    if TaskFile.isFolder(task) {
      if method.asksDemonstrator {
        refuse("\"method: \(method.name)\" " + Method.needsDemonstrator)
      }
      for (role, judge) in judges where judge.kind == .script && method.isJudged {
        refuse(
          "\"\(role.rawValue).kind: script\" is for the program's own tasks; name another kind")
      }
      if !data.files.isEmpty {
        refuse("files of questions in \"data\" are for the program's own tasks")
      }
    } else if let tasks = Course.tasks(named: task) {
      if tasks.count > 1, method.isJudged, judges.contains(where: { $0.settings.kind != .script }) {
        refuse("several tasks are judged and mended by their scripts; leave the kinds as they are")
      }
      if tasks.count > 1, !data.files.isEmpty {
        refuse("files of questions in \"data\" are for a single task")
      }
    } else {
      problems.append(
        InputError(
          .settingRange, file: file, at: .init(field: "task"), found: "\"\(escaped(task))\"",
          allowed: "one of " + Course.names.joined(separator: ", ")
            + ", several joined by +, or a folder with a task.yaml"))
    }
    for shape in data.seen where data.unseen.contains(shape) {
      refuse("\"\(escaped(shape))\" is in \"data.seen\" and \"data.unseen\"")
    }
    problems += judgeDisagreements(file: file)
    if let problem = Course.problem(with: self) { problems.append(problem) }
    return problems
  }

  /// The table of what each task's defaults are in Markdown, for `docs/tripost.md`.
  static var taskDefaultsTable: String {
    let configurations = Course.names.map { RunConfiguration(profile: .shipped, task: $0) }
    let rows = Setting.all.filter { setting in
      setting.key != "task" && Set(configurations.map { setting.get($0).yaml }).count > 1
    }.map { setting in
      "| `\(setting.key)` | "
        + configurations.map { "`\(setting.get($0).yaml)`" }.joined(separator: " | ") + " |"
    }
    let names = Course.names.map { "`\($0)`" }.joined(separator: " | ")
    let rule = String(repeating: " --- |", count: Course.names.count + 1)
    return (["| setting | \(names) |", "|" + rule] + rows).joined(separator: "\n")
  }

  /// The table of all settings in Markdown, for `docs/tripost.md`.
  public static var settingsTable: String {
    let defaults = RunConfiguration()
    let rows = Setting.all.map { setting in
      "| `\(setting.key)` | `\(setting.get(defaults).yaml)` | \(setting.kind.allowed) | \(setting.about) |"
    }
    return (["| setting | default | allowed | meaning |", "| --- | --- | --- | --- |"] + rows)
      .joined(separator: "\n")
  }
}

extension Setting.Value {
  /// The value in the spelling that the reader accepts.
  var yaml: String {
    switch self {
    case .integer(let value): "\(value)"
    case .number(let value): plain(value)
    case .flag(let value): "\(value)"
    case .text(let text): text.isPlainYAML ? text : JSONValue.string(text).serialized
    case .list(let values): "[" + values.map { Self.text($0).yaml }.joined(separator: ", ") + "]"
    }
  }
}

extension String {
  /// Whether the text means itself when it stands in YAML without quotes.
  fileprivate var isPlainYAML: Bool {
    guard let first, first.isLetter || first == "/" || first == ".", self != "null" else {
      return false
    }
    return allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-/".contains($0)) }
  }
}
