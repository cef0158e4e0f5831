import Boundary
import Yams

extension StudyPlan {
  /// Reads a study.
  ///
  /// - Parameters:
  ///   - yaml: Its text.
  ///   - file: Its name, for messages.
  ///   - output: The study's folder, in the place of the one in the text.
  /// - Throws: `InputError` when the text is no YAML, `ConfigurationProblems` with everything else that is wrong, in
  ///   any of its runs.
  public init(yaml: String, file: String? = nil, output: String? = nil) throws {
    var reader = StudyReader(file: file)
    if let root = try ConfigurationReader.root(of: yaml, file: file) { reader.read(root) }
    let grid = try reader.grid(output: output)
    cells = try grid.cells(file: file)
    self.output = grid.output
    text = yaml
  }
}

/// What a study's text says: the values of each axis, and settings.
struct StudyGrid {
  var output = ""
  var methods: [Method] = []
  var tasks: [String] = []
  var models: [String] = []
  var seeds: [Int] = []
  /// No value stands for what the settings say.
  var shares: [Double?] = [nil]
  var weights: [Double?] = [nil]
  var iterations: [Int?] = [nil]
  /// Tasks that adapters of other ones are tested on.
  var transfer: [String] = []
  /// Settings of all runs, and of a task's.
  var settings: ConfigurationReader
  var taskSettings: [String: ConfigurationReader] = [:]
}

private struct StudyReader {
  let file: String?
  private var problems: [InputError] = []
  private var grid: StudyGrid
  /// The nodes of settings of single tasks, which lie over those of all.
  private var taskNodes: [(task: String, mapping: Node.Mapping)] = []

  init(file: String?) {
    self.file = file
    grid = StudyGrid(settings: ConfigurationReader(file: file))
  }

  private static let keys = [
    "output", "methods", "tasks", "models", "seeds", "p", "w", "iterations",
    "transfer", "settings", "task_settings",
  ]

  /// Settings that the grid decides.
  private static let ownSettings = [
    "task", "model", "output", "method", "seed", "iterations", "opening_from",
    "control_tokens_from",
  ]

  mutating func read(_ root: Node.Mapping) {
    for (keyNode, node) in root {
      let key = keyNode.scalar?.string ?? ""
      switch key {
      case "output": grid.output = texts(key, node, \.output).first ?? ""
      case "methods":
        grid.methods = values(key, node, .choice(key, \.method, "")).compactMap(\.text)
          .compactMap(Method.init)
      case "tasks": grid.tasks = texts(key, node, \.task)
      case "transfer": grid.transfer = texts(key, node, \.task)
      case "models": grid.models = texts(key, node, \.model)
      case "seeds":
        grid.seeds = values(key, node, .integer("seed", \.seed, 0...Int.max, "")).compactMap(\.int)
      case "iterations":
        grid.iterations = axis(
          values(key, node, .integer(key, \.iterations, 0...100, "")).compactMap(\.int))
      case "p":
        grid.shares = axis(
          values(key, node, .number(key, \.mix.rho, 0...0.95, above: true, "")).compactMap(\.double)
        )
      case "w":
        grid.weights = axis(
          values(key, node, .number(key, \.train.selfImproveWeight, 0...100, "")).compactMap(
            \.double))
      case "settings":
        if let mapping = section(key, node) { grid.settings.read(mapping) }
      case "task_settings":
        for (taskNode, node) in section(key, node) ?? [:] {
          let task = taskNode.scalar?.string ?? ""
          if let mapping = section("\(key).\(task)", node) { taskNodes.append((task, mapping)) }
        }
      default:
        problems.append(
          InputError(
            .knownSetting, file: file, at: ConfigurationReader.place(of: keyNode),
            found: "\"\(escaped(key))\"",
            allowed: "a key of a study: " + Self.keys.joined(separator: ", ")))
      }
    }
  }

  /// The grid, when nothing is wrong with it.
  mutating func grid(output: String?) throws -> StudyGrid {
    if let output { grid.output = output }
    let defaults = RunConfiguration()
    if grid.output.isEmpty { refuse(.studySetting, "no \"output\", the study's folder") }
    if grid.methods.isEmpty { refuse(.studySetting, "no \"methods\"") }
    if grid.tasks.isEmpty { grid.tasks = [defaults.task] }
    if grid.models.isEmpty { grid.models = [defaults.model] }
    if grid.seeds.isEmpty { grid.seeds = [defaults.seed] }
    problems += grid.settings.problems
    for (task, mapping) in taskNodes {
      guard Course.names.contains(task) || (grid.tasks + grid.transfer).contains(task) else {
        refuse(.studySetting, "\"task_settings\" of \"\(escaped(task))\", which is no task")
        continue
      }
      var settings = grid.taskSettings[task] ?? grid.settings
      let before = settings.problems.count
      settings.read(mapping)
      problems += settings.problems.dropFirst(before)
      grid.taskSettings[task] = settings
    }
    var own = Self.ownSettings
    if grid.shares != [nil] { own.append("mix.rho") }
    if grid.weights != [nil] { own.append("train.self_improve_weight") }
    for key in own
    where ([grid.settings] + grid.taskSettings.values).contains(where: { $0.has(key) }) {
      refuse(.studySetting, "\"\(key)\" among the settings; the study itself sets it")
    }
    if grid.methods.contains(.rationale), !grid.methods.contains(.tripost) {
      refuse(.studyNeeds, "\"rationale\" without \"tripost\", whose tokens it matches")
    }
    try ConfigurationProblems.throwIfAny(problems)
    return grid
  }

  private mutating func refuse(_ rule: InputError.Rule, _ found: String) {
    problems.append(InputError(rule, file: file, found: found))
  }

  private func axis<Value>(_ values: [Value]) -> [Value?] { values.isEmpty ? [nil] : values }

  private mutating func section(_ key: String, _ node: Node) -> Node.Mapping? {
    if let mapping = node.mapping { return mapping }
    problems.append(
      InputError(
        .settingType, file: file, at: ConfigurationReader.place(of: node, field: key),
        found: "a value or list", allowed: "a section of settings"))
    return nil
  }

  /// The texts of a list, or a single one.
  private mutating func texts(
    _ key: String, _ node: Node, _ path: any Setting.Path<String>
  ) -> [String] {
    values(key, node, .text(key, path, "")).compactMap(\.text)
  }

  /// The values of a list, or a single one, each as it would be for a setting.
  private mutating func values(_ key: String, _ node: Node, _ setting: Setting) -> [Setting.Value] {
    let nodes = node.sequence.map(Array.init) ?? [node]
    var values: [Setting.Value] = []
    for item in nodes {
      let place = ConfigurationReader.place(of: item, field: key)
      guard case .scalar(let scalar) = item else {
        problems.append(
          InputError(
            .settingType, file: file, at: place, found: "a list or section",
            allowed: setting.kind.allowed))
        continue
      }
      switch grid.settings.read(
        scalar.string, quoted: scalar.style != .plain, for: setting, at: place, file: file)
      {
      case .success(let value) where values.contains(value):
        problems.append(
          InputError(
            .settingRange, file: file, at: place, found: "\(escaped(scalar.string)), twice",
            allowed: "a list without repetitions"))
      case .success(let value): values.append(value)
      case .failure(let problem): problems.append(problem)
      }
    }
    return values
  }
}

extension Setting.Value {
  fileprivate var int: Int? { if case .integer(let value) = self { value } else { nil } }
  fileprivate var double: Double? { if case .number(let value) = self { value } else { nil } }
  fileprivate var text: String? { if case .text(let value) = self { value } else { nil } }
}
