public import Boundary

extension DateUnderstanding {
  /// Another letter, or another year.
  public func slip(in line: String, random: inout RandomStream) -> String {
    if line.startsWith("(Final response)") { return slip(inFinalLine: line) }
    guard let year = Int(line.dropLast().suffix(4)) else { return line }
    return "\(line.dropLast(5))\(year + 1 + random.below(5))."
  }
}
