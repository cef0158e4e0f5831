import Boundary
import Testing

@Suite("Refusals")
struct InputErrorTests {
  static let rule = InputError.Rule("GGUF-T09", exit: .malformedFile)

  @Test("the line has rule, file, place, what was found and what is allowed")
  func line() {
    let error = InputError(
      Self.rule, file: "model.gguf",
      at: .init(
        entry: #"tensor 17 "blk.1.attn_q.weight""#, field: "offset", offset: 41216, index: 17),
      found: "4100", allowed: "a multiple of the alignment 32")
    #expect(
      error.description == #"error[GGUF-T09] model.gguf: tensor 17 "blk.1.attn_q.weight", "#
        + #"field "offset" (byte 41216): 4100 is not a multiple of the alignment 32"#)
    #expect(error.exit == .malformedFile)
    #expect(error.json["code"] == "GGUF-T09")
    #expect(error.json["index"] == 17)
    #expect(error.json["offset"] == 41216)
    #expect(error.json["hint"] == JSONValue.null)
  }

  @Test("places are named as far as they are known")
  func places() {
    func line(_ place: InputError.Place, file: String? = "f") -> String {
      InputError(Self.rule, file: file, at: place, found: "bad").description
    }
    #expect(line(.init()) == "error[GGUF-T09] f: bad")
    #expect(line(.init(), file: nil) == "error[GGUF-T09] bad")
    #expect(line(.init(line: 3, column: 7)) == "error[GGUF-T09] f: line 3, column 7: bad")
    #expect(line(.init(field: "x", line: 3)) == #"error[GGUF-T09] f: line 3, field "x": bad"#)
    #expect(line(.init(offset: 9)) == "error[GGUF-T09] f: byte 9: bad")
  }

  @Test("at most two hints follow, one a line")
  func hints() {
    let error = InputError(Self.rule, found: "bad", hints: ["a\nb", "c", "d"])
    #expect(error.description == "error[GGUF-T09] bad\nhint: a\\nb\nhint: c")
    #expect(error.json["hint"] == "a\\nb; c")
  }

  @Test("foreign text cannot leave its line, and is cut")
  func hostile() {
    let error = InputError(
      Self.rule, file: "a\nb\u{1B}[31m", at: .init(field: String(repeating: "x", count: 500)),
      found: "\u{202E}evil")
    #expect(!error.description.contains("\n"))
    #expect(error.description.contains(#"a\nb\u{1B}[31m"#))
    #expect(error.description.contains(#"\u{202E}evil"#))
    #expect(error.description.count < 200)
  }
}

@Suite("Escaped text")
struct EscapedTextTests {
  @Test("printable text of any script stays")
  func printable() {
    #expect(escaped("naïve 日本 🦙 \\ \"") == "naïve 日本 🦙 \\ \"")
  }

  @Test("controls, bidirectional and invisible scalars are spelt out, and only once")
  func hidden() {
    let text = "\0\n\r\t\u{1B}\u{7F}\u{85}\u{200B}\u{202E}\u{2028}\u{2066}\u{FEFF}\u{E000}"
    let safe = #"\u{0}\n\r\t\u{1B}\u{7F}\u{85}\u{200B}\u{202E}\u{2028}\u{2066}\u{FEFF}\u{E000}"#
    #expect(escaped(text) == safe)
    #expect(escaped(safe) == safe)
  }

  @Test("long text is cut by scalars, so that marks cannot pile up")
  func long() {
    #expect(escaped("abcdef", limit: 3) == "abc…")
    #expect(escaped("abc", limit: 3) == "abc")
    #expect(escaped("e" + String(repeating: "\u{301}", count: 1000)).unicodeScalars.count == 129)
  }
}
