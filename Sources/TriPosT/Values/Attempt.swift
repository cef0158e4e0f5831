/// One solution, line by line: labelled steps, then a final response.
///
/// It keeps the student's own lines, whatever they are; only a rationale is sure to be well formed.
public struct Attempt: Equatable, Sendable {
  public let lines: [String]

  public init(lines: [String]) {
    self.lines = lines
  }

  /// The last line, where the answer stands; empty when there is no line at all.
  public var finalResponse: String { lines.last ?? "" }
}
