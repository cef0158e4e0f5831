// How a generation is cleaned (8.2), and when it is given up (8.3).

extension SelfImprovement {
  /// The first line, and those after it as long as each is of a known kind and of another kind or
  /// label than the one before it; without the sign for unknown tokens.
  package static func clean(_ text: String) -> [String] {
    var kept: [String] = []
    var previous: LineHeader?
    for line in text.replacing("\u{2047}", by: "").lines {
      let kind = kind(of: line)
      if !kept.isEmpty, kind == .unknown || kind == .question || kind == previous { break }
      kept.append(line)
      previous = kind
    }
    return kept
  }

  /// A line's header, or feedback or answer for a line that has the word without the colon.
  private static func kind(of line: String) -> LineHeader {
    let header = LineHeader(line)
    guard header == .unknown else { return header }
    let lower = line.lowerCased
    return lower.has("feedback") ? .feedback : lower.has("answer") ? .answer : .unknown
  }

  /// Whether a line shows that the student has lost its way: a step above 15, or an end that repeats
  /// itself or has hardly a word in it.
  package static func looksLooping(_ line: String) -> Bool {
    if case .step(let numbers)? = StepLabel.leading(line)?.label, numbers[0] > 15 { return true }
    let end = Array(line.suffix(50))
    if end.count > 1 {
      for period in 1...(end.count / 2)
      where zip(end, end.dropFirst(period)).allSatisfy({ $0 == $1 }) { return true }
    }
    if String(end).words.count < 5 { return true }
    let words = line.words.suffix(5)
    return words.count == 5 && words.allSatisfy { $0 == words.first }
  }
}
