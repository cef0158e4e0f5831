import Boundary

@testable import TriPosT

/// A solution with one step wrong, and another answer; what a critic has to find.
struct Slip {
  let attempt: Attempt
  /// The label of the line with the mistake.
  let step: StepLabel

  /// Spoils one random line of a rationale, and its final response so that the answer is wrong.
  static func made(
    in rationale: Attempt, to question: Question, _ random: inout RandomStream
  ) -> Slip {
    var lines = rationale.lines
    let place = random.below(lines.count)
    lines[lines.count - 1] = spoilt(lines[lines.count - 1], of: question, &random)
    if place < lines.count - 1 {
      let spoilt = spoilt(lines[place], of: question, &random)
      if spoilt != lines[place] {
        lines[place] = spoilt
        return Slip(
          attempt: Attempt(lines: lines),
          step: StepLabel.leading(rationale.lines[place])?.label ?? .finalResponse)
      }
    }
    return Slip(attempt: Attempt(lines: lines), step: .finalResponse)
  }

  private static func spoilt(
    _ line: String, of question: Question, _ random: inout RandomStream
  ) -> String {
    if question.block.contains("List: ") { return word(line, &random) }
    return question.block.contains("\nOptions:") ? option(line, &random) : number(line, &random)
  }

  /// Another number at the end of the line, or another group in a partition.
  private static func number(_ line: String, _ random: inout RandomStream) -> String {
    if line.hasPrefix("(1) ") {
      return String(line.dropLast(2)) + " + 1" + line.suffix(2)
    }
    return String(line.dropLast()) + "\(1 + random.below(9))."
  }

  /// Two words of an order exchanged, or another number beside a letter.
  private static func word(_ line: String, _ random: inout RandomStream) -> String {
    if line.hasPrefix("(Final response)") || line.contains("Hence") {
      let separator = line.contains(" < ") ? " < " : " "
      let marker = line.contains("Hence") ? "we have " : "is: "
      let start = line.end(of: marker)
      var words = line[start...].dropLast().split(separator: separator).map(String.init)
      words.swapAt(0, 1 + random.below(words.count - 1))
      return line[..<start] + words.joined(separator: separator) + "."
    }
    if line.contains("We now have") {
      let start = line.end(of: "have: ")
      return line[..<start] + line[start...].replacingFirst("(", by: "(1")
    }
    // The last entry's number.
    return String(line.dropLast(2)) + "\(random.below(10)))."
  }

  /// Another letter, another date, or two objects exchanged.
  private static func option(_ line: String, _ random: inout RandomStream) -> String {
    if line.hasPrefix("(Final response)") {
      let letter = line.dropLast(2).last ?? "A"
      return String(line.dropLast(3)) + (letter == "A" ? "B" : "A") + ")."
    }
    let year = line.dropLast().suffix(4)
    if let number = Int(year) {
      return String(line.dropLast(5)) + "\(number + 1 + random.below(5))."
    }
    guard let opening = line.start(of: "\"("), line.contains(")\"") else { return line }
    let closing = line.end(of: ")\"")
    var pieces = line[opening..<closing].split(separator: " ").map(String.init)
    let objects = pieces.indices.filter { index in !pieces[index].contains { "()?".contains($0) } }
    guard objects.count > 1 else { return line }
    let first = random.below(objects.count - 1)
    pieces.swapAt(objects[first], objects[first + 1])
    return line[..<opening] + pieces.joined(separator: " ") + line[closing...]
  }
}

extension String {
  fileprivate func start(of text: String) -> Index? { firstRange(of: text)?.lowerBound }
  fileprivate func end(of text: String) -> Index { firstRange(of: text)?.upperBound ?? startIndex }
}

extension Substring {
  fileprivate func replacingFirst(_ old: String, by new: String) -> String {
    guard let range = firstRange(of: old) else { return String(self) }
    return self[..<range.lowerBound] + new + self[range.upperBound...]
  }
}
