public import Boundary

/// How long a study takes and how much memory, before it is run.
public struct StudyEstimate {
  /// Runs of one task with one model.
  struct Row {
    let task: String
    let model: String
    var runs = 0
    var complete = 0
    /// Of the runs that are not complete.
    var seconds = 0.0
    var limit = 0.0
  }

  private(set) var rows: [Row] = []
  /// By model.
  let speeds: [String: WorkSpeed]

  /// - Parameters:
  ///   - plan: The study.
  ///   - measure: Loads a model and measures it on a configuration's sizes; called once for each model. Also gives the
  ///     tokens of a text.
  /// - Throws: What `measure` throws; `InputError` when a run folder or a task's questions cannot be read.
  public init(
    _ plan: StudyPlan,
    measure: (RunConfiguration) throws -> (speed: WorkSpeed, tokens: (String) -> Int)
  ) throws {
    let results = try plan.results()
    var speeds: [String: WorkSpeed] = [:]
    var tokenizers: [String: (String) -> Int] = [:]
    var sizes: [String: (training: RunWork.Size, test: RunWork.Size)] = [:]
    for cell in plan.cells {
      let point = cell.point
      if speeds[point.model] == nil {
        (speeds[point.model], tokenizers[point.model]) = try measure(cell.configuration)
      }
      guard let speed = speeds[point.model], let tokens = tokenizers[point.model] else { continue }
      let key = "\(point.model) \(point.task)"
      if sizes[key] == nil {
        let course = try Course(cell.configuration)
        sizes[key] = (
          .init(course.training, of: course, length: tokens),
          .init(course.test, of: course, length: tokens)
        )
      }
      guard let size = sizes[key] else { continue }
      let work = RunWork(cell.configuration, training: size.training, test: size.test)
      if rows.last(where: { $0.task == point.task && $0.model == point.model }) == nil {
        rows.append(Row(task: point.task, model: point.model))
      }
      for index in rows.indices
      where rows[index].task == point.task && rows[index].model == point.model {
        rows[index].runs += 1
        if results.complete.contains(cell.id) {
          rows[index].complete += 1
        } else {
          let seconds =
            results.measuredSeconds(like: point) ?? work.expected.seconds(at: speed)
          rows[index].seconds += seconds
          // Runs beside others take longer than was measured just now.
          rows[index].limit += max(seconds, work.limit.seconds(at: speed))
        }
      }
    }
    self.speeds = speeds
  }

  /// Of all runs that are not complete.
  var seconds: Double { rows.reduce(0) { $0 + $1.seconds } }
  var limit: Double { rows.reduce(0) { $0 + $1.limit } }
  var memory: Int { speeds.values.map(\.memory).max() ?? 0 }
}

extension StudyResults {
  /// The mean seconds of complete runs that differ in the seed alone; nil where there is none.
  func measuredSeconds(like point: StudyCell.Point) -> Double? {
    let like = plan.cells.filter { $0.point == point && complete.contains($0.id) }
    guard !like.isEmpty else { return nil }
    let ids = Set(like.map(\.id))
    let total = stages.filter { ids.contains($0.cell.id) }.reduce(0) { $0 + $1.record.seconds }
    return total / Double(like.count)
  }
}

extension StudyEstimate: CustomStringConvertible {
  public var description: String {
    var lines = [
      TextTable(
        title:
          "What is to be run, one after another; expected with answers as long as the solutions, or as measured in "
          + "complete runs, and at most with every limit used up",
        header: ["task", "model", "runs", "complete", "expected", "at most"],
        rows: rows.map {
          [
            $0.task, $0.model, "\($0.runs)", "\($0.complete)", duration($0.seconds),
            duration($0.limit),
          ]
        } + [
          [
            "all", "", "\(rows.reduce(0) { $0 + $1.runs })",
            "\(rows.reduce(0) { $0 + $1.complete })", duration(seconds), duration(limit),
          ]
        ], name: "estimate", words: 2
      ).text
    ]
    for (model, speed) in speeds.sorted(by: { $0.key < $1.key }) {
      lines.append(
        "\(model): \(Int(speed.prompt)) prompt, \(Int(speed.generated)) generated, \(Int(speed.trained)) trained "
          + "tokens/s here; about \(ByteSize(bytes: speed.memory)) of memory")
    }
    return lines.joined(separator: "\n")
  }

  public var json: JSONValue {
    [
      "runs": .integer(Int64(rows.reduce(0) { $0 + $1.runs })),
      "complete": .integer(Int64(rows.reduce(0) { $0 + $1.complete })),
      "seconds": .number(rounded(seconds)), "seconds_at_most": .number(rounded(limit)),
      "memory_bytes": .integer(Int64(memory)),
    ]
  }

  /// Seconds as `1 h 05 min`, `12 min` or `40 s`.
  private func duration(_ seconds: Double) -> String {
    let whole = Int(min(seconds, 1e9).rounded())
    if whole < 100 { return "\(whole) s" }
    let minutes = (whole + 30) / 60
    if minutes < 100 { return "\(minutes) min" }
    return "\(minutes / 60) h \(minutes % 60 < 10 ? "0" : "")\(minutes % 60) min"
  }
}
