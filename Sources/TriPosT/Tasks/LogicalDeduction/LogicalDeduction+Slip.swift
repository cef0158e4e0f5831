public import Boundary

extension LogicalDeduction {
  /// Another letter, or two objects of a pattern exchanged.
  public func slip(in line: String, random: inout RandomStream) -> String {
    if line.startsWith("(Final response)") { return slip(inFinalLine: line) }
    guard let opening = line.firstRange(of: "\"(")?.lowerBound,
      let closing = line.firstRange(of: ")\"")?.upperBound, opening < closing
    else { return line }
    var pieces = line[opening..<closing].split(separator: " ")
    let objects = pieces.indices.filter { index in !pieces[index].contains { "()?".contains($0) } }
    guard objects.count > 1 else { return line }
    let first = random.below(objects.count - 1)
    pieces.swapAt(objects[first], objects[first + 1])
    return "\(line[..<opening])\(pieces.joined(separator: " "))\(line[closing...])"
  }
}
