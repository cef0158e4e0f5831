import Boundary
import Foundation
import GGUF
import Llama
import TestSupport
import Testing

@Suite("SentencePiece tokenizer against llama.cpp's vectors", .enabled(if: SharedData.isAvailable))
struct SentencePieceVectorTests {
  /// 47 texts each; the ids were made by llama.cpp (shared/data/README.md, "tokenizers").
  @Test("gives llama.cpp's ids", arguments: ["llama-spm", "phi-3"])
  func vectors(name: String) throws {
    let path = SharedData.url("tokenizers/ggml-vocab-\(name).gguf")
    let tokenizer = try SentencePieceTokenizer(GGUFFile(path))
    let texts = try Files.readText(path + ".inp").components(
      separatedBy: "\n__ggml_vocab_test__\n")
    let lines = try Files.readText(path + ".out").components(separatedBy: "\n")

    #expect(texts.count == 47 && lines.count == 47)
    for (text, line) in zip(texts, lines) {
      let expected = line.split(separator: " ").compactMap { Int($0) }
      #expect(tokenizer.encode(text, addingBOS: false) == expected, "\(text.debugDescription)")
      #expect(try tokenizer.decode(expected, isWholeText: true) == text)
    }
  }

  @Test("gives llama.cpp's ids for the prompts of the small models, BOS included")
  func smallModels() throws {
    let reference = try JSONValue(parsing: Files.readText(SharedData.url("reference/greedy.json")))
    for entry in try #require(reference["entries"]?.array) {
      let model = try #require(entry["model"]?.string)
      let tokenizer = try SentencePieceTokenizer(GGUFFile(SharedData.url("models/" + model)))
      let prompt = try #require(entry["prompt"]?.string)
      let ids = try #require(entry["prompt_ids"]?.array).compactMap(\.int)
      #expect(tokenizer.encode(prompt, addingBOS: true) == ids)
      #expect(tokenizer.bosID == 1 && tokenizer.endOfGeneration == [2])
    }
  }

  @Test("Phi-3's control tokens are found when asked for and swallow the space behind them")
  func phi3Special() throws {
    let file = try GGUFFile(SharedData.url("tokenizers/ggml-vocab-phi-3.gguf"))
    let tokenizer = try SentencePieceTokenizer(file)
    let text = "<|user|>\n Hi<|end|>\n<|assistant|>"
    let hi = tokenizer.encode("Hi", addingBOS: false)

    #expect(
      tokenizer.encode(text, addingBOS: true, parsingSpecial: true)
        == [1, 32010] + hi + [32007, 32001])
    #expect(!tokenizer.encode(text, addingBOS: true).contains { $0 >= 32000 })
    #expect(tokenizer.endOfGeneration == [32000, 32007])
    // "</s>" is user-defined there, so it is found without being asked for.
    #expect(tokenizer.encode("Hi</s> \nHi", addingBOS: false) == hi + [2] + hi)
  }

  @Test("TOK-16: a megabyte of anything takes less than a second and no stack")
  func longTexts() throws {
    let path = SharedData.url("tokenizers/ggml-vocab-llama-spm.gguf")
    let tokenizer = try SentencePieceTokenizer(GGUFFile(path))
    let units = ["a", " ", ".", "中", "e\u{301}\u{302}", "7", "a1. B中\n", "\u{1F600}", "\0"]
    for unit in units {
      let text = Array(unit.utf8)
      let bytes = (0..<(1 << 20) / text.count).flatMap { _ in text }
      var ids: [Int] = []
      let time = threadSeconds {
        ids = tokenizer.encode(bytes, addingBOS: false, parsingSpecial: true)
      }
      #expect(try tokenizer.bytes(of: ids, isWholeText: true) == bytes)
      #expect(time < 1, "\(unit.debugDescription): \(time) s")
    }
  }
}

@Suite("SentencePiece tokenizer on a vocabulary made by hand")
struct SentencePieceTokenizerTests {
  /// Scores fall from left to right: "ab" joins first, then "bc", then "abc", "▁a", "▁▁".
  static let words = ["ab", "bc", "abc", "▁a", "▁▁", "▁", "a", "b", "c"]

