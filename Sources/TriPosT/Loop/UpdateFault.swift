/// Why an update may not be used (3.6).
public enum UpdateFault: String, Error, CaseIterable, Sendable {
  /// A line of no known kind, or no line.
  case unreadable
  /// The last line is no final response with an answer, or the text runs into another question.
  case noFinalResponse = "no-final-response"
  case unchanged
  /// A line before the mistake is not as it was.
  case changedEarlierLine = "changed-earlier-line"
  case keptMistakenLine = "kept-mistaken-line"
  /// The words that were wrong stand in the new line too.
  case keptMistakenPart = "kept-mistaken-part"
}
