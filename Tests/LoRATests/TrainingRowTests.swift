import Boundary
import Llama
import TestSupport
import Testing

@testable import LoRA

@Suite("Training rows")
struct TrainingRowTests {
  let tokenizer: any Tokenizer

  init() throws { tokenizer = try TinyModel(seed: 1).load().model.tokenizer }

  func row(_ segments: [TextSegment]) throws -> TrainingRow {
    try TrainingRow(id: "x", segments: segments, tokenizer: tokenizer)
  }

  /// The row's pieces with their weights, as `piece:weight`.
  func spelt(_ row: TrainingRow) -> [String] {
    zip(row.tokens, row.weights).map { "\(tokenizer.piece($0)):\($1)" }
  }

  @Test(
    "a token takes the weight of the segment in which its first byte lies; BOS 0; EOS the last's")
  func weights() throws {
    let row = try row([.init("ab", weight: 0), .init("cd:", weight: 1), .init("x", weight: 1.5)])
    #expect(spelt(row) == ["<s>:0.0", "▁ab:0.0", "cd:1.0", "::1.0", "x:1.5", "</s>:1.5"])
  }

  @Test("a border inside a token changes no token")
  func border() throws {
    let whole = try row([.init("abcd", weight: 1)])
    let cut = try row([.init("abc", weight: 0), .init("d01", weight: 2)])
    #expect(whole.tokens.dropLast() == cut.tokens.prefix(whole.tokens.count - 1))
    #expect(spelt(cut) == ["<s>:0.0", "▁ab:0.0", "cd:0.0", "01:2.0", "</s>:2.0"])
  }

  @Test("empty segments take no token")
  func emptySegments() throws {
    let row = try row([
      .init("", weight: 3), .init("a", weight: 1), .init("", weight: 4), .init("c", weight: 2),
    ])
    #expect(spelt(row) == ["<s>:0.0", "▁a:1.0", "c:2.0", "</s>:2.0"])
  }

  @Test("DS-17: a text that the vocabulary cannot spell")
  func unknown() throws {
    #expect(throws: InputError.self) { try row([.init("a€", weight: 1)]) }
  }

  @Test("DS-11: special tokens' spellings are plain text")
  func specialSpelling() throws {
    let row = try row([.init("a.s.", weight: 1)])
    #expect(row.tokens.count { $0 == tokenizer.bosID } == 1)
    #expect(throws: InputError.self) { try self.row([.init("</s>", weight: 1)]) }
  }

  @Test(
    "weights follow bytes through a real vocabulary with byte fallback",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
  func realVocabulary() throws {
    let model = try LlamaModel(SharedData.url("models/stories260K.gguf"))
    let segments = [
      TextSegment("Once upon a time, ", weight: 0.5), TextSegment("naïve 😀 ", weight: 1),
      TextSegment("\n\nthere", weight: 2),
    ]
    let row = try TrainingRow(id: "x", segments: segments, tokenizer: model.tokenizer)
    #expect(
      row.tokens == model.tokenizer.encode(
        "Once upon a time, naïve 😀 \n\nthere", addingBOS: true) + [2])
    // Byte i of the text, and the weight of its segment; the space in front is the first segment's.
    let byteWeights =
      [Float(0.5)] + segments.flatMap { Array(repeating: $0.weight, count: $0.text.utf8.count) }
    var at = 0
    for (token, weight) in zip(row.tokens, row.weights).dropFirst().dropLast() {
      #expect(weight == byteWeights[at])
      at += model.tokenizer.bytes(of: token).count
    }
    #expect(at == byteWeights.count)
  }
}

@Suite("Files of training rows")
struct TrainingDataTests {
  let tokenizer: any Tokenizer

  init() throws { tokenizer = try TinyModel(seed: 1).load().model.tokenizer }