  /// The definition: the best pair of the whole text is joined, again and again.
  static func slowly(_ text: String, _ file: VocabularyFile) -> [Int] {
    guard case .floats(let scores)? = file["scores"] else { return [] }
    let spelt = text.isEmpty ? "" : "▁" + text.replacing(" ", with: "▁")
    var symbols = spelt.unicodeScalars.map { String($0) }
    while true {
      var best: (score: Float, place: Int)?
      for place in symbols.indices.dropLast() {
        let id = file.id(symbols[place] + symbols[place + 1])
        if id >= 0, best.map({ scores[id] > $0.score }) ?? true { best = (scores[id], place) }
      }
      guard let place = best?.place else { break }
      symbols[place] += symbols.remove(at: place + 1)
    }
    return symbols.flatMap { symbol in
      let id = file.id(symbol)
      return id >= 0 ? [id] : symbol.utf8.map { 3 + Int($0) }
    }
  }

  @Test("joins as the definition does, also where scores are equal and characters unknown")
  func definition() throws {
    var file = VocabularyFile(Self.words + ["ca", "cab", "aa", "aaa", "aaaa", "é", "éa"])
    for (text, score) in [("ab", -1), ("bc", -1), ("ca", -1), ("aa", -1), ("aaa", -1)] {
      file.setToken(file.id(text), score: Float(score))
    }
    let tokenizer = try file.tokenizer()
    var random = RandomStream(seed: 7, "texts")
    for length in 0..<200 {
      let letters = ["a", "a", "b", "c", " ", "é", "x"]
      let text = (0..<length % 24).map { _ in letters[random.below(letters.count)] }.joined()
      #expect(
        tokenizer.encode(text, addingBOS: false) == Self.slowly(text, file),
        "\(text.debugDescription)")
    }
  }

  @Test("a character that is no token by itself still joins to one")
  func unlistedCharacter() throws {
    let file = VocabularyFile(["▁", "xy", "z"])
    let tokenizer = try file.tokenizer()
    #expect(
      tokenizer.encode("xyxz", addingBOS: false)
        == [file.id("▁"), file.id("xy"), 3 + 0x78, file.id("z")])
  }

  @Test("an empty text is nothing, or BOS alone")
  func emptyText() throws {
    let tokenizer = try VocabularyFile(Self.words).tokenizer()
    #expect(tokenizer.encode("", addingBOS: false) == [])
    #expect(tokenizer.encode("", addingBOS: true) == [1])
    #expect(try tokenizer.decode([]) == "")
  }

  @Test("the file decides about BOS, EOS and the space in front")
  func flags() throws {
    var file = VocabularyFile(Self.words)
    file["add_bos_token"] = .bool(false)
    file["add_eos_token"] = .bool(true)
    file["add_space_prefix"] = .bool(false)
    let tokenizer = try file.tokenizer()
    #expect(tokenizer.encode("abc", addingBOS: true) == [file.id("abc"), 2])
    #expect(tokenizer.encode(" a", addingBOS: false) == [file.id("▁a")])
    #expect(try tokenizer.decode([file.id("▁a")], isWholeText: true) == " a")
  }

  @Test("without byte tokens an unknown character is the unknown token")
  func noByteTokens() throws {
    let file = VocabularyFile(Self.words, withBytes: false)
    let tokenizer = try file.tokenizer()
    #expect(tokenizer.encode("aéb", addingBOS: false) == [file.id("▁a"), 0, file.id("b")])
  }

  @Test("TOK-05: a token that is not UTF-8 is kept as bytes")
  func rawToken() throws {
    var file = VocabularyFile(Self.words)
    var texts = file.tokens.map { Array($0.utf8) }
    texts[file.id("bc")] = [0xFF]
    file["tokens"] = .byteStrings(texts)
    let tokenizer = try file.tokenizer()
    #expect(tokenizer.bytes(of: file.id("bc")) == [0xFF])
    #expect(tokenizer.piece(file.id("bc")) == "\u{FFFD}")
  }

  @Test("TOK-17: bytes that are no UTF-8 come back unchanged")
  func invalidText() throws {
    let tokenizer = try VocabularyFile(Self.words).tokenizer()
    let texts: [[UInt8]] = [
      [0xFF], [0x80, 0x80], [0xC0, 0x80], [0x61, 0xE4, 0xB8], [0xF0, 0x9F, 0x98], [0],
      [0xED, 0xA0, 0x80], [0xF8, 0x61, 0x62, 0x63, 0x64], [0x20, 0xE2, 0x20],
    ]
    for bytes in texts {
      let ids = tokenizer.encode(bytes, addingBOS: false, parsingSpecial: false)
      #expect(try tokenizer.bytes(of: ids, isWholeText: true) == bytes)
    }
    var random = RandomStream(seed: 11, "bytes")
    for _ in 0..<200 {
      let bytes = (0..<random.below(20)).map { _ in UInt8(random.below(256)) }
      let ids = tokenizer.encode(bytes, addingBOS: false, parsingSpecial: true)
      #expect(try tokenizer.bytes(of: ids, isWholeText: true) == bytes)
    }
  }

  @Test("TOK-18: a control token's spelling is plain text unless parsing is asked for")
  func specialSpelling() throws {
    // Every piece that could build "<s>" up is there; it must not come out of joining either.
    let file = VocabularyFile(Self.words + ["<", "s", ">", "<s", "s>", "0x0A>"])
    let tokenizer = try file.tokenizer()
    let plain = tokenizer.encode("a<s>b", addingBOS: false)
    #expect(!plain.contains(1))
    #expect(try tokenizer.decode(plain, isWholeText: true) == "a<s>b")
    #expect(!tokenizer.encode("<0x0A>", addingBOS: false).contains(3 + 0x0A))
    #expect(
      tokenizer.encode("a<s>b", addingBOS: false, parsingSpecial: true)
        == [file.id("▁a"), 1, file.id("▁"), file.id("b")])
  }

  @Test("of special tokens that overlap the longest wins, and user-defined ones are always found")
  func overlappingSpecials() throws {
    var file = VocabularyFile(Self.words)
    file.append("a]", type: 4)
    file.append("[a", type: 4)
    file.append("a][", type: 4)
    let tokenizer = try file.tokenizer()
    #expect(
      tokenizer.encode("[a][a]", addingBOS: false)
        == [file.id("▁"), 3 + 0x5B, file.id("a]["), file.id("a]")])
    #expect(tokenizer.bytes(of: file.id("a][")) == Array("a][".utf8))
    // Of equally long ones the lower id wins, though the other starts earlier.
    #expect(
      tokenizer.encode("[a]", addingBOS: false) == [file.id("▁"), 3 + 0x5B, file.id("a]")])
  }

  @Test("TOK-20: an id outside the vocabulary is an error to the caller")
  func unknownID() throws {
    let tokenizer = try VocabularyFile(Self.words).tokenizer()
    for id in [-1, tokenizer.vocabularySize, .max] {
      let error = #expect(throws: InputError.self) { try tokenizer.decode([1, id]) }
      #expect(error?.rule.code == "TOK-20" && error?.place.index == 1)
    }
  }

  @Test("a stream holds a character back until it is whole")
  func textStream() {
    let text = "aé中\u{1F600}b"
    var stream = TextStream()
    let pieces = text.utf8.map { stream.append([$0]) }
    #expect(pieces.joined() == text && stream.finish() == "")
    #expect(pieces == ["a", "", "é", "", "", "中", "", "", "", "\u{1F600}", "b"])

    #expect(stream.append([0xFF, 0x61]) == "\u{FFFD}a")
    #expect(stream.append([0xE4, 0xB8]) == "")
    #expect(stream.append([0x61]) == "\u{FFFD}a")
    #expect(stream.append([0xF0, 0x9F]) == "")
    #expect(stream.finish() == "\u{FFFD}")
  }
}

