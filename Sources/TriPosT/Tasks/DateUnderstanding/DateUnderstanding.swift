/// Date Understanding: a date that follows from what is said about today (docs/tripost.md, 9.3).
public struct DateUnderstanding: MultipleChoiceTask {
  public static let name = "date_understanding"
  public let hint = ""

  /// How many questions of how many steps there are.
  public let plan: [Portion]

  public init(plan: [Portion]) {
    self.plan = plan
  }

  /// The line before the final one has the date of the chosen option: after "is", or as a word.
  public func hasValidContent(_ attempt: Attempt, to question: Question) -> Bool {
    guard let choice = MultipleChoice(question) else { return true }
    guard attempt.lines.count > 1, let letter = answer(of: attempt),
      let option = choice.option(letter), let chosen = CalendarDate(reading: option.trimmed)
    else { return false }
    let line = attempt.lines[attempt.lines.count - 2]
    var rest = line[...]
    while let marker = rest.firstRange(of: "is ") {
      rest = rest[marker.upperBound...]
      if WrittenDate(beginning: rest)?.date == chosen { return true }
    }
    return line.words.contains { word in
      let text = word.hasSuffix(".") ? word.dropLast() : word
      guard let written = WrittenDate(beginning: text), written.text == text else { return false }
      return written.date == chosen
    }
  }

  public func rationale(for question: Question) -> Attempt? {
    DateProblem(question).flatMap { problem in
      problem.continuation(after: 0, label: 1).map { Attempt(lines: $0) }
    }
  }
}

extension DateProblem {
  /// The lines after so many steps, numbered on, with the final one.
  func continuation(after done: Int, label: Int) -> [String]? {
    guard let option else { return nil }
    let lines = steps[done...].enumerated().map { "(\(label + $0)) \($1.text)." }
    return lines + ["(Final response) So the answer is (\(MultipleChoice.letters[option]))."]
  }
}
