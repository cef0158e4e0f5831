import Boundary
import TestSupport
import Testing

@Suite("JSON")
struct JSONTests {
  @Test(
    "values read back as they were written",
    arguments: [
      nil, true, false, 0, -1, 9_223_372_036_854_775_807, 0.1, -1e-300,
      .number(.leastNonzeroMagnitude),
      1.7976931348623157e308, 3.0, 1e16, 1e300, "", "a\"\\/\u{8}\u{C}\n\r\t\u{1F}\u{7F}é🦙", [],
      [1, [2, []]], [:], ["a": 1, "": ["b": [nil, true]]], .integer(.min),
    ] as [JSONValue])
  func roundTrip(value: JSONValue) throws {
    #expect(try JSONValue(parsing: value.serialized) == value)
  }

  @Test("every finite double reads back with the same bits", arguments: 0..<20)
  func doubles(index: Int) throws {
    var random = RandomStream(seed: 1, "doubles", index)
    for _ in 0..<50 {
      let value = Double(bitPattern: random.next())
      guard value.isFinite else { continue }
      let read = try JSONValue(parsing: JSONValue.number(value).serialized).double
      #expect(read?.bitPattern == value.bitPattern)
    }
  }

  @Test("text is one line, keys in order, nothing escaped without need")
  func text() {
    let value: JSONValue = ["b": 1, "a": [nil, true, 2.5, "é\u{2028}\n"], "c": [:]]
    #expect(value.serialized == #"{"b":1,"a":[null,true,2.5,"é"# + "\u{2028}" + #"\n"],"c":{}}"#)
  }