  func read(_ lines: String, contextLength: Int = 64) throws -> TrainingData {
    try Scratch.folder { folder in
      try Files.writeAtomically(lines, to: "\(folder)/d.jsonl")
      return try TrainingData(
        reading: "\(folder)/d.jsonl", tokenizer: tokenizer, contextLength: contextLength
      ) { ChatTemplate(.chatml) }
    }
  }

  func verdict(_ lines: String) throws -> String {
    do {
      _ = try read(lines)
      return "ok"
    } catch let error as InputError {
      #expect(error.exit == .malformedFile)
      return "\(error.rule.code) \(error.place.line ?? 0)"
    }
  }

  @Test("rows of segments, of text, of prompt and completion mean what they say")
  func kinds() throws {
    let data = try read(
      """
      {"id":"s","segments":[{"text":"ab","weight":0},{"text":"cd","weight":1.5},{"text":"x"}]}
      {"id":"t","text":"abcd"}

      {"prompt":"ab","completion":"cd"}
      {"prompt":"ab","response":"c"}
      """)
    #expect(data.rows.map(\.id) == ["s", "t", "line 4", "line 5"])
    #expect(
      data.rows.map(\.weights) == [
        [0, 0, 1.5, 1, 1], [0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1],
      ])
  }

  @Test(
    "DS-01: no usable rows",
    arguments: ["", "\n\n", "{\"segments\":[{\"text\":\"a\",\"weight\":0}]}"])
  func unusable(lines: String) throws {
    #expect(try verdict(lines) == "DS-01 0")
  }

  @Test(
    "DS-04: fields missing, null or of the wrong type are named with their line",
    arguments: [
      "{\"txt\":\"a\"}", "{\"text\":null}", "{\"text\":1}", "{\"prompt\":\"a\"}",
      "{\"prompt\":\"a\",\"completion\":2}", "{\"segments\":[]}", "{\"segments\":{}}",
      "{\"segments\":[{\"weight\":1}]}", "{\"segments\":[{\"text\":\"a\",\"weight\":\"1\"}]}",
      "{\"segments\":[{\"text\":\"a\",\"weight\":-1}]}",
      "{\"segments\":[{\"text\":\"a\",\"weight\":null}]}",
      "{\"segments\":[{\"text\":\"a\",\"weight\":1e300}]}",
    ])
  func fields(line: String) throws {
    #expect(try verdict("{\"text\":\"ab\"}\n\(line)\n") == "DS-04 2")
  }

  @Test("DS-07: an id twice is refused, a row twice is counted")
  func repeated() throws {
    #expect(
      try verdict("{\"id\":\"a\",\"text\":\"a\"}\n{\"id\":\"a\",\"text\":\"b\"}") == "DS-07 2")
    #expect(try read("{\"text\":\"ab\"}\n{\"text\":\"ab\"}").repeatedRows == 1)
  }

  @Test("DS-08: rows whose prompt fills the context are left out, longer ones are cut and counted")
  func context() throws {
    let good = (0..<30).map { _ in "{\"text\":\"abc\"}\n" }.joined()
    let long = "{\"id\":\"long\",\"prompt\":\"abcdabcdabcd\",\"completion\":\"x\"}\n"
    let cut = "{\"text\":\"xyxyxyxyxy\"}"
    let data = try read(good + long + cut, contextLength: 5)
    #expect(data.rejects == [.init(id: "long", reason: "no target tokens")])
    #expect(data.cutRows == 1)
    #expect(data.rows.last?.tokens.count == 5)
    #expect(data.rows.count == 31)
  }

  @Test("DS-10: too many rejects")
  func rejects() throws {
    let lines = "{\"text\":\"ab\"}\n{\"prompt\":\"a\",\"completion\":\"\"}\n"
    // An empty completion leaves EOS as a target; weight 0 everywhere leaves none.
    #expect(try verdict(lines) == "ok")
    #expect(
      try verdict("{\"text\":\"ab\"}\n{\"segments\":[{\"text\":\"a\",\"weight\":0}]}") == "DS-10 0")
  }
}
