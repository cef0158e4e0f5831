public import Boundary

/// The numbers of a training in its folder: `metrics.jsonl`, and where asked for `metrics.csv` and `tensorboard/`.
///
/// `metrics.jsonl` is the truth. Training that goes on from a checkpoint forgets what was logged after it, and writes the other
/// files anew from the lines that stay, so a stopped run leaves the same numbers as one that was not.
public final class TrainingLog {
  /// What is written besides `metrics.jsonl`.
  public enum Format: String, CaseIterable, Sendable {
    case csv, tensorboard

    fileprivate var file: String {
      switch self {
      case .csv: "metrics.csv"
      case .tensorboard: "tensorboard"
      }
    }
  }

  /// The formats that a folder has files of, from a training that is gone on with.
  public static func formats(in folder: String) -> Set<Format> {
    Set(Format.allCases.filter { Files.exists("\(folder)/\($0.file)") })
  }

  private let lines: AppendFile
  private let table: AppendFile?
  private let events: AppendFile?
  private var hasData = false

  /// Opens the log, or makes it.
  ///
  /// - Parameters:
  ///   - folder: Where the files are.
  ///   - formats: What to write besides `metrics.jsonl`.
  ///   - step: The step to go on from; later lines are removed.
  ///   - time: Now, in seconds since 1970; names TensorBoard's file.
  /// - Throws: `InputError` when a line of the log is damaged; input/output errors.
  public init(_ folder: String, formats: Set<Format>, upTo step: Int, time: Double) throws {
    let path = "\(folder)/metrics.jsonl"
    var kept: [JSONObject] = []
    if Files.exists(path) {
      kept = try JSONLines.readWholeLines(path).rows.compactMap(\.object)
        .filter { $0["step"]?.int ?? 0 <= step }
      try Files.writeAtomically(kept.map { Self.line(of: $0) + "\n" }.joined(), to: path)
    }
    lines = try AppendFile(path)
    hasData = kept.contains { $0["event"]?.string == "data" }

    if formats.contains(.csv) {
      let path = "\(folder)/\(Format.csv.file)"
      let rows = [Self.columns.joined(separator: ",")] + kept.compactMap(Self.row)
      try Files.writeAtomically(rows.map { $0 + "\n" }.joined(), to: path)
      table = try AppendFile(path)
    } else {
      table = nil
    }

    if formats.contains(.tensorboard) {
      let place = "\(folder)/\(Format.tensorboard.file)"
      if Files.exists(place) { try Files.remove(place) }
      try Files.createDirectory(place)
      let path = "\(place)/events.out.tfevents.\(Int(time)).tripost"
      try Files.writeAtomically(
        EventFile.header(time: time) + kept.flatMap(Self.event), to: path)
      events = try AppendFile(path)
    } else {
      events = nil
    }
  }

  /// Records what is known of the rows, once.
  public func record(data counts: JSONObject) throws {
    if !hasData { try append("data", counts, clock: [:]) }
    hasData = true
  }

  /// Records a step.
  ///
  /// - Parameters:
  ///   - report: What it did.
  ///   - clock: The time and rates, which differ from run to run: `time` in seconds since 1970, `tokens_per_s`.
  /// - Throws: Input/output errors.
  public func record(_ report: StepReport, clock: JSONObject) throws {
    try append("step", report.metrics, clock: clock)
  }

  /// Records an evaluation; see `record(_:clock:)` of a step.
  public func record(_ report: EvaluationReport, clock: JSONObject) throws {
    try append("evaluation", report.metrics, clock: clock)
  }

  /// Returns when everything so far would survive a loss of power.
  public func sync() throws {
    for file in [lines, table, events] { try file?.sync() }
  }

  private func append(_ event: String, _ numbers: JSONObject, clock: JSONObject) throws {
    var record: JSONObject = ["event": .string(event)]
    for (key, value) in numbers { record[key] = value }
    if !clock.isEmpty { record["clock"] = .object(clock) }
    try lines.append(line: Self.line(of: record))
    if let row = Self.row(record) { try table?.append(line: row) }
    let bytes = Self.event(record)
    if !bytes.isEmpty { try events?.append(bytes) }
  }

  private static func line(of record: JSONObject) -> String {
    JSONValue.object(record).serialized
  }

  // MARK: The other formats, from a line

  private static let columns = [
    "step", "epoch", "loss", "learning_rate", "grad_norm", "tokens", "targets", "eval_loss", "time",
    "tokens_per_s",
  ]

  private static func row(_ record: JSONObject) -> String? {
    guard record["step"] != nil else { return nil }
    return columns.map { (record[$0] ?? record["clock"]?[$0])?.serialized ?? "" }
      .joined(separator: ",")
  }

  /// The names are those of transformers' trainer.
  private static let tags = [
    ("loss", "train/loss"), ("learning_rate", "train/learning_rate"),
    ("grad_norm", "train/grad_norm"), ("eval_loss", "eval/loss"),
    ("tokens_per_s", "train/tokens_per_s"),
  ]

  private static func event(_ record: JSONObject) -> [UInt8] {
    guard let step = record["step"]?.int, step >= 0 else { return [] }
    let values = tags.compactMap { key, tag in
      (record[key] ?? record["clock"]?[key])?.double.map { (tag: tag, value: Float($0)) }
    }
    return EventFile.scalars(values, step: step, time: record["clock"]?["time"]?.double ?? 0)
  }
}
