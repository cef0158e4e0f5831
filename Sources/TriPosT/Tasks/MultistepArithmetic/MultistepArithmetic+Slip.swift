public import Boundary

extension MultistepArithmetic {
  /// Another number at the end of the line, or another group in a partition.
  public func slip(in line: String, random: inout RandomStream) -> String {
    line.startsWith("(1) ")
      ? "\(line.dropLast(2)) + 1\(line.suffix(2))" : "\(line.dropLast())\(1 + random.below(9))."
  }
}
