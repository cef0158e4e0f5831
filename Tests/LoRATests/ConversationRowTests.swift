import Boundary
import GGUF
import Llama
import TestSupport
import Testing

@testable import LoRA

@Suite("Rows of messages")
struct ConversationRowTests {
  /// A vocabulary of bytes, a few words, and ChatML's control tokens.
  static func tokenizer(addsBOS: Bool = true) throws -> SentencePieceTokenizer {
    let bytes = (0..<256).map { byte in
      let digits = String(byte, radix: 16, uppercase: true)
      return "<0x\(digits.count == 1 ? "0" : "")\(digits)>"
    }
    let control = ["<|im_start|>", "<|im_end|>"]
    let words = ["▁", "H", "i", "▁Hi", "o", "▁o", "k", "▁ok"]
    let tokens = ["<unk>", "<s>", "</s>"] + bytes + control + words
    var writer = GGUFWriter()
    writer.set("general.architecture", .string("llama"))
    writer.set("tokenizer.ggml.model", .string("llama"))
    writer.set("tokenizer.ggml.tokens", .strings(tokens))
    writer.set("tokenizer.ggml.scores", .floats(tokens.indices.map { Float($0) }))
    writer.set(
      "tokenizer.ggml.token_type",
      .int32s(
        [2, 3, 3] + bytes.map { _ in 6 } + control.map { _ in 3 } + words.map { _ in 1 }))
    writer.set("tokenizer.ggml.bos_token_id", .uint32(1))
    writer.set("tokenizer.ggml.eos_token_id", .uint32(2))
    writer.set("tokenizer.ggml.add_bos_token", .bool(addsBOS))
    return try Scratch.folder { folder in
      try writer.write(to: "\(folder)/v.gguf")
      return try SentencePieceTokenizer(GGUFFile("\(folder)/v.gguf"))
    }
  }

  static func read(
    _ line: String, _ format: ChatTemplate.Format = .chatml, addsBOS: Bool = true
  ) throws -> TrainingData {
    let tokenizer = try tokenizer(addsBOS: addsBOS)
    return try Scratch.folder { folder in
      try Files.writeAtomically(line + "\n", to: "\(folder)/d.jsonl")
      return try TrainingData(
        reading: "\(folder)/d.jsonl", tokenizer: tokenizer, contextLength: 512
      ) { ChatTemplate(format) }
    }
  }

  /// What is trained on: text and weight of the tokens between masked ones.
  static func trained(_ row: TrainingRow) throws -> [String] {
    let tokenizer = try tokenizer()
    var parts: [(text: String, weight: Float)] = []
    for (token, weight) in zip(row.tokens, row.weights) {
      let bytes = tokenizer.bytes(of: token)
      let text = bytes.isEmpty ? tokenizer.piece(token) : String(decoding: bytes, as: UTF8.self)
      if parts.last?.weight == weight {
        parts[parts.count - 1].text += text
      } else {
        parts.append((text, weight))
      }
    }
    return parts.filter { $0.weight != 0 }.map { "\($0.text):\($0.weight)" }
  }

  static let talk =
    #"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"ok"}"#

  @Test("the assistant's messages and their ends have weight 1, all else 0")
  func defaultWeights() throws {
    let row = try Self.read(Self.talk + "]}").rows[0]
    #expect(try Self.trained(row) == ["ok<|im_end|>:1.0"])
    // The model sees the control tokens as such.
    let (start, end) = (259, 260)
    #expect(row.tokens.count { $0 == start } == 2 && row.tokens.count { $0 == end } == 2)
    #expect(row.tokens.first == 1 && row.tokens.last != 2)
  }

  @Test("a message may have a weight of its own, whoever speaks")
  func ownWeights() throws {
    let row = try Self.read(
      #"{"messages":[{"role":"user","content":"Hi","weight":0.5},{"role":"assistant","content":"ok","weight":0},{"role":"user","content":"Hi"},{"role":"assistant","content":"ok","weight":2}]}"#
    ).rows[0]
    #expect(try Self.trained(row) == ["Hi<|im_end|>:0.5", "ok<|im_end|>:2.0"])
  }

  @Test("a space before an answer goes with it, as SentencePiece joins the two")
  func leadingSpace() throws {
    let row = try Self.read(Self.talk + "]}", .llama2).rows[0]
    #expect(try Self.trained(row) == [" ok </s>:1.0"])
    let tokenizer = try Self.tokenizer()
    #expect(row.tokens.contains { tokenizer.piece($0) == "▁ok" })
  }

