/// A log of one JSON object a line that survives being killed at any moment.
///
/// Each line ends in `"sum"`, the first 16 digits of the SHA-256 of the object without it, so a damaged
/// line is found even where it is still JSON. Only the last line can be torn; it is cut off on opening.
public final class RecordLog {
  /// What was in the log when it was opened.
  public let records: [JSONObject]
  private let file: AppendFile

  /// Opens the log, or makes an empty one.
  ///
  /// - Throws: `InputError` RUN-12 when a line before the last is damaged.
  public init(_ path: String) throws {
    if Files.exists(path) {
      let (rows, byteCount) = try JSONLines.readWholeLines(path)
      records = try rows.enumerated().map { try Self.verified($1, path, line: $0 + 1) }
      if try Files.size(path) > byteCount { try Files.truncate(path, to: byteCount) }
    } else {
      records = []
    }
    file = try AppendFile(path)
  }

  public func append(_ record: JSONObject) throws {
    try file.append(line: Self.line(of: record))
  }

  /// Returns when every record so far would survive a loss of power.
  public func sync() throws { try file.sync() }

  /// Puts a log of these records in the place of the one that is there.
  static func write(_ records: [JSONObject], to path: String) throws {
    try Files.writeAtomically(records.map { line(of: $0) + "\n" }.joined(), to: path)
  }

  private static func line(of record: JSONObject) -> String {
    var record = record
    record["sum"] = .string(sum(of: record))
    return JSONValue.object(record).serialized
  }

  private static func verified(_ row: JSONValue, _ path: String, line: Int) throws -> JSONObject {
    guard var record = row.object, let sum = record["sum"]?.string else {
      throw damaged(path, line, "a line without its sum")
    }
    record["sum"] = nil
    guard sum == self.sum(of: record) else {
      throw damaged(path, line, "a line that does not match its sum \(escaped(sum))")
    }
    return record
  }

  private static func damaged(_ path: String, _ line: Int, _ found: String) -> InputError {
    InputError(
      .logIntact, file: path, at: .init(field: "sum", line: line), found: found,
      hints: ["the file was changed or the disk damaged it; start the run anew"])
  }

  private static func sum(of record: JSONObject) -> String {
    String(SHA256.hex(of: JSONValue.object(record).serializedBytes).prefix(16))
  }
}

extension InputError.Rule {
  /// A damaged whole line of a log.
  package static let logIntact = Self("RUN-12", exit: .malformedFile)
}
