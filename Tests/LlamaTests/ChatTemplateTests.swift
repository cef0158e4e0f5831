import Boundary
import Testing

@testable import Llama

/// The expected texts are Jinja2's, from the programs in `chat_templates.json`; `scripts/make_chat_templates.py` makes both.
@Suite("Chat templates")
struct ChatTemplateTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let jinja: String
    let format: String?
    let conversations: [(messages: [ChatMessage], text: String?)]

    var testDescription: String { name }
  }

  static let cases: [Case] = {
    let path = #filePath.replacing("ChatTemplateTests.swift", with: "chat_templates.json")
    let json = try? JSONValue(parsing: Files.readText(path))
    return (json?.array ?? []).map { entry in
      Case(
        name: entry["name"]?.string ?? "", jinja: entry["jinja"]?.string ?? "",
        format: entry["format"]?.string,
        conversations: (entry["conversations"]?.array ?? []).map { conversation in
          (
            (conversation["messages"]?.array ?? []).map {
              ChatMessage(role: $0["role"]?.string ?? "", content: $0["content"]?.string ?? "")
            }, conversation["text"]?.string
          )
        })
    }
  }()

  let tokenizer: any Tokenizer

  init() throws {
    tokenizer = try VocabularyFile(["a"]).tokenizer()
  }

  @Test("the programs are there")
  func programs() {
    #expect(Self.cases.count >= 12)
    #expect(
      Set(Self.cases.compactMap(\.format)) == Set(ChatTemplate.Format.allCases.map(\.rawValue)))
  }

  @Test("a program is recognised, and writes what Jinja2 writes", arguments: cases)
  func rendered(program: Case) throws {
    let template = ChatTemplate(recognizing: program.jinja)
    #expect(template?.format.rawValue == program.format)
    guard let template else { return }
    for (messages, text) in program.conversations {
      let pieces = try? template.pieces(of: messages, tokenizer: tokenizer)
      // The tokenizer's BOS stands in front; some programs write it, too.
      let expected = text.map { $0.hasPrefix("<s>") ? String($0.dropFirst(3)) : $0 }
      #expect(pieces?.map(\.text).joined() == expected)
    }
  }

  @Test("a message's own part is its content and the token that ends it", arguments: cases)
  func parts(program: Case) throws {
    guard let template = ChatTemplate(recognizing: program.jinja) else { return }
    for (messages, text) in program.conversations where text != nil {
      let pieces = try template.pieces(of: messages, tokenizer: tokenizer)
      for (index, message) in messages.enumerated() where message.role == "assistant" {
        let own = pieces.filter { $0.message == index }
        #expect(own.count == 2 && own.last?.isControl == true)
        let content = own.first?.text ?? ""
        #expect(content.contains(message.content.prefix { $0 != " " }))
        #expect(["</s>", "<|im_end|>", "<|eot_id|>"].contains(own.last?.text))
      }
    }
  }

  @Test("TPL-06: messages that do not take turns are refused where the format has turns")
  func turns() throws {
    let messages = [ChatMessage(role: "assistant", content: "a")]
    for format in [ChatTemplate.Format.llama2, .mistral1, .mistral3] {
      do {
        _ = try ChatTemplate(format).pieces(of: messages, tokenizer: tokenizer)
        Issue.record("written")
      } catch let error as InputError {
        #expect(error.rule.code == "TPL-06" && error.exit == .mismatch)
      }
    }
  }
}
