/// Files of one JSON object a line: data sets, and the logs of a run.
public enum JSONLines {
  /// The objects of a data set.
  ///
  /// A byte-order mark, CRLF, blank lines and a last line without its end are fine.
  ///
  /// - Throws: `InputError` with line and column.
  public static func read(_ path: String) throws -> [JSONValue] {
    var rows: [JSONValue] = []
    try forEach(path) { row, _ in rows.append(row) }
    return rows
  }

  /// Hands over the objects of a data set one by one, with their line numbers from 1.
  public static func forEach(
    _ path: String, _ body: (_ row: JSONValue, _ line: Int) throws -> Void
  ) throws {
    _ = try rows(of: path, wholeLinesOnly: false, rules: .dataSet, body)
  }

  /// The objects of a log that a killed process may have left with a torn last line.
  ///
  /// - Returns: The rows of the lines that end in a line feed, and how many bytes those have:
  ///   cut the file there before appending to it.
  /// - Throws: `InputError` when a whole line is damaged.
  public static func readWholeLines(_ path: String) throws -> (rows: [JSONValue], byteCount: Int) {
    var rows: [JSONValue] = []
    let byteCount = try Self.rows(of: path, wholeLinesOnly: true, rules: .log) { row, _ in
      rows.append(row)
    }
    return (rows, byteCount)
  }

  /// Walks the lines; returns the bytes in those that were read.
  private static func rows(
    of path: String, wholeLinesOnly: Bool, rules: JSONRules,
    _ body: (JSONValue, Int) throws -> Void
  ) throws -> Int {
    let file = try MappedFile(path)
    return try unsafe file.withBytes { raw in
      let bytes = unsafe raw.bindMemory(to: UInt8.self)
      try unsafe checkEncoding(bytes, path)
      var start = unsafe bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
      var line = 0
      while start < bytes.count {
        line += 1
        let end = unsafe bytes[start...].firstIndex(of: 0x0A)
        if end == nil && wholeLinesOnly { break }
        let text = unsafe UnsafeBufferPointer(rebasing: bytes[start..<(end ?? bytes.count)])
        start = end.map { $0 + 1 } ?? bytes.count
        if let row = try unsafe row(text, path, line, rules) { try body(row, line) }
      }
      return start
    }
  }

  /// The object on one line, or nil for a blank one.
  private static func row(
    _ text: UnsafeBufferPointer<UInt8>, _ path: String, _ line: Int, _ rules: JSONRules
  ) throws -> JSONValue? {
    if unsafe text.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return nil }
    if text.count > Limits.jsonLine {
      throw InputError(
        rules.range, file: path, at: .init(line: line), found: "a line of \(text.count) bytes",
        allowed: "at most \(Limits.jsonLine) bytes")
    }
    if let place = unsafe firstInvalidUTF8(in: text) {
      throw InputError(
        .encoding, file: path, at: .init(line: line, column: place + 1),
        found: "the text", allowed: "UTF-8", hints: ["it may be Latin-1; convert it to UTF-8"])
    }
    let value = try unsafe JSONValue(parsing: text, file: path, line: line, rules: rules)
    guard case .object = value else {
      throw InputError(
        rules.syntax, file: path, at: .init(line: line), found: "the line",
        allowed: "a JSON object")
    }
    return value
  }

  private static func checkEncoding(_ bytes: UnsafeBufferPointer<UInt8>, _ path: String) throws {
    let compressed: [(magic: [UInt8], name: String)] = [
      ([0x1F, 0x8B], "gzip"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd"), ([0x50, 0x4B, 3, 4], "ZIP"),
      ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "xz"), ([0x42, 0x5A, 0x68], "bzip2"),
    ]
    for format in compressed where unsafe bytes.starts(with: format.magic) {
      throw InputError(
        .compressed, file: path, found: "a \(format.name) file", allowed: "plain JSONL",
        hints: ["unpack it first"])
    }
    let isUTF16 =
      unsafe bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF])
      || (bytes.count >= 2 && (bytes[0] == 0) != (bytes[1] == 0))
    if isUTF16 {
      throw InputError(
        .encoding, file: path, found: "UTF-16 text", allowed: "UTF-8",
        hints: ["convert it to UTF-8"])
    }
  }
}

extension JSONRules {
  static let dataSet = JSONRules(
    syntax: .init("DS-02", exit: .malformedFile),
    duplicateKey: .init("DS-05", exit: .malformedFile),
    range: .init("DS-06", exit: .malformedFile))

  /// A damaged whole line of a run's own log.
  static let log = JSONRules(
    syntax: .init("RUN-12", exit: .malformedFile),
    duplicateKey: .init("RUN-12", exit: .malformedFile),
    range: .init("RUN-12", exit: .malformedFile))
}

extension InputError.Rule {
  static let encoding = Self("DS-03", exit: .malformedFile)
  static let compressed = Self("DS-18", exit: .malformedFile)
}
