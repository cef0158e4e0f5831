/// A JSONL file of a known number of rows that are made in any order, and survive being killed at any moment.
///
/// Beside the file stands a journal, `FILE.journal`: first what the rows are made from, then each row as soon as it is
/// there, whether or not its turn in the file has come. Going on means reading the journal and writing the file from it, so
/// the file ends with the bytes that it would have had without the interruption. When all rows are in the file, the journal
/// keeps its first line alone, by which a later call sees that nothing is left to do.
public final class ResumableRows {
  /// The numbers of the rows that are not there yet, ascending.
  public var missing: [Int] { (0..<count).filter { !known.contains($0) } }

  private let count: Int
  private let path: String
  private let origin: JSONObject
  private let file: AppendFile
  private let journal: RecordLog
  private let lock: FileLock
  private var queue: RowQueue<String>
  private var known: Set<Int> = []

  /// Opens the file, or makes it.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - count: Rows that it has in the end.
  ///   - isOrdered: Whether rows stand in the order of their numbers, or in that in which they were made.
  ///   - origin: What decides the rows' values; has to be the same when work goes on.
  ///   - isResuming: Whether a file that is there is gone on with; else it has to be absent.
  /// - Throws: `InputError` RUN-02 when another process works on the file; RUN-17 when the file is there and is
  ///   not to be gone on with, or is no such file; RUN-09 when it was made from something else; RUN-12 when
  ///   the journal is damaged.
  public init(
    _ path: String, count: Int, isOrdered: Bool, origin: JSONObject, isResuming: Bool
  ) throws {
    let journalPath = path + ".journal"
    let (hasFile, hasJournal) = (Files.exists(path), Files.exists(journalPath))
    if hasFile, !isResuming || !hasJournal {
      throw InputError(
        .freshOutput, file: path,
        found: hasJournal ? "there is a file already" : "there is a file without a journal",
        hints: [
          hasJournal
            ? "--resume goes on with it" : "it was not made by --output; choose another name"
        ])
    }
    self.path = path
    self.count = count
    self.origin = origin
    lock = try FileLock(journalPath, of: path)
    journal = try RecordLog(journalPath)
    if let first = journal.records.first {
      try Self.check(first, against: origin, path)
    } else {
      try journal.append(["origin": .object(origin), "rows": 0])
      try journal.sync()
    }
    queue = RowQueue(isOrdered: isOrdered)
    if journal.records.first?["rows"]?.int == count, count > 0, hasFile {
      known = Set(0..<count)
      file = try AppendFile(path)
      return
    }
    if hasFile { try Files.truncate(path, to: 0) }
    file = try AppendFile(path)
    for (line, record) in journal.records.enumerated().dropFirst() {
      guard let number = record["number"]?.int, (0..<count).contains(number),
        let row = record["row"], known.insert(number).inserted
      else {
        throw InputError(
          .logIntact, file: journalPath, at: .init(line: line + 1), found: "a line without its row")
      }
      try write(row.serialized, number)
    }
  }

  /// Adds a row; it is safe once `sync` has returned.
  ///
  /// - Precondition: The number is one of the missing ones.
  public func add(_ row: JSONObject, number: Int) throws {
    precondition((0..<count).contains(number), "row \(number) of \(count)")
    precondition(known.insert(number).inserted, "row \(number) was there")
    try journal.append(["number": .integer(Int64(number)), "row": .object(row)])
    try write(JSONValue.object(row).serialized, number)
  }

  /// Returns when every row so far would survive a loss of power.
  public func sync() throws { try journal.sync() }

  /// Ends the work: all rows are in the file for good, and the journal forgets them.
  ///
  /// - Precondition: No row is missing.
  public func finish() throws {
    precondition(known.count == count, "\(count - known.count) rows are missing")
    try file.sync()
    try RecordLog.write(
      [["origin": .object(origin), "rows": .integer(Int64(count))]], to: path + ".journal")
  }

  private func write(_ line: String, _ number: Int) throws {
    for line in queue.add(line, number: number) { try file.append(line: line) }
  }

  private static func check(
    _ record: JSONObject, against origin: JSONObject, _ path: String
  ) throws {
    guard let made = record["origin"]?.object else {
      throw InputError(
        .logIntact, file: path + ".journal", at: .init(line: 1), found: "a line without its origin")
    }
    let keys = Set(made.keys).union(origin.keys).sorted().filter { made[$0] != origin[$0] }
    guard keys.isEmpty else {
      let words = keys.map { key in
        "\(key) was \(made[key]?.serialized ?? "unset") and is \(origin[key]?.serialized ?? "unset")"
      }
      throw InputError(
        .sameOrigin, file: path, found: "made from something else: " + words.joined(separator: ", ")
      )
    }
  }
}

/// Hands on numbered values in the order of their numbers, or as they come.
public struct RowQueue<Value> {
  private let isOrdered: Bool
  private var early: [Int: Value] = [:]
  private var next = 0

  public init(isOrdered: Bool) { self.isOrdered = isOrdered }

  /// Takes a value; returns those whose turn it is now.
  public mutating func add(_ value: Value, number: Int) -> [Value] {
    guard isOrdered else { return [value] }
    early[number] = value
    var ready: [Value] = []
    while let value = early.removeValue(forKey: next) {
      ready.append(value)
      next += 1
    }
    return ready
  }
}

extension InputError.Rule {
  static let freshOutput = Self("RUN-17", exit: .inputOutput)
  static let sameOrigin = Self("RUN-09", exit: .mismatch)
}
