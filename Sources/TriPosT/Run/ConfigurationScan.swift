import Boundary

/// A look over YAML text before the parser sees it: what a configuration never needs is refused here,
/// in time proportional to the text, so that no alias, nesting or size can make the parser work long.
struct ConfigurationScan {
  private let bytes: [UInt8]
  private let file: String?
  private var place = 0
  private var line = 1
  private var lineStart = 0
  private var flowDepth = 0
  /// Columns at which the open blocks begin.
  private var blocks: [Int] = []
  private var nodes = 0
  private var documents = 0

  /// Throws when the text breaks CFG-07 or CFG-08.
  static func check(_ text: String, file: String?) throws(InputError) {
    var scan = ConfigurationScan(text, file: file)
    try scan.run()
  }

  private init(_ text: String, file: String?) {
    bytes = Array(text.utf8)
    self.file = file
  }

  private mutating func run() throws(InputError) {
    if bytes.count > Limits.configuration {
      throw refusal(.readableDocument, "\(bytes.count) bytes; the limit is \(Limits.configuration)")
    }
    while place < bytes.count { try scanLine() }
  }

  private mutating func scanLine() throws(InputError) {
    lineStart = place
    while place < bytes.count, bytes[place] == UInt8(ascii: " ") { place += 1 }
    if place < bytes.count, bytes[place] == UInt8(ascii: "\t") {
      throw refusal(.readableDocument, "a tab in the indentation; use spaces")
    }
    if try scanDocumentMark() { return skipLine() }
    var atToken = true
    var opensBlock = true
    while place < bytes.count {
      let byte = bytes[place]
      switch byte {
      case 0: throw refusal(.readableDocument, "a NUL character")
      case UInt8(ascii: "\n"): return skipLine()
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): place += 1
      case UInt8(ascii: "#") where atToken || follows(UInt8(ascii: " ")): return skipLine()
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        if atToken || flowDepth > 0 { flowDepth += 1 }
        try enterToken(opensBlock: false)
        (atToken, opensBlock) = (true, false)
        place += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        flowDepth = max(0, flowDepth - 1)
        atToken = false
        place += 1
      case UInt8(ascii: ",") where flowDepth > 0, UInt8(ascii: ":") where endsWord(place + 1):
        (atToken, opensBlock) = (true, false)
        place += 1
      case UInt8(ascii: "-") where atToken && endsWord(place + 1),
        UInt8(ascii: "?") where atToken && endsWord(place + 1):
        try enterToken(opensBlock: true)
        opensBlock = true
        place += 1
      default:
        if atToken {
          try enterToken(opensBlock: opensBlock)
          try refuseIndicator(byte)
        }
        if atToken, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
          try skipQuoted(byte)
        } else {
          place += 1
        }
        atToken = false
      }
    }
  }

  /// Refuses aliases, tags and block scalars at the start of a token.
  private func refuseIndicator(_ byte: UInt8) throws(InputError) {
    switch byte {
    case UInt8(ascii: "&"), UInt8(ascii: "*"):
      throw refusal(.plainDocument, "an anchor or alias; write the value out")
    case UInt8(ascii: "!"):
      throw refusal(.plainDocument, "a tag; write the plain value")
    case UInt8(ascii: "|"), UInt8(ascii: ">"):
      throw refusal(.plainDocument, "a block of text; write the value on one line")
    case UInt8(ascii: "%") where place == lineStart:
      throw refusal(.plainDocument, "a directive; leave it out")
    default: break
    }
  }

  private mutating func enterToken(opensBlock: Bool) throws(InputError) {
    nodes += 1
    if opensBlock, flowDepth == 0 {
      let column = place - lineStart
      while let last = blocks.last, last >= column { blocks.removeLast() }
      blocks.append(column)
    }
    if blocks.count + flowDepth > Limits.configurationNesting {
      throw refusal(.readableDocument, "nesting above \(Limits.configurationNesting) levels")
    }
    if nodes > Limits.configurationNodes {
      throw refusal(.plainDocument, "more than \(Limits.configurationNodes) values")
    }
  }

  /// Whether this line is `---` or `...`; only one document may begin, before anything else.
  private mutating func scanDocumentMark() throws(InputError) -> Bool {
    guard place == lineStart, endsWord(place + 3), bytes.count >= place + 3 else { return false }
    let mark = bytes[place..<(place + 3)]
    guard mark.elementsEqual("---".utf8) || mark.elementsEqual("...".utf8) else { return false }
    documents += 1
    if documents > 1 || nodes > 0 {
      throw refusal(.plainDocument, "a second document; a configuration is one")
    }
    return true
  }

  private mutating func skipQuoted(_ quote: UInt8) throws(InputError) {
    let start = refusal(.readableDocument, "a quote that is not closed")
    place += 1
    while place < bytes.count {
      let byte = bytes[place]
      if byte == UInt8(ascii: "\n") {
        line += 1
        lineStart = place + 1
      }
      if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") { place += 1 }
      place += 1
      if byte == quote {
        guard quote == UInt8(ascii: "'"), place < bytes.count, bytes[place] == quote else { return }
        place += 1
      }
    }
    throw start
  }

  private mutating func skipLine() {
    while place < bytes.count, bytes[place] != UInt8(ascii: "\n") { place += 1 }
    place += 1
    line += 1
  }

  private func endsWord(_ place: Int) -> Bool {
    place >= bytes.count || [0x20, 0x0A, 0x0D, 0x09].contains(bytes[place])
  }

  private func follows(_ byte: UInt8) -> Bool { place > 0 && bytes[place - 1] == byte }

  private func refusal(_ rule: InputError.Rule, _ found: String) -> InputError {
    InputError(
      rule, file: file, at: .init(line: line, column: place - lineStart + 1), found: found)
  }
}
