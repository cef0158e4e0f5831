import Boundary

extension ChatTemplate {
  /// The template of a model's file.
  ///
  /// - Throws: `InputError` TPL-05 when it has none, or one that is not known here.
  public init(of model: LlamaModel) throws {
    let choices = Format.allCases.map(\.rawValue).joined(separator: ", ")
    func refusal(_ found: String, _ allowed: String? = nil) -> InputError {
      InputError(
        .templateKnown, file: model.path, at: .init(field: "tokenizer.chat_template"), found: found,
        allowed: allowed, hints: ["--chat-template chooses one: \(choices)"])
    }
    guard let text = model.chatTemplate else { throw refusal("the model has no chat template") }
    guard let template = Self(recognizing: text) else {
      throw refusal("\"\(text.prefix(48))…\"", "one of the templates known here")
    }
    self = template
  }

  /// The template that a program in Jinja is; nil where it is none of those known here.
  ///
  /// What counts is the expression that writes a message. Spaces, quotes and the spelling of line feeds differ between
  /// files and are taken away on both sides, so where a space tells formats apart the text itself is asked.
  init?(recognizing jinja: String) {
    let bare = Self.bare(jinja)
    func says(_ expression: String) -> Bool { bare.contains(Self.bare(expression)) }
    func has(_ text: String) -> Bool {
      jinja.contains("'\(text)'") || jinja.contains("\"\(text)\"")
    }
    if says("'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'") {
      guard let system = Self.defaultSystem(of: jinja) else { return nil }
      self.init(.chatml, defaultSystem: system.isEmpty ? nil : system, gap: "\n")
    } else if says("'<|user|>\n' + message['content'] + eos_token"),
      says("'<|assistant|>\n' + message['content'] + eos_token"), !says("not loop.last")
    {
      let isLine =
        says("eos_token + '\n' }}") || jinja.contains("eos_token }}\n")
        || jinja.contains("eos_token}}\n")
      self.init(.zephyr, gap: isLine ? "\n" : "")
    } else if says("bos_token + '[INST] ' + content.strip() + ' [/INST]'"),
      says("' ' + content.strip() + ' ' + eos_token"),
      says("system_message = messages[0]['content'] %}{% else %}")
    {
      self.init(.llama2)
    } else if says(
      "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>'"
    ), !says("date_string") {
      self.init(.llama3)
    } else if says("'[INST] ' + message['content'] + '[/INST]'"), has("[INST] ") {
      if has(" [/INST]"), says("{{ message['content'] + eos_token") {
        self.init(.mistral1, gap: has(" ") ? " " : "")
      } else if has("[/INST]"), has(" "), says("' ' + message['content'] | trim + eos_token") {
        self.init(.mistral3)
      } else {
        return nil
      }
    } else {
      return nil
    }
  }

  private static func bare(_ jinja: String) -> String {
    jinja.replacing("\\n", with: "").replacing("\"", with: "'").replacing("{{-", with: "{{")
      .replacing("{%-", with: "{%").filter { !$0.isWhitespace }
  }

  /// The system message that a ChatML template brings along, empty where there is none; nil where it does something else.
  private static func defaultSystem(of jinja: String) -> String? {
    let mark = "<|im_start|>system"
    guard let start = jinja.firstRange(of: mark) else { return "" }
    let rest = jinja[start.upperBound...]
    guard bare(jinja).contains("messages[0]['role']!='system'"), !rest.contains(mark),
      let end = rest.firstRange(of: "<|im_end|>")
    else { return nil }
    let text = rest[..<end.lowerBound]
    let line = text.hasPrefix("\\n") ? text.dropFirst(2) : text.dropFirst()
    guard text.hasPrefix("\\n") || text.hasPrefix("\n"), !line.contains("'"), !line.contains("\\")
    else { return nil }
    return String(line)
  }
}
