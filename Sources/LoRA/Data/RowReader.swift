import Boundary
import Llama

/// What a line of training data must be; rules of `docs/bad-inputs.md`, section 11.
extension InputError.Rule {
  static let rowFields = Self("DS-04", exit: .malformedFile)
  static let rowIDsUnique = Self("DS-07", exit: .malformedFile)
}

/// Reads the rows of a JSONL file, each of `segments`, `messages`, `text`, or `prompt` and `completion`.
struct RowReader<T: Tokenizer> {
  let file: String
  let tokenizer: T
  /// Called for the first row of messages.
  let template: () throws -> ChatTemplate

  private var chosen: ChatTemplate?
  private var lines: [String: Int] = [:]
  /// Texts that begin with the spelling of the token that is put in front of them anyway.
  private(set) var speltBOS = 0

  init(_ file: String, tokenizer: T, template: @escaping () throws -> ChatTemplate) {
    self.file = file
    self.tokenizer = tokenizer
    self.template = template
  }

  /// All rows, whether they can be trained on or not.
  ///
  /// - Throws: `InputError` with the line that is wrong.
  mutating func rows() throws -> [TrainingRow] {
    var rows: [TrainingRow] = []
    try JSONLines.forEach(file) { value, line in rows.append(try row(value, line: line)) }
    return rows
  }

  private mutating func row(_ value: JSONValue, line: Int) throws -> TrainingRow {
    let fields = Fields(file: file, line: line)
    let id = value["id"]?.string ?? "line \(line)"
    if let first = lines.updateValue(line, forKey: id) {
      throw InputError(
        .rowIDsUnique, file: file, at: .init(field: "id", line: line),
        found: "\"\(id)\" is the id of line \(first) too")
    }
    let segments: [TextSegment]
    if let messages = value["messages"] {
      segments = try conversation(messages, fields)
    } else {
      segments = try plainSegments(of: value, fields)
      let bos = tokenizer.addsBOS ? tokenizer.bosID.map { tokenizer.piece($0) } : nil
      if let bos, segments.first?.text.hasPrefix(bos) == true { speltBOS += 1 }
    }
    let row = try TrainingRow(
      id: id, segments: segments, tokenizer: tokenizer, addsEOS: value["messages"] == nil)
    guard let reward = value["reward"] else { return row }
    let factor = try fields.weight(reward, "reward")
    guard row.weights.allSatisfy({ ($0 * factor).isFinite }) else {
      throw fields.refusal("reward", reward.serialized, "small enough for the row's weights")
    }
    return row.scaled(by: factor)
  }

  private func plainSegments(of row: JSONValue, _ fields: Fields) throws -> [TextSegment] {
    if let segments = row["segments"] {
      guard let segments = segments.array, !segments.isEmpty else {
        throw fields.refusal("segments", segments.serialized, "a list of segments")
      }
      return try segments.enumerated().map { index, segment in
        let field = "segments[\(index)]"
        let weight = try segment["weight"].map { try fields.weight($0, "\(field).weight") }
        return TextSegment(try fields.text(segment["text"], "\(field).text"), weight: weight ?? 1)
      }
    }
    if let whole = row["text"] { return [TextSegment(try fields.text(whole, "text"), weight: 1)] }
    if let prompt = row["prompt"] {
      let name = row["completion"] == nil && row["response"] != nil ? "response" : "completion"
      return [
        TextSegment(try fields.text(prompt, "prompt"), weight: 0),
        TextSegment(try fields.text(row[name], name), weight: 1),
      ]
    }
    throw InputError(
      .rowFields, file: file, at: .init(line: fields.line),
      found: "a row of \(row.object?.keys.joined(separator: ", ") ?? "nothing")",
      allowed: "one with segments, messages, text, or prompt and completion")
  }

  /// The messages as the model's template writes them; what stands around their own parts has weight 0.
  private mutating func conversation(
    _ value: JSONValue, _ fields: Fields
  ) throws -> [TextSegment] {
    guard let values = value.array, !values.isEmpty else {
      throw fields.refusal("messages", value.serialized, "a list of messages")
    }
    var weights: [Float] = []
    let messages = try values.enumerated().map { index, value in
      let field = "messages[\(index)]"
      let role = try fields.text(value["role"], "\(field).role")
      guard ["system", "user", "assistant"].contains(role) else {
        throw fields.refusal("\(field).role", "\"\(role)\"", "system, user or assistant")
      }
      let weight = try value["weight"].map { try fields.weight($0, "\(field).weight") }
      weights.append(weight ?? (role == "assistant" ? 1 : 0))
      return ChatMessage(role: role, content: try fields.text(value["content"], "\(field).content"))
    }
    let template = try chosen ?? template()
    chosen = template
    do {
      return try template.pieces(of: messages, tokenizer: tokenizer).map { piece in
        TextSegment(
          piece.text, weight: piece.message.map { weights[$0] } ?? 0, isControl: piece.isControl)
      }
    } catch var error as InputError {
      error.file = file
      error.place.line = fields.line
      throw error
    }
  }
}

/// The fields of one line.
private struct Fields {
  let file: String
  let line: Int

  func text(_ value: JSONValue?, _ field: String) throws -> String {
    guard let text = value?.string else {
      throw refusal(field, value?.serialized ?? "nothing", "a text")
    }
    return text
  }

  func weight(_ value: JSONValue, _ field: String) throws -> Float {
    guard let weight = value.double, weight >= 0, Float(weight).isFinite else {
      throw refusal(field, value.serialized, "a number from 0 on")
    }
    return Float(weight)
  }

  func refusal(_ field: String, _ found: String, _ allowed: String) -> InputError {
    InputError(
      .rowFields, file: file, at: .init(field: field, line: line), found: found, allowed: allowed)
  }
}
