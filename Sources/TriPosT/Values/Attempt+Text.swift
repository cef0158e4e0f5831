// An attempt is its lines joined by newlines.

extension Attempt: CustomStringConvertible {
  public init(parsing text: String) {
    self.init(lines: text.lines)
  }

  public var description: String { lines.joined(separator: "\n") }

  /// The label of the last numbered line.
  public var lastStep: StepLabel? {
    for line in lines.reversed() {
      if case .step(let label) = LineHeader(line) { return label }
    }
    return nil
  }

  /// Where the step with this label begins; the last line for the final response.
  public func index(of label: StepLabel) -> Int? {
    label == .finalResponse
      ? lines.indices.last
      : lines.firstIndex { StepLabel.leading($0)?.label == label }
  }

  /// Runs of text between white space, over all lines.
  public var wordCount: Int { lines.reduce(0) { $0 + $1.words.count } }
}