@Suite("Vocabularies that are refused")
struct VocabularyTests {
  /// One change to a good vocabulary, and the rule that it breaks.
  struct Edit: CustomTestStringConvertible, Sendable {
    let rule: String
    let testDescription: String
    let change: @Sendable (inout VocabularyFile) -> Void

    init(
      _ rule: String, _ description: String,
      _ change: @escaping @Sendable (inout VocabularyFile) -> Void
    ) {
      self.rule = rule
      testDescription = "\(rule): \(description)"
      self.change = change
    }
  }

  static let edits: [Edit] = [
    Edit("TOK-01", "one score too few") { $0["scores"] = .floats([0, 1]) },
    Edit("TOK-01", "one type too many") { file in
      file["token_type"] = .int32s(file.tokens.map { _ in 1 } + [1])
    },
    Edit("TOK-01", "a single token") {
      $0["tokens"] = .strings(["a"])
      $0["scores"] = .floats([0])
      $0["token_type"] = .int32s([1])
    },
    Edit("TOK-02", "tokens are missing") { $0["tokens"] = nil },
    Edit("TOK-02", "tokens are one string") { $0["tokens"] = .string("a") },
    Edit("TOK-02", "tokens are numbers") { $0["tokens"] = .int32s([1, 2]) },
    Edit("TOK-02", "scores are f64") { $0["scores"] = .doubles([0]) },
    Edit("TOK-02", "types are u32") { $0["token_type"] = .uint32s([1]) },
    Edit("TOK-02", "types are missing") { $0["token_type"] = nil },
    Edit("GGUF-K16", "no tokens") { $0["tokens"] = .strings([]) },
    Edit("TOK-03", "two tokens of one text") { $0.append("abc", type: 1) },
    Edit("TOK-04", "a token of 64 KiB and a byte") {
      $0.append(String(repeating: "x", count: 65_537), type: 1)
    },
    Edit("TOK-06", "BOS beyond the vocabulary") { $0["bos_token_id"] = .uint32(268) },
    Edit("TOK-06", "EOS of 2^32 - 1") { $0["eos_token_id"] = .uint32(.max) },
    Edit("TOK-06", "a negative id") { $0["unknown_token_id"] = .int32(-1) },
    Edit("GGUF-K22", "an id in a string") { $0["eot_token_id"] = .string("2") },
    Edit("TOK-06", "padding beyond the vocabulary") { $0["padding_token_id"] = .uint64(1 << 40) },
    Edit("TOK-09", "no hex digits") { $0.setToken(10, text: "<0xZZ>") },
    Edit("TOK-09", "a sign") { $0.setToken(10, text: "<0x-1>") },
    Edit("TOK-09", "a plus") { $0.setToken(10, text: "<0x+1>") },
    Edit("TOK-09", "one digit") { $0.setToken(10, text: "<0x0>") },
    Edit("TOK-09", "three digits") { $0.setToken(10, text: "<0x007>") },
    Edit("TOK-09", "a byte's second token") { $0.setToken(10, text: "<0x0a>") },
    Edit("TOK-09", "a byte without a token") { $0.setToken(10, text: "seven", type: 1) },
    Edit("TOK-12", "a byte-level kind") { $0["model"] = .string("gpt2") },
    Edit("TOK-12", "no kind") { $0["model"] = nil },
    Edit("TOK-12", "an unknown pre-tokenizer") { $0["pre"] = .string("no-such") },
    Edit("TOK-13", "a score that is NaN") { $0.setToken(260, score: .nan) },
    Edit("TOK-13", "a score that is infinite") { $0.setToken(260, score: -.infinity) },
    Edit("TOK-14", "type 0") { $0.setToken(260, type: 0) },
    Edit("TOK-14", "type 7") { $0.setToken(260, type: 7) },
    Edit("TOK-14", "type -1") { $0.setToken(260, type: -1) },
  ]

