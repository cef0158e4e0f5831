// The script that finds the earliest mistake in an attempt (9.4): an extension of the published
// method, which asks a large model.

extension LogicalDeduction {
  public func feedback(
    on attempt: Attempt, to question: Question, options: Compatibility
  ) throws(CriticFailure) -> Feedback {
    guard let critic = DeductionCritic(question) else {
      throw CriticFailure("the question cannot be read, or has no single solution")
    }
    return try critic.feedback(on: attempt)
  }
}

/// Compares every line with the only order that the statements allow.
struct DeductionCritic {
  let puzzle: OrderPuzzle
  private let order: Int
  private let object: Int
  private let option: Int

  init?(_ question: Question) {
    guard let puzzle = OrderPuzzle(question), let order = puzzle.solution,
      let (object, option) = puzzle.answer(in: order),
      MultipleChoice.index(of: question.gold) == option
    else { return nil }
    self.puzzle = puzzle
    self.order = order
    self.object = object
    self.option = option
  }

  func feedback(on attempt: Attempt) throws(CriticFailure) -> Feedback {
    let last = attempt.lines.count - 1
    var previous: StepLabel?
    var ordering: StepLabel?
    for (index, text) in attempt.lines.enumerated() {
      let (label, finding) = try judge(
        text, at: index, isLast: index == last, after: previous, ordering: &ordering)
      if let finding { return try finding.feedback(in: label, after: previous) }
      if index < last { previous = label }
    }
    guard let previous else { throw CriticFailure("there is no step") }
    return .scriptedSuccess(lastStep: previous)
  }

  private func judge(
    _ text: String, at index: Int, isLast: Bool, after previous: StepLabel?,
    ordering: inout StepLabel?
  ) throws(CriticFailure) -> (StepLabel, Finding?) {
    do {
      let line = try DeductionLine(text, at: index, isLast: isLast, in: puzzle)
      if case .combination = line.content { ordering = line.label }
      return (line.label, try finding(in: line, ordering: ordering, previous: previous))
    } catch let failure as CriticFailure {
      throw failure
    } catch let stranger as DeductionLine.Stranger {
      return (
        stranger.label,
        Finding(
          part: stranger.written,
          reason: "\"\(stranger.name)\" is none of the \(puzzle.inventory)")
      )
    } catch {
      throw CriticFailure("line \(index + 1) cannot be read")
    }
  }

  private func finding(
    in line: DeductionLine, ordering: StepLabel?, previous: StepLabel?
  ) throws(CriticFailure) -> Finding? {
    switch line.content {
    case .statement(let text, let pattern, let written):
      return statementFinding(text, pattern, written: written, label: line.number)
    case .inventory(let written):
      guard !puzzle.isInventory(written) else { return nil }
      return Finding(part: written, reason: "the question names \(puzzle.inventory)")
    case .combination(let sources, let pattern, let written):
      guard !isTrue(pattern) else { return nil }
      return Finding(part: written, reason: doubt(about: pattern, from: sources))
    case .readOut(let found, let written):
      let truth = puzzle.readOut(object)
      if found == object,
        LogicalDeduction.saysExactly(puzzle.sentence(ofOption: option), in: written)
      {
        return nil
      }
      return Finding(part: written, reason: "\(source(ordering)) that \(truth)")
    case .answer(let text, let letter):
      return try finding(inAnswer: text, letter: letter, source: source(previous))
    }
  }

  /// A false pattern, or a true one beside a sentence that is false.
  private func statementFinding(
    _ text: String, _ pattern: OrderPattern, written: String, label: Int?
  ) -> Finding? {
    let isPattern = !isTrue(pattern)
    if !isPattern {
      guard let said = puzzle.sentence(text)?.pattern, !isTrue(said) else { return nil }
    }
    let part = isPattern ? written : text
    guard let statement = statement(text, label: label) else {
      return Finding(part: part, reason: "the question does not say so")
    }
    let meaning = isPattern ? ", which is \"\(puzzle.text(of: statement.pattern))\"" : ""
    return Finding(
      part: part, reason: "the question says that \(statement.text.midSentence)\(meaning)")
  }

  private func source(_ label: StepLabel?) -> String {
    label.map { "it follows from step (\($0))" } ?? "it follows from the question"
  }

  private func isTrue(_ pattern: OrderPattern) -> Bool {
    pattern.orders(in: puzzle.table).contains(order)
  }

  /// The statement that a line restates: the one with its words, or else the one of its number.
  private func statement(_ text: String, label: Int?) -> OrderStatement? {
    if let restated = puzzle.statements.first(where: { $0.text == text }) { return restated }
    let index = (label ?? 0) - 1
    return puzzle.statements.indices.contains(index) ? puzzle.statements[index] : nil
  }

  /// Why a combination is wrong: what it leaves out, turns round or misplaces.
  private func doubt(about pattern: OrderPattern, from sources: [Int]) -> String {
    let places = puzzle.table.orders[order]
    let missing = puzzle.names.indices.filter { !pattern.objects.contains($0) }
    if pattern.gaps.allSatisfy({ !$0.isOpen && $0.least == 0 }), !missing.isEmpty {
      return "it leaves out " + missing.map { puzzle.shortNames[$0] }.joined(separator: " and ")
    }
    let from =
      sources.isEmpty
      ? "the question" : "steps " + sources.map { "(\($0))" }.joined(separator: " and ")
    for (first, second) in zip(pattern.objects, pattern.objects.dropFirst()) {
      guard let place = places.firstIndex(of: first), let other = places.firstIndex(of: second),
        place >= other
      else { continue }
      return "it does not follow from \(from) that \(puzzle.shortNames[first]) comes before "
        + puzzle.shortNames[second]
    }
    return
      "it does not follow from \(from) how many objects are between two of these or before them"
  }

  private func finding(
    inAnswer text: String, letter: String, source: String
  ) throws(CriticFailure) -> Finding? {
    let truth = puzzle.sentence(ofOption: option).dropLast()
    let claim = "the answer is (\(letter.utf8.map { String(UnicodeScalar($0 & ~0x20)) }.joined()))"
    guard let index = MultipleChoice.index(of: letter),
      puzzle.choice.options.indices.contains(index)
    else { return Finding(part: claim, reason: "there is no such option") }
    guard index == option else {
      return Finding(
        part: claim,
        reason: "option (\(MultipleChoice.letters[index])) says that "
          + "\(puzzle.sentence(ofOption: index).dropLast().midSentence), but \(source) that "
          + truth.midSentence)
    }
    if LogicalDeduction.saysExactly(puzzle.choice.options[option], in: text) { return nil }
    guard !text.isEmpty else { throw CriticFailure("the final response does not say its option") }
    return Finding(part: text, reason: "\(source) that \(truth.midSentence)")
  }
}

extension StringProtocol {
  /// A sentence within another: an article at its beginning is small.
  fileprivate var midSentence: String {
    hasPrefix("The ") ? "the " + dropFirst(4) : String(self)
  }
}
