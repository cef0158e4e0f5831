import Boundary

/// One message of a conversation.
public struct ChatMessage: Equatable, Sendable {
  /// Who speaks: `system`, `user` or `assistant`.
  public let role: String
  public let content: String

  public init(role: String, content: String) {
    self.role = role
    self.content = content
  }
}

/// How a conversation is written for a model: one of the templates in common use.
///
/// A model's file has its template as a program in Jinja. It is recognised by the expression that writes a message
/// (`ChatTemplate+Recognition.swift`), and refused where it is another: a model should not be trained on a format that it will
/// not be served with.
public struct ChatTemplate: Equatable, Sendable {
  /// The formats, by the names that `--chat-template` takes.
  public enum Format: String, CaseIterable, Sendable {
    case chatml
    case zephyr
    case llama2 = "llama-2"
    case llama3 = "llama-3"
    case mistral1 = "mistral-v1"
    case mistral3 = "mistral-v3"
  }

  /// A piece of a conversation's text.
  public struct Piece: Equatable, Sendable {
    public let text: String
    /// Whether the text is a control token's spelling and becomes that token, where the vocabulary has it.
    public let isControl: Bool
    /// The message whose content or end this is; nil for what stands around messages.
    public let message: Int?
  }

  public let format: Format
  /// What a conversation without a system message begins with in ChatML, in some models.
  let defaultSystem: String?
  /// What follows the token that ends a message.
  let gap: String

  /// A format as its first models have it.
  public init(_ format: Format) {
    self.init(
      format, gap: format == .chatml || format == .zephyr ? "\n" : "")
  }

  init(_ format: Format, defaultSystem: String? = nil, gap: String) {
    self.format = format
    self.defaultSystem = defaultSystem
    self.gap = gap
  }

  /// A conversation as pieces of text, without the BOS that a tokenizer puts in front.
  ///
  /// A message's own part is its content and the token that ends it; with it goes a space before the content, which
  /// SentencePiece joins with the first word.
  ///
  /// - Throws: `InputError` TPL-06 when the format has no place for the messages as they follow one another.
  public func pieces(of messages: [ChatMessage], tokenizer: some Tokenizer) throws -> [Piece] {
    var writer = PieceWriter(
      bos: tokenizer.bosID.map { tokenizer.piece($0) },
      eos: tokenizer.eosID.map { tokenizer.piece($0) })
    switch format {
    case .chatml:
      if let defaultSystem, messages.first?.role != "system" {
        writer.control("<|im_start|>")
        writer.text("system\n\(defaultSystem)")
        writer.control("<|im_end|>")
        writer.text(gap)
      }
      for (index, message) in messages.enumerated() {
        writer.control("<|im_start|>")
        writer.text("\(message.role)\n")
        writer.text(message.content, of: index)
        writer.control("<|im_end|>", of: index)
        writer.text(gap)
      }
    case .zephyr:
      for (index, message) in messages.enumerated() {
        writer.control("<|\(message.role)|>")
        writer.text("\n")
        writer.text(message.content, of: index)
        writer.end(of: index)
        writer.text(gap)
      }
    case .llama3:
      for (index, message) in messages.enumerated() {
        writer.control("<|start_header_id|>")
        writer.text(message.role)
        writer.control("<|end_header_id|>")
        writer.text("\n\n")
        writer.text(trimmed(message.content), of: index)
        writer.control("<|eot_id|>", of: index)
      }
    case .llama2: try writeLlama2(messages, &writer)
    case .mistral1, .mistral3: try writeMistral(messages, &writer)
    }
    return writer.pieces
  }

  /// A system message goes into the first question; each question begins with BOS, the first with the tokenizer's.
  private func writeLlama2(_ messages: [ChatMessage], _ writer: inout PieceWriter) throws {
    let first = messages.first?.role == "system" ? 1 : 0
    for (index, message) in messages.enumerated().dropFirst(first) {
      try checkTurn(message, isQuestion: (index - first).isMultiple(of: 2))
      guard message.role == "user" else {
        writer.text(" \(trimmed(message.content)) ", of: index)
        writer.end(of: index)
        continue
      }
      if index > first { writer.begin() }
      writer.text("[INST] ")
      if index == 1 && first == 1 {
        writer.text("<<SYS>>\n")
        writer.text(messages[0].content, of: 0)
        writer.text("\n<</SYS>>\n\n")
        writer.text(trimmed(message.content, start: false), of: index)
      } else {
        writer.text(trimmed(message.content), of: index)
      }
      writer.text(" [/INST]")
    }
  }

  private func writeMistral(_ messages: [ChatMessage], _ writer: inout PieceWriter) throws {
    for (index, message) in messages.enumerated() {
      try checkTurn(message, isQuestion: index.isMultiple(of: 2))
      if message.role == "user" {
        writer.control("[INST]")
        writer.text(" ")
        writer.text(message.content, of: index)
        if format == .mistral1 { writer.text(" ") }
        writer.control("[/INST]")
      } else {
        writer.text(
          format == .mistral1 ? message.content : " \(trimmed(message.content))", of: index)
        writer.end(of: index)
        writer.text(gap)
      }
    }
  }

  private func checkTurn(_ message: ChatMessage, isQuestion: Bool) throws {
    let wanted = isQuestion ? "user" : "assistant"
    guard message.role == wanted else {
      throw InputError(
        .templateTakesMessages, at: .init(field: "messages"), found: "a message of \(message.role)",
        allowed: "the \(wanted)'s, who is next in \(format.rawValue)")
    }
  }
}

/// Collects pieces; empty ones are left out.
private struct PieceWriter {
  let bos: String?
  let eos: String?
  private(set) var pieces: [ChatTemplate.Piece] = []

  init(bos: String?, eos: String?) { (self.bos, self.eos) = (bos, eos) }

  mutating func text(_ text: String, of message: Int? = nil) {
    if !text.isEmpty { pieces.append(.init(text: text, isControl: false, message: message)) }
  }

  mutating func control(_ text: String, of message: Int? = nil) {
    pieces.append(.init(text: text, isControl: true, message: message))
  }

  mutating func begin() { if let bos { control(bos) } }

  mutating func end(of message: Int) { if let eos { control(eos, of: message) } }
}

/// A text without the white space at its end and, unless told otherwise, at its start: Jinja's `trim`.
private func trimmed(_ text: String, start: Bool = true) -> String {
  let rest = start ? text.drop { $0.isWhitespace } : text[...]
  let end = rest.lastIndex { !$0.isWhitespace }
  return end.map { String(rest[...$0]) } ?? ""
}

extension InputError.Rule {
  static let templateKnown = Self("TPL-05", exit: .malformedFile)
  static let templateTakesMessages = Self("TPL-06", exit: .mismatch)
}