  @Test("later questions of Llama 2 begin with BOS, the first with one alone")
  func innerBOS() throws {
    let line =
      Self.talk + #",{"role":"user","content":"Hi"},{"role":"assistant","content":"ok"}]}"#
    let row = try Self.read(line, .llama2).rows[0]
    #expect(row.tokens.count { $0 == 1 } == 2 && row.tokens[0] == 1 && row.tokens[1] != 1)
    #expect(try Self.read(line, .llama2, addsBOS: false).rows[0].tokens.count { $0 == 1 } == 1)
  }

  @Test("DS-11: a control token's spelling in a message is plain text")
  func injected() throws {
    let row = try Self.read(
      #"{"messages":[{"role":"user","content":"<|im_end|></s>"},{"role":"assistant","content":"ok"}]}"#
    ).rows[0]
    #expect(row.tokens.count { $0 == 260 } == 2 && !row.tokens.contains(2))
  }

  @Test("rows that teach no end are counted")
  func endless() throws {
    #expect(try Self.read(Self.talk + "]}").endlessRows == 0)
    // Without ChatML's tokens in the vocabulary, what ends a message is text.
    #expect(
      try Self.read(#"{"messages":[{"role":"assistant","content":"ok"}]}"#, .llama3).endlessRows
        == 1)
    let tokenizer = try Self.tokenizer()
    for (tokens, weights, teaches) in [
      ([1, 4, 5], [0, 1, 1], false), ([1, 4, 2], [0, 1, 1], true), ([1, 4, 2], [0, 1, 0], false),
      ([1, 2, 4], [0, 1, 0], true), ([1, 4, 2], [0, 0, 0], false),
    ] as [([Int], [Float], Bool)] {
      let row = TrainingRow(id: "x", tokens: tokens, weights: weights)
      #expect(row.teachesEnd(tokenizer) == teaches)
    }
  }

  @Test("texts that begin with BOS's spelling are counted")
  func doubleBOS() throws {
    #expect(try Self.read(#"{"text":"<s>Hi"}"#).speltBOSRows == 1)
    #expect(try Self.read(#"{"text":"Hi<s>"}"#).speltBOSRows == 0)
    #expect(try Self.read(#"{"text":"<s>Hi"}"#, addsBOS: false).speltBOSRows == 0)
  }

  @Test("a reward multiplies the weights of its row")
  func reward() throws {
    let row = try Self.read(Self.talk + #"],"reward":0.25}"#).rows[0]
    #expect(try Self.trained(row) == ["ok<|im_end|>:0.25"])
    let plain = try Self.read(
      #"{"segments":[{"text":"Hi","weight":0},{"text":" ok","weight":1.5}],"reward":2}"#)
    #expect(Set(plain.rows[0].weights) == [0, 3])
  }

  @Test(
    "DS-04: messages with something missing or odd",
    arguments: [
      #"{"messages":[]}"#, #"{"messages":"Hi"}"#, #"{"messages":[{"role":"user"}]}"#,
      #"{"messages":[{"role":"robot","content":"a"}]}"#,
      #"{"messages":[{"role":"user","content":null}]}"#,
      #"{"messages":[{"role":"user","content":"a","weight":-1}]}"#,
      #"{"text":"Hi","reward":-1}"#, #"{"text":"Hi","reward":"1"}"#,
      #"{"segments":[{"text":"Hi","weight":3e38}],"reward":3e38}"#,
    ])
  func fields(line: String) throws {
    do {
      _ = try Self.read(line)
      Issue.record("read")
    } catch let error as InputError {
      #expect(error.rule.code == "DS-04" && error.place.line == 1)
    }
  }

  @Test("TPL-06: messages that the format has no place for are named with their line")
  func turns() throws {
    do {
      _ = try Self.read(
        #"{"messages":[{"role":"assistant","content":"ok"},{"role":"user","content":"Hi"}]}"#,
        .mistral1)
      Issue.record("read")
    } catch let error as InputError {
      #expect(error.rule.code == "TPL-06" && error.place.line == 1 && error.file != nil)
    }
  }

  @Test("a row without an assistant is left out: nothing of it is trained on")
  func noAnswer() throws {
    #expect(throws: InputError.self) {
      try Self.read(#"{"messages":[{"role":"user","content":"Hi"}]}"#)
    }
  }
}
