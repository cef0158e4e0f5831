public import Boundary

extension WordSorting {
  /// Two words of an order exchanged, or another number beside a letter.
  public func slip(in line: String, random: inout RandomStream) -> String {
    let isConclusion = line.has("Hence")
    if isConclusion || line.startsWith("(Final response)") {
      guard let (start, rest) = tail(of: line, after: isConclusion ? "we have " : "is: ") else {
        return line
      }
      let separator = line.has(" < ") ? " < " : " "
      var words = rest.dropLast().split(separator: separator)
      guard words.count > 1 else { return line }
      words.swapAt(0, 1 + random.below(words.count - 1))
      return "\(start)\(words.joined(separator: separator))."
    }
    if line.has("We now have") {
      guard let (start, rest) = tail(of: line, after: "have: "),
        let opening = rest.firstRange(of: "(")
      else { return line }
      return "\(start)\(rest[..<opening.lowerBound])(1\(rest[opening.upperBound...])"
    }
    // The last entry's number.
    return "\(line.dropLast(2))\(random.below(10)))."
  }

  private func tail(of line: String, after marker: String) -> (start: Substring, rest: Substring)? {
    line.firstRange(of: marker).map { (line[..<$0.upperBound], line[$0.upperBound...]) }
  }
}