  @Test("a vocabulary is refused by the rule it breaks", arguments: edits)
  func refused(edit: Edit) throws {
    var file = VocabularyFile(SentencePieceTokenizerTests.words)
    edit.change(&file)
    let error = #expect(throws: InputError.self) { try file.tokenizer() }
    #expect(error?.rule.code == edit.rule)
    #expect(error?.exit == .malformedFile)
    #expect(error?.file != nil && error?.place.entry?.contains("tokenizer.ggml.") == true)
    #expect(error?.description.split(separator: "\n").count ?? 0 <= 3)
  }

  @Test("TOK-03: texts that only look the same are two tokens")
  func canonicallyEqual() throws {
    let tokenizer = try VocabularyFile(["\u{E9}", "e\u{301}", "e", "\u{301}", "▁"]).tokenizer()
    #expect(tokenizer.piece(259).utf8.count == 2 && tokenizer.piece(260).utf8.count == 3)
  }

  @Test("TOK-04: an empty text is a warning")
  func emptyText() throws {
    var file = VocabularyFile(SentencePieceTokenizerTests.words)
    file.append("", type: 1)
    file.append("", type: 4)
    #expect(try file.tokenizer().warnings.count == 1)
  }

  @Test("TOK-06: 2^32 - 1 means none for the tokens that nothing uses")
  func noneID() throws {
    var file = VocabularyFile(SentencePieceTokenizerTests.words)
    file["padding_token_id"] = .uint32(.max)
    file["seperator_token_id"] = .uint32(.max)
    _ = try file.tokenizer()
  }

  @Test("TOK-07: a default beyond a tiny vocabulary is no token")
  func tinyVocabulary() throws {
    var file = VocabularyFile([], withBytes: false)
    file["tokens"] = .strings(["<unk>", "a"])
    file["scores"] = .floats([0, 0])
    file["token_type"] = .int32s([2, 1])
    file["bos_token_id"] = nil
    file["eos_token_id"] = nil
    let tokenizer = try file.tokenizer()
    #expect(tokenizer.eosID == nil && tokenizer.endOfGeneration == [])

    // TOK-08: nor can it be added.
    file["add_eos_token"] = .bool(true)
    let error = #expect(throws: InputError.self) { try file.tokenizer() }
    #expect(error?.rule.code == "TOK-08")
  }
}
