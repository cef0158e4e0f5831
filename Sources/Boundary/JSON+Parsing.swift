extension JSONValue {
  /// Reads one JSON text (RFC 8259, strictly): no comments, no trailing commas, no duplicate
  /// keys, no numbers beyond a double, nesting of at most `Limits.jsonNesting`.
  ///
  /// - Parameters:
  ///   - text: UTF-8.
  ///   - file: Named in errors.
  ///   - line: Which line of the file the text is, when it is only one.
  /// - Throws: `InputError` with line and column.
  public init(
    parsing text: some Collection<UInt8>, file: String? = nil, line: Int? = nil
  ) throws {
    try self.init(parsing: text, file: file, line: line, rules: .json)
  }

  public init(parsing text: String, file: String? = nil, line: Int? = nil) throws {
    try self.init(parsing: text.utf8, file: file, line: line)
  }

  init(
    parsing text: some Collection<UInt8>, file: String?, line: Int?, rules: JSONRules
  ) throws {
    func parsed(_ bytes: UnsafeBufferPointer<UInt8>) throws -> JSONValue {
      var parser = unsafe JSONParser(bytes: bytes, file: file, line: line, rules: rules)
      return try parser.document()
    }
    let value = try text.withContiguousStorageIfAvailable { try unsafe parsed($0) }
    self = unsafe try value ?? Array(text).withUnsafeBufferPointer { try unsafe parsed($0) }
  }
}

/// Which rows of the catalogue a text breaks; a line of a data set has its own.
struct JSONRules {
  let syntax: InputError.Rule
  let duplicateKey: InputError.Rule
  let range: InputError.Rule

  static let json = JSONRules(
    syntax: .init("JSON-01", exit: .malformedFile),
    duplicateKey: .init("JSON-02", exit: .malformedFile),
    range: .init("JSON-03", exit: .malformedFile))
}

