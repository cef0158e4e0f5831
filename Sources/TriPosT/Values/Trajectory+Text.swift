// A trajectory as text (2.2), and back.

extension Trajectory: CustomStringConvertible {
  public var description: String {
    var text = question.block
    for (index, turn) in turns.enumerated() {
      text += "\n" + (index == 0 ? question.lead : question.updateLead)
      for line in turn.attempt.lines { text += "\n" + line }
      if let feedback = turn.feedback { text += "\nFeedback: \(feedback)" }
    }
    return text
  }

  /// Reads the turns out of a text that begins with the question block and the lead.
  ///
  /// A line is feedback, a line of the question block, a lead, or else a line of an attempt; so any
  /// text can be read, but only a well-formed one comes back the same from `description`.
  public init(parsing text: String, to question: Question, by source: Source = .student) {
    self.init(question: question, lines: text.lines, by: source)
  }

  init(question: Question, lines: [String], by source: Source) {
    self.init(question: question, turns: [])
    var attempt: [String] = []
    for line in lines {
      let header = LineHeader(line)
      if header == .feedback, let text = line.textAfter(anyCase: "feedback:")?.trimmed {
        turns.append(
          Turn(
            attempt: Attempt(lines: attempt), by: source,
            feedback: Feedback(parsing: String(text)),
            from: source))
        attempt = []
      } else if !header.isQuestionBlock, header != .answer, header != .update {
        attempt.append(line)
      }
    }
    if !attempt.isEmpty { turns.append(Turn(attempt: Attempt(lines: attempt), by: source)) }
  }
}
