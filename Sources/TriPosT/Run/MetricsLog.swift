import Boundary

/// `metrics.jsonl`: one line an event with a number in it, each under a key of its own.
///
/// A resumed run records again what it does again. The line that is there already stays, and its
/// numbers must be the same: all but those under `clock`, which tell the time things took.
final class MetricsLog {
  private let path: String
  private let log: RecordLog
  private var known: [String: JSONObject] = [:]
  private var order: [String] = []

  init(_ path: String) throws {
    self.path = path
    log = try RecordLog(path)
    for record in log.records {
      let key = Self.key(of: record)
      if known.updateValue(record, forKey: key) == nil { order.append(key) }
    }
  }

  /// Records an event.
  ///
  /// - Parameters:
  ///   - event: What happened.
  ///   - iteration: Of which iteration; with event and step it is the key.
  ///   - step: Of which step of it.
  ///   - numbers: What has to come out the same every time.
  ///   - clock: Seconds and rates, which do not.
  /// - Throws: `InputError` RUN-13 when the event is on record with other numbers.
  func record(
    _ event: String, iteration: Int, step: Int? = nil, numbers: JSONObject,
    clock: JSONObject
  ) throws {
    var record: JSONObject = ["event": .string(event), "iteration": .integer(Int64(iteration))]
    record["step"] = step.map { .integer(Int64($0)) }
    for (key, value) in numbers { record[key] = value }
    let key = Self.key(of: record)
    if let before = known[key] {
      guard Self.timeless(before) == record else {
        throw InputError(
          .deterministic, file: path, at: .init(entry: key),
          found: "not deterministic: \(JSONValue.object(record).serialized) now")
      }
      return
    }
    known[key] = record
    order.append(key)
    record["clock"] = .object(clock)
    try log.append(record)
  }

  /// Takes over an iteration's events from another run's log, with the times they took there.
  func adopt(iteration: Int, of other: MetricsLog) throws {
    for key in other.order {
      guard let record = other.known[key], record["iteration"]?.int == iteration,
        known[key] == nil
      else { continue }
      known[key] = record
      order.append(key)
      try log.append(record)
    }
  }

  /// The events of a kind in an iteration, in the order of the file.
  func records(_ event: String, iteration: Int) -> [JSONObject] {
    order.compactMap { known[$0] }.filter {
      $0["event"]?.string == event && $0["iteration"]?.int == iteration
    }
  }

  func sync() throws { try log.sync() }

  private static func timeless(_ record: JSONObject) -> JSONObject {
    var record = record
    record["clock"] = nil
    return record
  }

  private static func key(of record: JSONObject) -> String {
    ["event", "iteration", "step"].compactMap { record[$0]?.serialized }
      .joined(separator: " ")
  }
}