/// One pass over the bytes; recursion goes no deeper than the nesting limit.
@safe private struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  let file: String?
  let line: Int?
  let rules: JSONRules
  var position = 0

  mutating func document() throws -> JSONValue {
    skipBlanks()
    let value = try value(depth: 0)
    skipBlanks()
    if unsafe position < bytes.count {
      throw error(rules.syntax, "text after the value")
    }
    return value
  }

  private var next: UInt8? { unsafe position < bytes.count ? bytes[position] : nil }

  private mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      position += 1
    }
  }

  private mutating func value(depth: Int) throws -> JSONValue {
    guard let byte = next else {
      throw error(rules.syntax, "the text ends where a value should be")
    }
    switch byte {
    case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw expected("the beginning of a value")
    }
  }

  private mutating func word(_ word: StaticString, _ value: JSONValue) throws -> JSONValue {
    for byte in word.description.utf8 {
      guard next == byte else {
        throw error(rules.syntax, "an unknown word", allowed: "true, false or null")
      }
      position += 1
    }
    return value
  }

  private func checkDepth(_ depth: Int) throws {
    if depth > Limits.jsonNesting {
      throw error(
        rules.range, "nesting \(depth) deep", allowed: "at most \(Limits.jsonNesting)")
    }
  }

  private mutating func array(depth: Int) throws -> [JSONValue] {
    try checkDepth(depth)
    position += 1
    skipBlanks()
    var values: [JSONValue] = []
    if skip("]") { return values }
    while true {
      skipBlanks()
      values.append(try value(depth: depth))
      skipBlanks()
      if skip("]") { return values }
      guard skip(",") else { throw expected("a comma or ] in an array") }
    }
  }

  private mutating func object(depth: Int) throws -> JSONObject {
    try checkDepth(depth)
    position += 1
    skipBlanks()
    var object = JSONObject()
    if skip("}") { return object }
    while true {
      skipBlanks()
      let start = position
      guard next == UInt8(ascii: "\"") else { throw expected("a key in quotes") }
      let key = try string()
      skipBlanks()
      guard skip(":") else { throw expected("a colon after the key") }
      skipBlanks()
      let value = try value(depth: depth)
      if !object.append(unique: key, value) {
        position = start
        throw error(rules.duplicateKey, "the key \"\(escaped(key))\" occurs twice")
      }
      skipBlanks()
      if skip("}") { return object }
      guard skip(",") else { throw expected("a comma or } in an object") }
    }
  }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard next == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  // MARK: Strings

  private mutating func string() throws -> String {
    position += 1
    let start = position
    while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"),
      byte >= 0x20
    { position += 1 }
    if next == UInt8(ascii: "\"") {
      let text = unsafe UnsafeBufferPointer(rebasing: bytes[start..<position])
      position += 1
      return unsafe try validated(text, from: start)
    }
    var text = unsafe Array(bytes[start..<position])
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return unsafe try text.withUnsafeBufferPointer { unsafe try validated($0, from: start) }
      case UInt8(ascii: "\\"):
        text.append(contentsOf: String(try escape()).utf8)
      case 0..<0x20:
        throw error(rules.syntax, "a control character in a string")
      default:
        text.append(byte)
        position += 1
      }
    }
    throw error(rules.syntax, "the text ends inside a string")
  }

  private func validated(_ text: UnsafeBufferPointer<UInt8>, from start: Int) throws -> String {
    guard let string = unsafe String(validating: text, as: UTF8.self) else {
      var here = self
      here.position = start
      throw here.error(rules.syntax, "a string", allowed: "UTF-8")
    }
    return string
  }

  /// The scalar of one escape, a surrogate pair being two.
  private mutating func escape() throws -> Unicode.Scalar {
    position += 1
    let kind = next
    position += 1
    switch kind {
    case UInt8(ascii: "\""): return "\""
    case UInt8(ascii: "\\"): return "\\"
    case UInt8(ascii: "/"): return "/"
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default:
      position -= 1
      throw error(rules.syntax, "an unknown escape in a string")
    }
    let unit = try hexUnit()
    if let scalar = Unicode.Scalar(unit) { return scalar }
    if UTF16.isLeadSurrogate(unit), skip("\\"), skip("u") {
      let trail = try hexUnit()
      if UTF16.isTrailSurrogate(trail),
        let scalar = Unicode.Scalar(
          0x10000 + (UInt32(unit) & 0x3FF) << 10 + UInt32(trail) & 0x3FF)
      {
        return scalar
      }
    }
    throw error(rules.syntax, "half of a surrogate pair in a string")
  }

  private mutating func hexUnit() throws -> UInt16 {
    var unit: UInt16 = 0
    for _ in 0..<4 {
      let digit: UInt8
      switch next {
      case .some(let byte) where byte >= 0x30 && byte <= 0x39: digit = byte - 0x30
      case .some(let byte) where byte | 0x20 >= 0x61 && byte | 0x20 <= 0x66:
        digit = byte | 0x20 - 0x61 + 10
      default: throw error(rules.syntax, "\\u without four hexadecimal digits")
      }
      unit = unit << 4 | UInt16(digit)
      position += 1
    }
    return unit
  }

  // MARK: Numbers

  /// An integer that fits 64 bits stays one; every other number is the nearest double.
  private mutating func number() throws -> JSONValue {
    let start = position
    let isNegative = skip("-")
    let digitsStart = position
    var integer: Int64? = 0
    while let byte = next, byte >= 0x30, byte <= 0x39 {
      let (high, overflow) = (integer ?? 0).multipliedReportingOverflow(by: 10)
      let digit = Int64(byte - 0x30)
      let (sum, carry) =
        isNegative ? high.subtractingReportingOverflow(digit) : high.addingReportingOverflow(digit)
      integer = integer == nil || overflow || carry ? nil : sum
      position += 1
    }
    let digits = position - digitsStart
    if digits == 0 { throw expected("a digit") }
    if unsafe digits > 1 && bytes[digitsStart] == 0x30 {
      position = digitsStart
      throw error(rules.syntax, "a number with a leading zero")
    }
    var isInteger = true
    if skip(".") {
      isInteger = false
      try skipDigits()
    }
    if skip("e") || skip("E") {
      isInteger = false
      if !skip("+") { _ = skip("-") }
      try skipDigits()
    }
    if isInteger, let integer { return .integer(integer) }
    let text = unsafe String(decoding: bytes[start..<position], as: UTF8.self)
    guard let value = Double(text), value.isFinite else {
      position = start
      throw error(
        rules.range, "the number \(escaped(text, limit: 40))", allowed: "within a double's range")
    }
    return .number(value)
  }

  private mutating func skipDigits() throws {
    let start = position
    while let byte = next, byte >= 0x30, byte <= 0x39 { position += 1 }
    if position == start { throw expected("a digit") }
  }

  // MARK: Errors

  private var here: String {
    guard let byte = next else { return "the end of the text" }
    return byte >= 0x21 && byte < 0x7F
      ? "\"\(Unicode.Scalar(byte))\"" : "the byte 0x\(String(byte, radix: 16, uppercase: true))"
  }

  private func expected(_ what: String) -> InputError {
    error(rules.syntax, here, allowed: what)
  }

  private func error(
    _ rule: InputError.Rule, _ found: String, allowed: String? = nil
  ) -> InputError {
    let before = unsafe bytes[..<min(position, bytes.count)]
    let lineStart = unsafe before.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    var lines = line ?? 1
    if line == nil { unsafe before.forEach { if $0 == 0x0A { lines += 1 } } }
    return unsafe InputError(
      rule, file: file, at: .init(line: lines, column: before.count - lineStart + 1),
      found: found, allowed: allowed)
  }
}
