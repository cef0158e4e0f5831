// Finding and cutting text by its bytes.
//
// Everything the module looks for is ASCII, so it is found byte by byte: a needle matches whatever
// stands after it (a combining accent, half of a line end), and a cut never splits a character.
// Only the `…+Text.swift` files and the tasks' own scripts use this.

extension String {
  /// The lines between newlines; a text without one is one line.
  var lines: [String] {
    utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .map { String(Substring($0)) }
  }

  /// Without white space at the ends.
  var trimmed: String { String(self[...].trimmed) }

  /// The runs of text between white space.
  var words: [Substring] { utf8.split(whereSeparator: isBlank).map { Substring($0) } }

  func has(_ needle: String) -> Bool { firstRange(of: needle) != nil }

  func startsWith(_ needle: String) -> Bool { utf8.starts(with: needle.utf8) }

  func endsWith(_ needle: String) -> Bool { utf8.reversed().starts(with: needle.utf8.reversed()) }

  func firstRange(of needle: String) -> Range<Index>? { self[...].firstRange(of: needle) }

  func lastRange(of needle: String) -> Range<Index>? { self[...].lastRange(of: needle) }

  /// With the letters A to Z made small; every byte keeps its place.
  var lowerCased: String {
    String(decoding: utf8.map { isCapital($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }

  /// Whether a needle of small letters occurs in any case.
  func hasAnyCase(_ needle: String) -> Bool { lowerCased.has(needle) }

  /// The text after a marker of small letters, which may stand there in any case.
  func textAfter(anyCase marker: String) -> Substring? {
    let lower = lowerCased
    guard let range = lower.firstRange(of: marker) else { return nil }
    let offset = lower.utf8.distance(from: lower.startIndex, to: range.upperBound)
    return self[utf8.index(startIndex, offsetBy: offset)...]
  }

  /// Every occurrence of `needle` replaced, left to right.
  func replacing(_ needle: String, by replacement: String) -> String {
    var result = ""
    var rest = self[...]
    while let range = rest.firstRange(of: needle), !range.isEmpty {
      result += rest[..<range.lowerBound]
      result += replacement
      rest = rest[range.upperBound...]
    }
    return result + rest
  }
}

extension Substring {
  var trimmed: Substring {
    var bytes = utf8
    while let first = bytes.first, isBlank(first) { bytes.removeFirst() }
    while let last = bytes.last, isBlank(last) { bytes.removeLast() }
    return Substring(bytes)
  }

  func firstRange(of needle: String) -> Range<Index>? {
    let bytes = utf8
    let sought = needle.utf8
    guard let first = sought.first else { return startIndex..<startIndex }
    var start = bytes.startIndex
    while let hit = bytes[start...].firstIndex(of: first) {
      let candidate = bytes[hit...]
      if candidate.starts(with: sought) {
        return hit..<bytes.index(hit, offsetBy: sought.count)
      }
      start = bytes.index(after: hit)
    }
    return nil
  }

  func lastRange(of needle: String) -> Range<Index>? {
    var found: Range<Index>?
    var rest = self
    while let range = rest.firstRange(of: needle), !range.isEmpty {
      found = range
      rest = self[self.utf8.index(after: range.lowerBound)...]
    }
    return found
  }
}

func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

func isCapital(_ byte: UInt8) -> Bool { (0x41...0x5a).contains(byte) }
