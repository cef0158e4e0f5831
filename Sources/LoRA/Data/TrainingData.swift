public import Boundary
public import Llama

/// What a set of training rows must obey; rules of `docs/bad-inputs.md`, section 11.
extension InputError.Rule {
  static let rowsUsable = Self("DS-01", exit: .malformedFile)
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
  /// Rows whose tokens came before.
  public let repeatedRows: Int
  /// Rows that do not teach where to stop: what is trained on does not end in the end of a text or a turn.
  public let endlessRows: Int
  /// Rows whose text begins with the spelling of BOS, which is put in front of it anyway.
  public let speltBOSRows: Int

  /// Reads rows of `segments`, `messages`, `text`, or `prompt` and `completion`, each with an optional `reward` that
  /// multiplies its weights.
  ///
  /// - Parameters:
  ///   - path: A JSONL file.
  ///   - tokenizer: The model's.
  ///   - contextLength: Longer rows are cut; a row without a target after that is rejected.
  ///   - template: How messages are written; asked for when there are some.
  /// - Throws: `InputError` with the line that is wrong, or when too few rows are usable.
  public init(
    reading path: String, tokenizer: some Tokenizer, contextLength: Int,
    template: @escaping () throws -> ChatTemplate
  ) throws {
    var reader = RowReader(path, tokenizer: tokenizer, template: template)
    let all = try reader.rows()
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
        .rowsUsable, file: path, found: "0 usable examples",
        hints: rejects.isEmpty ? [] : ["no target tokens: \(rejects.count)"])
    }
    guard Double(rejects.count) <= Self.maximumRejectRatio * Double(all.count) else {
      throw InputError(
        .rejectsFew, file: path,
        found: "\(rejects.count) of \(all.count) rows without target tokens",
        allowed: "at most \(Int(Self.maximumRejectRatio * 100)) %")
    }
    (self.rows, self.rejects) = (rows, rejects)
    (self.cutRows, self.repeatedRows) = (cutRows, repeatedRows)
    endlessRows = rows.count { !$0.teachesEnd(tokenizer) }
    speltBOSRows = reader.speltBOS
  }

  /// Every row of a file, whether it can be trained on or not, for a person to look at.
  public static func everyRow(
    of path: String, tokenizer: some Tokenizer, template: @escaping () throws -> ChatTemplate
  ) throws -> [TrainingRow] {
    var reader = RowReader(path, tokenizer: tokenizer, template: template)
    return try reader.rows()
  }

  /// The counts, for the log.
  public var counts: JSONObject {
    [
      "rows": .integer(Int64(rows.count)), "tokens": .integer(sum { $0.tokens.count }),
      "targets": .integer(sum { $0.targetCount }), "masked_rows": .integer(Int64(rejects.count)),
      "cut_rows": .integer(Int64(cutRows)), "repeated_rows": .integer(Int64(repeatedRows)),
      "endless_rows": .integer(Int64(endlessRows)),
      "double_bos_rows": .integer(Int64(speltBOSRows)),
    ]
  }

  /// What a person should know before training on these rows, one line each.
  public var warnings: [String] {
    var lines: [String] = []
    func tell(_ count: Int, _ one: String, _ many: String) {
      if count > 0 { lines.append(count == 1 ? "1 row \(one)" : "\(count) rows \(many)") }
    }
    let ids = rejects.prefix(5).map(\.id).joined(separator: ", ") + (rejects.count > 5 ? ", …" : "")
    tell(
      rejects.count, "has no target token and is left out: \(ids)",
      "have no target token and are left out: \(ids)")
    tell(cutRows, "is cut to the context", "are cut to the context")
    tell(repeatedRows, "came before", "came before")
    tell(
      endlessRows, "does not teach where to stop: no end token is trained on",
      "do not teach where to stop: no end token is trained on")
    tell(
      speltBOSRows,
      "begins with the spelling of BOS, which is plain text here; BOS is put in front anyway",
      "begin with the spelling of BOS, which is plain text here; BOS is put in front anyway")
    return lines
  }

  private func sum(_ count: (TrainingRow) -> Int) -> Int64 {
    Int64(rows.reduce(0) { $0 + count($1) })
  }
}
