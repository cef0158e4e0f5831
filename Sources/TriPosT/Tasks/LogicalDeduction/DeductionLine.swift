// A line of an attempt at Logical Deduction, and what kind of step it is.

struct DeductionLine {
  enum Content {
    /// A statement restated, its pattern, and that pattern as written.
    case statement(String, OrderPattern, written: String)
    /// The list of all objects, as written.
    case inventory(String)
    /// The labels of the lines combined.
    case combination([Int], OrderPattern, written: String)
    /// The object found, and the text after "According to this ordering,".
    case readOut(object: Int, written: String)
    /// The text before "So the answer is", and the letter.
    case answer(String, letter: String)
  }

  let label: StepLabel
  let content: Content

  /// The number of a step; nil for the final response.
  var number: Int? {
    if case .step(let numbers) = label { numbers.last } else { nil }
  }

  /// Reads a line, the last one as the final response.
  ///
  /// - Throws: `CriticFailure` for a line of no known form, and `Stranger` for one with a pattern that
  ///   names something else than the objects of the question.
  init(_ line: String, at index: Int, isLast: Bool, in puzzle: OrderPuzzle) throws {
    guard line.endsWith(".") else {
      throw CriticFailure("line \(index + 1) does not end in a full stop")
    }
    if isLast {
      guard let start = line.firstRange(of: "(Final response)"),
        let marker = line.textAfter(anyCase: "so the answer is"),
        let letter = MultipleChoice.letter(inFinalLine: line)
      else { throw CriticFailure("the final response chooses no option") }
      let end = line.utf8.index(marker.startIndex, offsetBy: -"so the answer is".utf8.count)
      guard start.upperBound <= end else { throw CriticFailure("the final response is garbled") }
      label = .finalResponse
      content = .answer(String(line[start.upperBound..<end]).trimmed, letter: letter)
      return
    }
    guard let (label, rest) = StepLabel.leading(line), case .step(let numbers) = label,
      numbers.count == 1
    else { throw CriticFailure("line \(index + 1) has no label") }
    let body = String(rest.dropLast()).trimmed
    self.label = label
    content = try Self.content(body, label: label, in: puzzle)
  }

  /// A pattern that names no object of the question.
  struct Stranger: Error {
    let label: StepLabel
    let name: String
    let written: String
  }

  private static func content(
    _ body: String, label: StepLabel, in puzzle: OrderPuzzle
  ) throws -> Content {
    if let text = body.textAfter(anyCase: "according to this ordering,") {
      let written = String(text).trimmed
      guard let object = object(endingIn: written, puzzle) else {
        throw CriticFailure("step (\(label)) reads out no object")
      }
      return .readOut(object: object, written: written)
    }
    if let text = body.textAfter(anyCase: "there are in total ") {
      return .inventory(String(text).trimmed)
    }
    guard let opening = body.firstRange(of: "\"("), let closing = body.lastRange(of: ")\""),
      opening.upperBound < closing.lowerBound
    else { throw CriticFailure("step (\(label)) is of no known kind") }
    let start = body.utf8.index(after: opening.lowerBound)
    let written = String(body[start..<body.utf8.index(before: closing.upperBound)])
    let pattern: OrderPattern
    switch puzzle.pattern(reading: written) {
    case .pattern(let found): pattern = found
    case .stranger(let name): throw Stranger(label: label, name: name, written: written)
    case .unreadable: throw CriticFailure("the pattern in step (\(label)) cannot be read")
    }
    if let text = body[..<opening.lowerBound].firstRange(of: "Combining ") {
      return .combination(
        labels(in: String(body[text.upperBound..<opening.lowerBound])), pattern, written: written)
    }
    let text = String(body[..<opening.lowerBound]).trimmed
    return .statement(
      text.endsWith(":") ? String(text.dropLast()) : text, pattern, written: written)
  }

  /// The numbers in brackets.
  private static func labels(in text: String) -> [Int] {
    var labels: [Int] = []
    var rest = text[...]
    while let opening = rest.firstRange(of: "(") {
      rest = rest[opening.upperBound...]
      guard let closing = rest.firstRange(of: ")") else { break }
      if let label = Int(rest[..<closing.lowerBound]) { labels.append(label) }
    }
    return labels
  }

  /// The object named after the last "is" or "are".
  private static func object(endingIn text: String, _ puzzle: OrderPuzzle) -> Int? {
    let verbs = [" is ", " are "].compactMap { text[...].lastRange(of: $0)?.upperBound }
    guard let start = verbs.max() else { return nil }
    var name = String(text[start...])
    if name.startsWith("the ") { name = String(name.dropFirst(4)) }
    return puzzle.names.firstIndex(of: name) ?? puzzle.shortNames.firstIndex(of: name)
  }
}
