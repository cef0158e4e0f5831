/// What a line of model output begins with, in the order in which the kinds are tried (2.5).
package enum LineHeader: Equatable {
  case question, options, list
  case option(UInt8)
  case update, answer, feedback, finalResponse
  case step(StepLabel)
  case unknown

  package init(_ line: String) {
    let lower = line.lowerCased
    let start = Array(line.utf8.prefix(3))
    if lower.has("q:") {
      self = .question
    } else if lower.has("options:") {
      self = .options
    } else if lower.has("list:") {
      self = .list
    } else if start.count == 3, start[0] == UInt8(ascii: "("), start[2] == UInt8(ascii: ")"),
      isCapital(start[1] & ~0x20)
    {
      self = .option(start[1])
    } else if lower.has("updated answer:") {
      self = .update
    } else if lower.has("answer:") {
      self = .answer
    } else if lower.has("feedback:") {
      self = .feedback
    } else if lower.has("(final response)") {
      self = .finalResponse
    } else if let (label, _) = StepLabel.leading(line) {
      self = .step(label)
    } else {
      self = .unknown
    }
  }

  /// Whether the line belongs to the question block.
  var isQuestionBlock: Bool {
    switch self {
    case .question, .options, .list, .option: true
    default: false
    }
  }
}
