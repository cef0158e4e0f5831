// The scripts that judge and mend an attempt: extensions of the published method, which asks a large
// model for both.

extension DateUnderstanding {
  public func feedback(
    on attempt: Attempt, to question: Question, options: Compatibility
  ) throws(CriticFailure) -> Feedback {
    guard let problem = DateProblem(question), let option = problem.option,
      option == MultipleChoice.index(of: question.gold)
    else { throw CriticFailure("the question cannot be solved, or has another answer") }
    var previous: StepLabel?
    for text in attempt.lines.dropLast() {
      guard text.endsWith("."), let (label, rest) = StepLabel.leading(text),
        case .step(let numbers) = label, numbers.count == 1
      else { throw CriticFailure("a line is no step") }
      if let (claim, step) = problem.falseClaim(in: String(rest))
        ?? problem.falseClause(in: String(rest))
      {
        return try Finding(part: claim, reason: problem.reason(for: step))
          .feedback(in: label, after: previous)
      }
      previous = label
    }
    guard let previous else { throw CriticFailure("there is no step") }
    guard attempt.finalResponse.has("Final response"),
      let letter = MultipleChoice.letter(inFinalLine: attempt.finalResponse),
      let index = MultipleChoice.index(of: letter)
    else { throw CriticFailure("the final response chooses no option") }
    guard index != option else { return .scriptedSuccess(lastStep: previous) }
    let capital = MultipleChoice.letters[index]
    let reason =
      problem.choice.option(letter).map {
        "option (\(capital)) is \($0), which does not match the date \(problem.answer) that follows "
          + "from step (\(previous))"
      } ?? "there is no option (\(capital))"
    return try Finding(part: "the answer is (\(capital))", reason: reason)
      .feedback(in: .finalResponse, after: previous)
  }

  /// The canonical steps after the last one that the lines before the mistake have taken.
  public func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) -> [String]? {
    guard let problem = DateProblem(question) else { return nil }
    let done = problem.steps.indices.last { index in
      prefix.contains { problem.steps[index].claim(in: $0)?.isTrue == true }
    }
    if mistake.step == .finalResponse {
      return problem.continuation(after: problem.steps.count, label: 0)
    }
    guard case .step(let numbers) = mistake.step, let number = numbers.last else { return nil }
    return problem.continuation(after: done.map { $0 + 1 } ?? 0, label: number)
  }
}

extension DateProblem {
  /// The first step of which a line says something else, and what it says.
  fileprivate func falseClaim(in line: String) -> (claim: String, step: Int)? {
    for index in steps.indices {
      if let claim = steps[index].claim(in: line), !claim.isTrue { return (claim.text, index) }
    }
    return nil
  }

  /// Why a step's date is what it is.
  fileprivate func reason(for step: Int) -> String {
    let text = steps[step].text
    if text.startsWith("If ") { return "if " + text.dropFirst(3) }
    let today = step > 0 ? "today is \(steps[step - 1].date), so " : ""
    return today + "the " + text.dropFirst(4)
  }
}

extension DateStep {
  /// What a line says about the date of this step: nil when it says nothing.
  ///
  /// What stands in a condition, before "then", is not claimed.
  func claim(in line: String) -> (text: String, isTrue: Bool)? {
    let start = line.firstRange(of: ", then ")?.upperBound ?? line.startIndex
    let text = String(line[start...])
    let lower = text.lowerCased
    for claim in claims {
      var rest = lower[...]
      while let marker = rest.firstRange(of: claim + " ") {
        rest = rest[marker.upperBound...]
        let place = lower.utf8.distance(from: lower.startIndex, to: marker.upperBound)
        let begin = lower.utf8.distance(from: lower.startIndex, to: marker.lowerBound)
        let after = text[text.utf8.index(text.startIndex, offsetBy: place)...]
        let from = text.utf8.index(text.startIndex, offsetBy: begin)
        // "One week from today is …" says nothing about today.
        guard let written = WrittenDate(beginning: after), !text[..<from].hasSuffix("from ")
        else { continue }
        let end = text.utf8.index(after.startIndex, offsetBy: written.text.utf8.count)
        guard written.date == date else { return (String(text[from..<end]), false) }
        // The same date once more in digits: "March 4, 2023, that is 03/04/2023".
        if text[end...].utf8.starts(with: ", that is ".utf8) {
          let second = text[text.utf8.index(end, offsetBy: ", ".utf8.count)...]
          let digits = second.dropFirst("that is ".count)
          if let repeated = WrittenDate(beginning: digits), repeated.date != date {
            return ("that is " + repeated.text, false)
          }
        }
        return (String(text[from..<end]), true)
      }
    }
    return nil
  }
}
