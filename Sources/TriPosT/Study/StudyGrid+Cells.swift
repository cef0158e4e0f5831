import Boundary

extension StudyGrid {
  /// The runs of the grid, each once, and with each method that begins with rationales the run that it takes them from.
  ///
  /// - Throws: `ConfigurationProblems` with what is wrong in any of them.
  func cells(file: String?) throws -> [StudyCell] {
    var cells: [StudyCell] = []
    var problems: [InputError] = []
    let names = taskNames
    for seed in seeds {
      for model in models {
        for task in tasks {
          for point in points(task: names[task] ?? task, model: model) {
            do {
              let cell = try cell(point, of: task, seed: seed, file: file)
              if !cells.contains(where: { $0.id == cell.id }) { cells.append(cell) }
            } catch let error as ConfigurationProblems {
              problems += error.problems.filter { !problems.contains($0) }
            }
            guard cells.count <= Self.limit else {
              throw InputError(
                .studySize, file: file, found: "more than \(Self.limit) runs",
                hints: ["split the study"])
            }
          }
        }
      }
    }
    try ConfigurationProblems.throwIfAny(problems)
    return cells
  }

  /// The runs of a task and a model: ft rationale, then the others.
  private func points(task: String, model: String) -> [StudyCell.Point] {
    let ordered = Method.allCases.filter { methods.contains($0) }
    let others = ordered.filter { ![.ftRationale, .rationale].contains($0) }
    let control = ordered.filter { $0 == .rationale }
    return ([.ftRationale] + others + control).flatMap { method -> [StudyCell.Point] in
      var points: [StudyCell.Point] = []
      for iterations in method.isRepeated ? iterations : [nil] {
        for share in method.hasShare ? shares : [nil] {
          for weight in method.hasWeight ? weights : [nil] {
            points.append(
              .init(
                method: method.name, task: task, model: model, share: share, weight: weight,
                iterations: iterations))
          }
        }
      }
      return points
    }
  }

  private func cell(
    _ point: StudyCell.Point, of task: String, seed: Int, file: String?
  ) throws -> StudyCell {
    var reader = taskSettings[task] ?? settings
    var method = Method(rawValue: point.method) ?? .tripost
    let id = path(of: point, seed: seed)
    var needs: [String] = []
    func set(_ key: String, _ value: String?) {
      if let value { reader.read(RunConfiguration.Override(key, value)) }
    }
    set("method", method.name)
    set("task", task)
    set("model", point.model)
    set("seed", "\(seed)")
    set("output", "\(output)/\(id)")
    set("iterations", point.iterations.map { "\($0)" })
    set("mix.rho", point.share.map { plain(TrainingMix.Options.ratio(forShare: $0)) })
    set("train.self_improve_weight", point.weight.map(plain))
    if method != .ftRationale, method.opening == .rationales {
      let opening = path(
        of: .init(method: Method.ftRationale.name, task: point.task, model: point.model),
        seed: seed)
      needs.append(opening)
      set("opening_from", "\(output)/\(opening)")
    }
    if method == .rationale {
      method = .tripost
      let matched = path(
        of: .init(
          method: method.name, task: point.task, model: point.model, share: shares[0],
          weight: weights[0], iterations: point.iterations), seed: seed)
      needs.append(matched)
      set("control_tokens_from", "\(output)/\(matched)")
    }
    return StudyCell(
      point: point, seed: seed, id: id, configuration: try reader.configuration(), needs: needs,
      transfers: try transfers(of: point, seed: seed))
  }

  /// What the tests of a run on other tasks are configured by: as those tasks' own runs are.
  private func transfers(
    of point: StudyCell.Point, seed: Int
  ) throws -> [(task: String, configuration: RunConfiguration)] {
    guard Method(rawValue: point.method)?.transfers == true else { return [] }
    let names = taskNames
    return try transfer.filter { names[$0] != point.task }.map { task in
      var reader = taskSettings[task] ?? settings
      for (key, value) in [
        ("method", Method.ftRationale.name), ("task", task), ("model", point.model),
        ("seed", "\(seed)"),
      ] { reader.read(RunConfiguration.Override(key, value)) }
      return (names[task] ?? task, try reader.configuration())
    }
  }

  /// `multistep_arithmetic/tripost-6m-q8_0/seed-1/tripost-p0.43-w1.5-t3`, with those parts that the study sets.
  private func path(of point: StudyCell.Point, seed: Int) -> String {
    let model = modelNames[point.model] ?? point.model
    return "\(point.task)/\(model)/seed-\(seed)/\(point.method)"
      + (point.share.map { "-p" + plain($0) } ?? "")
      + (point.weight.map { "-w" + plain($0) } ?? "")
      + (point.iterations.map { "-t\($0)" } ?? "")
  }

  /// The models' file names without ending.
  private var modelNames: [String: String] {
    Self.distinct(models) { model in
      let name = model.split(separator: "/").last.map(String.init) ?? model
      return name.hasSuffix(".gguf") ? String(name.dropLast(5)) : name
    }
  }

  /// The tasks' own names; a folder that is no task is refused with the run's settings.
  private var taskNames: [String: String] {
    Self.distinct(tasks + transfer.filter { !tasks.contains($0) }) { task in
      TaskFile.isFolder(task) ? (try? TaskFile(task))?.name ?? "task" : task
    }
  }

  /// Names by what they are for, numbered where two are the same.
  private static func distinct(
    _ paths: [String], name: (String) -> String
  ) -> [String: String] {
    var names: [String: String] = [:]
    for path in paths {
      let name = name(path)
      let same = names.values.count { $0 == name || $0.hasPrefix(name + "-") }
      names[path] = same == 0 ? name : "\(name)-\(same + 1)"
    }
    return names
  }

  /// Runs of one study.
  private static let limit = 10_000
}

extension Method {
  /// Whether it leaves an adapter that can be tested on any task, without anything shown in prompts.
  var transfers: Bool {
    opening == .rationales && [.single, .selfImproving].contains(tests[0])
  }

  /// Whether `iterations` matters to it.
  var isRepeated: Bool { if case .all = rounds { true } else { false } }

  /// Whether it mixes improved texts with others, and so has a share of them.
  var hasShare: Bool {
    if case .trajectories = material { fixed["mix.rho"] == nil } else { false }
  }

  /// Whether feedback and updates have a weight of their own.
  var hasWeight: Bool {
    if case .trajectories = material { fixed["train.self_improve_weight"] == nil } else { false }
  }
}