  @Test(
    "blanks, escapes and numbers of every form",
    arguments: [
      (" [ 1 , 2 ]\r\n\t", [1, 2]),
      (#""\u0041\ud83e\udd99\/\b\f\n\r\t\"\\""#, "A🦙/\u{8}\u{C}\n\r\t\"\\"),
      ("-0", 0), ("-0.0", -0.0), ("1E2", 100.0), ("1e+2", 100.0), ("12.5e-1", 1.25),
      ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
      ("9223372036854775808", 9223372036854775808.0), ("{\"a\" : {} }", ["a": [:]]),
      ("1e-400", 0.0),
    ] as [(String, JSONValue)])
  func accepted(text: String, value: JSONValue) throws {
    #expect(try JSONValue(parsing: text) == value)
    #expect(try JSONValue(parsing: Array(text.utf8)) == value)
  }

  @Test(
    "what is not JSON is refused with its place",
    arguments: [
      ("", 1, 1), (" ", 1, 2), ("nul", 1, 4), ("nulL", 1, 4), ("[1,]", 1, 4), ("[1 2]", 1, 4),
      ("{\"a\":1,}", 1, 8), ("{a:1}", 1, 2), ("{\"a\" 1}", 1, 6), ("[1", 1, 3), ("{\"a\":", 1, 6),
      ("01", 1, 1), ("-", 1, 2), ("1.", 1, 3), (".5", 1, 1), ("1e", 1, 3), ("+1", 1, 1),
      ("NaN", 1, 1), ("Infinity", 1, 1), ("'a'", 1, 1), ("\"a", 1, 3), ("\"\n\"", 1, 2),
      ("\"\\x\"", 1, 3), ("\"\\ud800\"", 1, 8), ("\"\\udc00\"", 1, 8), ("\"\\u12g4\"", 1, 6),
      ("1 2", 1, 3), ("[\n1,\n x]", 3, 2), ("// c\n1", 1, 1), ("\u{FEFF}1", 1, 1),
    ])
  func refused(text: String, line: Int, column: Int) throws {
    let error = try #require(try refusal { _ = try JSONValue(parsing: text, file: "f.json") })
    #expect(error.rule.code == "JSON-01")
    #expect(error.place.line == line && error.place.column == column, "\(error)")
    #expect(error.file == "f.json")
  }

  @Test("bytes that are not UTF-8 are refused")
  func invalidUTF8() throws {
    for bytes in [
      [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0x5C, 0x6E, 0xED, 0xA0, 0x80, 0x22],
    ]
      as [[UInt8]]
    {
      #expect(try refusal { _ = try JSONValue(parsing: bytes) }?.rule.code == "JSON-01")
    }
  }

  @Test("a key twice is refused, in small objects and large ones", arguments: [2, 13, 500])
  func duplicateKeys(count: Int) throws {
    let members = (0..<count).map { "\"k\($0)\":1" } + ["\"k\(count / 2)\":2"]
    let text = "{" + members.joined(separator: ",") + "}"
    let error = try #require(try refusal { _ = try JSONValue(parsing: text) })
    #expect(error.rule.code == "JSON-02")
    #expect(error.found.contains("\"k\(count / 2)\""))
  }

  @Test("numbers beyond a double are refused", arguments: ["1e400", "-1e309", "[1e999]"])
  func range(text: String) throws {
    #expect(try refusal { _ = try JSONValue(parsing: text) }?.rule.code == "JSON-03")
  }

  @Test("nesting of 64 is read, 65 and 1,000,000 are refused")
  func nesting() throws {
    func nested(_ depth: Int, _ open: String, _ close: String) -> String {
      String(repeating: open, count: depth) + String(repeating: close, count: depth)
    }
    #expect(try JSONValue(parsing: nested(64, "[", "]")).array?.count == 1)
    for depth in [65, 1_000_000] {
      #expect(
        try refusal { _ = try JSONValue(parsing: nested(depth, "[", "]")) }?.rule.code == "JSON-03")
      #expect(
        try refusal { _ = try JSONValue(parsing: nested(depth, "{\"a\":", "}")) }?.rule.code
          == "JSON-03")
    }
  }

  @Test("every cut and every flipped bit of a text is refused or reads as a value")
  func damage() throws {
    let text = Array(#"{"a":[1,-2.5e3,"x\n\ud83e\udd99é"],"b":{"c":null,"d":true}}"#.utf8)
    for count in 0..<text.count {
      #expect(try refusal { _ = try JSONValue(parsing: text.prefix(count)) } != nil)
    }
    for place in text.indices {
      for bit in 0..<8 {
        var text = text
        text[place] ^= 1 << bit
        if let value = try? JSONValue(parsing: text) {
          #expect(try JSONValue(parsing: value.serialized) == value)
        }
      }
    }
  }

  @Test("accessors give a value of their kind or nil")
  func accessors() {
    let value: JSONValue = ["i": 3, "d": 2.5, "s": "x", "b": true, "a": [1], "n": nil]
    #expect(value["i"]?.int == 3 && value["i"]?.double == 3)
    #expect(value["d"]?.double == 2.5 && value["d"]?.int == nil)
    #expect(value["s"]?.string == "x" && value["s"]?.bool == nil)
    #expect(value["b"]?.bool == true && value["a"]?.array == [1])
    #expect(value["n"]?.isNull == true && value["missing"] == nil)
    #expect(value.object?.keys == ["i", "d", "s", "b", "a", "n"])
    #expect(JSONValue.integer(1)["x"] == nil)
  }

  @Test("an object keeps its order while it changes", arguments: [3, 40])
  func object(count: Int) {
    var object = JSONObject()
    for index in 0..<count { object["k\(index)"] = .integer(Int64(index)) }
    object["k1"] = "new"
    object["k0"] = nil
    object["last"] = nil
    object["k0"] = "back"
    #expect(object.count == count)
    #expect(object.keys == (1..<count).map { "k\($0)" } + ["k0"])
    #expect(object["k1"] == "new" && object["k0"] == "back" && object["k2"] == 2)
    #expect(object["last"] == nil)
  }
}

@Suite("Lines of JSON")
struct JSONLinesTests {
  static func read(_ bytes: [UInt8]) throws -> [JSONValue] {
    let folder = TemporaryFolder()
    return try withExtendedLifetime(folder) {
      try JSONLines.read(folder.write(bytes, to: "rows.jsonl"))
    }
  }

  static func read(_ text: String) throws -> [JSONValue] { try read(Array(text.utf8)) }

  static func error(_ bytes: [UInt8]) throws -> InputError {
    try #require(try refusal { _ = try read(bytes) })
  }

  @Test("DS-03: a byte-order mark, CRLF, blank lines and a last line without its end are fine")
  func accepted() throws {
    #expect(try Self.read("") == [])
    #expect(try Self.read("\n\r\n \n") == [])
    #expect(try Self.read("\u{FEFF}{\"a\":1}\r\n\r\n{\"b\":2}") == [["a": 1], ["b": 2]])
  }

