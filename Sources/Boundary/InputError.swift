/// One refusal: which rule, where, what was there, and what would do.
public struct InputError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A row of `docs/bad-inputs.md` and the exit code it leads to.
  public struct Rule: Hashable, Sendable {
    public let code: String
    public let exit: ExitCode

    public init(_ code: String, exit: ExitCode) {
      self.code = code
      self.exit = exit
    }
  }

  /// Where in the input the refused value lies; whatever is known.
  public struct Place: Equatable, Sendable {
    /// What the value belongs to, with its number and name: `tensor 17 "blk.1.attn_q.weight"`.
    public var entry: String?
    public var field: String?
    /// Bytes from the start of the file.
    public var offset: UInt64?
    /// Lines and columns (bytes) count from 1.
    public var line: Int?
    public var column: Int?
    /// The number in `entry`, counted from 0.
    public var index: Int?

    public init(
      entry: String? = nil, field: String? = nil, offset: UInt64? = nil, line: Int? = nil,
      column: Int? = nil, index: Int? = nil
    ) {
      self.entry = entry
      self.field = field
      self.offset = offset
      self.line = line
      self.column = column
      self.index = index
    }
  }

  public var rule: Rule
  public var file: String?
  public var place: Place
  public var found: String
  public var allowed: String?
  public var hints: [String]

  /// Makes a refusal that reads "`found` is not `allowed`", or just "`found`".
  public init(
    _ rule: Rule, file: String? = nil, at place: Place = Place(), found: String,
    allowed: String? = nil, hints: [String] = []
  ) {
    self.rule = rule
    self.file = file
    self.place = place
    self.found = found
    self.allowed = allowed
    self.hints = hints
  }

  public var exit: ExitCode { rule.exit }

  /// One line `error[CODE] file: place: found is not allowed`, then at most two `hint:` lines.
  public var description: String {
    var line = "error[\(rule.code)]"
    if let file { line += " \(escaped(file, limit: Self.longest)):" }
    if let words = place.words { line += " \(words):" }
    line += " \(escaped(found, limit: Self.longest))"
    if let allowed { line += " is not \(escaped(allowed, limit: Self.longest))" }
    for hint in hints.prefix(2) { line += "\nhint: \(escaped(hint, limit: Self.longest))" }
    return line
  }

  /// The same facts for `--errors json`; a fact that is not known is `null`.
  public var json: JSONValue {
    func text(_ value: String?) -> JSONValue {
      value.map { .string(escaped($0, limit: Self.longest)) } ?? .null
    }
    func number(_ value: Int?) -> JSONValue { value.map { .integer(Int64($0)) } ?? .null }
    return [
      "code": .string(rule.code), "exit": .integer(Int64(exit.rawValue)), "file": text(file),
      "entry": text(place.entry), "field": text(place.field), "index": number(place.index),
      "offset": place.offset.map { .integer(Int64(clamping: $0)) } ?? .null,
      "line": number(place.line), "column": number(place.column),
      "found": text(found), "allowed": text(allowed),
      "hint": hints.isEmpty ? .null : text(hints.prefix(2).joined(separator: "; ")),
    ]
  }

  /// The longest part of a message in scalars; names from files were cut at 128 before.
  private static let longest = 512
}

extension InputError.Place {
  fileprivate var words: String? {
    var parts: [String] = []
    if let line {
      parts.append("line \(line)" + (column.map { ", column \($0)" } ?? ""))
    }
    if let entry { parts.append(escaped(entry, limit: 192)) }
    if let field { parts.append("field \"\(escaped(field))\"") }
    let words = parts.joined(separator: ", ")
    guard let offset else { return words.isEmpty ? nil : words }
    return words.isEmpty ? "byte \(offset)" : "\(words) (byte \(offset))"
  }
}
