// An attempt at Word Sorting, read line by line into a tree of steps (4.3).

/// A line of an attempt and what it is about.
struct SortingLine {
  enum Kind { case first, sort, now, hence, answer }

  let label: StepLabel
  let kind: Kind
  /// After the label and before the full stop.
  let body: String
  /// The line before it in the text.
  let previous: Int?
  /// The line whose label this one's continues; the final response for the others.
  let parent: Int

  /// The body before and after its only colon; nil where there are more or none.
  var halves: (left: String, right: String)? {
    let parts = body.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    return (String(Substring(parts[0]).trimmed), String(Substring(parts[1]).trimmed))
  }

  /// What a line of this kind concludes with.
  var result: String? {
    let marker = kind == .hence ? "Hence, we have" : ":"
    return body.firstRange(of: marker).map { String(body[$0.upperBound...]).trimmed }
  }

  /// The bracket that is sorted, and the index of the letters that are looked at.
  var sorted: (bracket: String, letter: Int)? {
    guard let looking = body.firstRange(of: "by looking at"),
      let opening = body[..<looking.lowerBound].firstRange(of: "["),
      let closing = body[..<looking.lowerBound].lastRange(of: "]"),
      opening.lowerBound < closing.lowerBound,
      let letter = letterIndex(after: body[looking.upperBound...])
    else { return nil }
    return (String(body[opening.lowerBound..<closing.upperBound]), letter)
  }

  private func letterIndex(after text: Substring) -> Int? {
    let words = String(text).words
    guard words.count > 2, words[0] == "their" || words[0] == "the",
      words[2].hasPrefix("letter")
    else { return nil }
    return ordinals.firstIndex { $0 == words[1] }
  }
}

/// Reads every line; none is judged yet.
struct SortingLines {
  let lines: [SortingLine]

  init(_ attempt: Attempt) throws(CriticFailure) {
    guard attempt.finalResponse.has("Final response") else {
      throw CriticFailure("the last line is no final response")
    }
    let last = attempt.lines.count - 1
    var lines: [SortingLine] = []
    // The newest line of each label: several groups of one line share theirs.
    var places: [StepLabel: Int] = [:]
    for (index, text) in attempt.lines.enumerated() {
      guard text.endsWith(".") else {
        throw CriticFailure("line \(index + 1) does not end in a full stop")
      }
      guard let (label, rest) = Self.label(of: text, isLast: index == last) else {
        throw CriticFailure("line \(index + 1) has no label")
      }
      let body = String(rest.dropLast()).trimmed
      guard let kind = Self.kind(of: body, label: label) else {
        throw CriticFailure("line \(index + 1) is of no known kind")
      }
      var parent = last
      if case .step(let numbers) = label, numbers.count > 1 {
        guard let place = places[.step(numbers.dropLast())] else {
          throw CriticFailure("step (\(label)) belongs to no step")
        }
        parent = place
      }
      places[label] = index
      lines.append(
        SortingLine(
          label: label, kind: kind, body: body, previous: index > 0 ? index - 1 : nil,
          parent: parent))
    }
    self.lines = lines
  }

  private static func label(
    of line: String, isLast: Bool
  ) -> (label: StepLabel, rest: Substring)? {
    if isLast {
      return line.firstRange(of: "Final response)").map {
        (.finalResponse, line[$0.upperBound...])
      }
    }
    guard let (label, rest) = StepLabel.leading(line), rest.utf8.first == UInt8(ascii: " "),
      let start = rest.dropFirst().utf8.first, isDigit(start) || isCapital(start & ~0x20)
    else { return nil }
    return (label, rest)
  }

  private static func kind(of body: String, label: StepLabel) -> SortingLine.Kind? {
    if label == .number(1) { return .first }
    if body.hasAnyCase("sort this subpart") || body.has("again by looking at") { return .sort }
    if body.has("We now have") { return .now }
    if body.has("Hence, we have") { return .hence }
    return body.has("So the answer is") ? .answer : nil
  }

  /// The lines in the order of the tree: a step, then the steps below it; the final response last.
  var checkingOrder: [Int] {
    var children: [Int: [Int]] = [:]
    for index in lines.indices.dropLast() {
      children[lines[index].parent, default: []].append(index)
    }
    let root = lines.count - 1
    var order: [Int] = []
    var pending = (children[root] ?? []).reversed() as [Int]
    while let index = pending.popLast() {
      order.append(index)
      pending += (children[index] ?? []).reversed()
    }
    return order + [root]
  }

  /// Whether a line is below another one in the tree.
  func isBelow(_ index: Int, _ ancestor: Int) -> Bool {
    var place = index
    // A parent stands before its children, except for the final response, which has none.
    while place != lines.count - 1 {
      place = lines[place].parent
      if place == ancestor { return true }
    }
    return false
  }
}

/// An entry such as `"grape"="g" (7)`.
struct LetterEntry {
  let text: String
  let word: String
  let letter: String
  let number: String

  /// Nil when it does not have these three parts.
  init?(_ text: String) {
    let parts = text.words
    guard parts.count == 2 else { return nil }
    let sides = parts[0].utf8.split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
    guard sides.count == 2 else { return nil }
    self.text = text
    word = unquoted(String(Substring(sides[0])))
    letter = unquoted(String(Substring(sides[1])))
    number = String(parts[1])
  }

  /// The number in the brackets; nil when there is none.
  var value: Int? {
    guard number.startsWith("("), number.endsWith(")") else { return nil }
    return Int(number.dropFirst().dropLast())
  }

  /// The entries of a list; nil when one of them is none.
  static func list(_ text: String) -> [LetterEntry]? {
    var entries: [LetterEntry] = []
    for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
      guard let entry = LetterEntry(String(Substring(part)).trimmed) else { return nil }
      entries.append(entry)
    }
    return entries
  }
}

/// The words of an ordering such as `["u" ? "v"]` or `"u" < "v"`, in their order; numbers in
/// brackets and signs are left out.
func orderedWords(in text: String) -> [String] {
  text.words.compactMap { piece in
    guard !piece.utf8.contains(UInt8(ascii: "(")) else { return nil }
    let word = piece.utf8.filter {
      !"[]\"?".utf8.contains($0)
    }
    let name = String(decoding: word, as: UTF8.self)
    return name.isEmpty || name == "<" ? nil : name
  }
}

func unquoted(_ text: String) -> String { text.replacing("\"", by: "") }