  @Test(
    "DS-02: a line that is no JSON object, with its number",
    arguments: ["[1]", "1", "{", "{\"a\":1} x", "null", "{\"a\""])
  func notObject(line: String) throws {
    let error = try Self.error(Array("{\"a\":1}\n\n\(line)\n{}\n".utf8))
    #expect(error.rule.code == "DS-02")
    #expect(error.exit == .malformedFile)
    #expect(error.place.line == 3)
    #expect(error.description.contains("rows.jsonl: line 3"))
  }

  @Test("DS-03: UTF-16 and Latin-1 are named")
  func encodings() throws {
    for (bytes, name) in [
      ([0xFF, 0xFE, 0x7B, 0], "UTF-16"), ([0x7B, 0, 0x7D, 0], "UTF-16"), ([0, 0x7B], "UTF-16"),
      (Array("{\"a\":\"".utf8) + [0xE9] + Array("\"}".utf8), "Latin-1"),
    ] as [([UInt8], String)] {
      let error = try Self.error(bytes)
      #expect(error.rule.code == "DS-03")
      #expect(error.description.contains(name), "\(error)")
    }
  }

  @Test("DS-05: a key twice")
  func duplicateKey() throws {
    let error = try Self.error(Array("{}\n{\"a\":1,\"a\":2}\n".utf8))
    #expect(error.rule.code == "DS-05")
    #expect(error.place.line == 2 && error.place.column == 8)
  }

  @Test("DS-06: a line too long, too deep, or with a number too large")
  func limits() throws {
    let deep =
      "{\"a\":" + String(repeating: "[", count: 64) + String(repeating: "]", count: 64) + "}"
    #expect(try Self.error(Array(deep.utf8)).rule.code == "DS-06")
    #expect(try Self.error(Array("{\"a\":1e400}".utf8)).rule.code == "DS-06")
    let long =
      Array("{\"a\":\"".utf8) + Array(repeating: 0x61, count: Limits.jsonLine)
      + Array("\"}".utf8)
    #expect(try Self.error(long).rule.code == "DS-06")
  }

  @Test("DS-17: controls, marks and emoji come through byte by byte")
  func exact() throws {
    let text = "\u{202E}\u{200D}👨‍👩‍👧 e\u{301} \u{1}"
    let row: JSONValue = ["a": .string(text)]
    let read = try Self.read(row.serialized + "\n")
    #expect(read.first?["a"]?.string.map { Array($0.utf8) } == Array(text.utf8))
  }

  @Test(
    "DS-18: a compressed file is named",
    arguments: [([0x1F, 0x8B, 8], "gzip"), ([0x50, 0x4B, 3, 4], "ZIP")])
  func compressed(bytes: [UInt8], name: String) throws {
    let error = try Self.error(bytes)
    #expect(error.rule.code == "DS-18")
    #expect(error.description.contains(name))
  }

  @Test("RUN-11: a torn last line is left out, and the bytes before it counted")
  func torn() throws {
    let folder = TemporaryFolder()
    let whole = "{\"a\":1}\n{\"b\":\"é\"}\n"
    for tail in ["", "{", "{\"c\":3}", "\u{0}\u{0}", "{\"c\""] {
      let path = folder.write(whole + tail, to: "log.jsonl")
      let (rows, byteCount) = try JSONLines.readWholeLines(path)
      #expect(rows == [["a": 1], ["b": "é"]])
      #expect(byteCount == whole.utf8.count)
    }
    let (rows, byteCount) = try JSONLines.readWholeLines(folder.write("{\"a\"", to: "log.jsonl"))
    #expect(rows == [] && byteCount == 0)
  }

  @Test("RUN-12: a damaged whole line is refused")
  func damaged() throws {
    let folder = TemporaryFolder()
    let path = folder.write("{\"a\":1}\n{\"b\n{\"c\":3}\n", to: "log.jsonl")
    let error = try #require(try refusal { _ = try JSONLines.readWholeLines(path) })
    #expect(error.rule.code == "RUN-12")
    #expect(error.place.line == 2)
  }
}
