import Boundary
public import Llama

/// What a file of training rows must obey; rules of `docs/bad-inputs.md`, section 11.
extension InputError.Rule {
  static let rowsUsable = Self("DS-01", exit: .malformedFile)
  static let rowFields = Self("DS-04", exit: .malformedFile)
  static let rowIDsUnique = Self("DS-07", exit: .malformedFile)
  static let rejectsFew = Self("DS-10", exit: .malformedFile)
}

/// The training rows of a JSONL file, and what was left out of them.
public struct TrainingData: Sendable {
  /// A row that is not trained on.
  public struct Reject: Equatable, Sendable {
    public let id: String
    public let reason: String
  }

  /// The share of rejects above which a file is refused.
  public static let maximumRejectRatio = 0.05

  public let rows: [TrainingRow]
  public let rejects: [Reject]
  /// Rows that were cut to the context's length.
  public let cutRows: Int
  /// Rows whose tokens and weights came before.
  public let repeatedRows: Int

  /// Reads rows of `segments`, `text`, or `prompt` and `completion`.
  ///
  /// - Parameters:
  ///   - path: A JSONL file.
  ///   - tokenizer: The model's.
  ///   - contextLength: Longer rows are cut; a row without a target after that is rejected.
  /// - Throws: `InputError` with the line that is wrong, or when too few rows are usable.
  public init(
    reading path: String, tokenizer: some Tokenizer, contextLength: Int
  ) throws {
    var all: [TrainingRow] = []
    var lines: [String: Int] = [:]
    try JSONLines.forEach(path) { value, line in
      let id = value["id"]?.string ?? "line \(line)"
      if let first = lines.updateValue(line, forKey: id) {
        throw InputError(
          .rowIDsUnique, file: path, at: .init(field: "id", line: line),
          found: "\"\(id)\" is the id of line \(first) too")
      }
      let segments = try Self.segments(of: value, file: path, line: line)
      all.append(try TrainingRow(id: id, segments: segments, tokenizer: tokenizer))
    }
    try self.init(rows: all, contextLength: contextLength, file: path)
  }

  /// Cuts rows to the context, and leaves those without a target out.
  ///
  /// - Throws: `InputError` when too few rows are usable.
  public init(rows all: [TrainingRow], contextLength: Int, file: String? = nil) throws {
    var rows: [TrainingRow] = []
    var rejects: [Reject] = []
    var seen: Set<[Int]> = []
    var (cutRows, repeatedRows) = (0, 0)
    for row in all {
      let cut = row.tokens.count > contextLength ? row.cut(to: contextLength) : row
      guard cut.targetCount > 0 else {
        rejects.append(Reject(id: row.id, reason: "no target tokens"))
        continue
      }
      if cut.tokens.count < row.tokens.count { cutRows += 1 }
      if !seen.insert(cut.tokens).inserted { repeatedRows += 1 }
      rows.append(cut)
    }
    guard !rows.isEmpty else {
      throw InputError(
        .rowsUsable, file: file, found: "0 usable examples",
        hints: rejects.isEmpty ? [] : ["no target tokens: \(rejects.count)"])
    }
    guard Double(rejects.count) <= Self.maximumRejectRatio * Double(all.count) else {
      throw InputError(
        .rejectsFew, file: file,
        found: "\(rejects.count) of \(all.count) rows without target tokens",
        allowed: "at most \(Int(Self.maximumRejectRatio * 100)) %")
    }
    (self.rows, self.rejects) = (rows, rejects)
    (self.cutRows, self.repeatedRows) = (cutRows, repeatedRows)
  }

  private static func segments(
    of row: JSONValue, file: String, line: Int
  ) throws -> [TextSegment] {
    func text(_ value: JSONValue?, _ field: String) throws -> String {
      guard let text = value?.string else {
        throw refusal(field, value?.serialized ?? "nothing", "a text")
      }
      return text
    }
    func refusal(_ field: String, _ found: String, _ allowed: String) -> InputError {
      InputError(
        .rowFields, file: file, at: .init(field: field, line: line), found: found, allowed: allowed)
    }
    if let segments = row["segments"] {
      guard let segments = segments.array, !segments.isEmpty else {
        throw refusal("segments", segments.serialized, "a list of segments")
      }
      return try segments.enumerated().map { index, segment in
        let field = "segments[\(index)]"
        let weight = segment["weight"]?.double ?? (segment["weight"] == nil ? 1 : .nan)
        guard weight >= 0, Float(weight).isFinite else {
          throw refusal(
            "\(field).weight", segment["weight"]?.serialized ?? "", "a number from 0 on")
        }
        return TextSegment(try text(segment["text"], "\(field).text"), weight: Float(weight))
      }
    }
    if let whole = row["text"] { return [TextSegment(try text(whole, "text"), weight: 1)] }
    if let prompt = row["prompt"] {
      let name = row["completion"] == nil && row["response"] != nil ? "response" : "completion"
      return [
        TextSegment(try text(prompt, "prompt"), weight: 0),
        TextSegment(try text(row[name], name), weight: 1),
      ]
    }
    throw InputError(
      .rowFields, file: file, at: .init(line: line),
      found: "a row of \(row.object?.keys.joined(separator: ", ") ?? "nothing")",
      allowed: "one with segments, text, or prompt and completion")
  }
}
