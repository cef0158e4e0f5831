// The script that finds the earliest mistake in an attempt (4.3).

extension WordSorting {
  public func feedback(
    on attempt: Attempt, to question: Question, options: Compatibility
  ) throws(CriticFailure) -> Feedback {
    try SortingCritic(attempt, to: question, strict: options.wsStrict).feedback()
  }
}

/// An attempt, and what it is measured by.
struct SortingCritic {
  let steps: SortingLines
  var lines: [SortingLine] { steps.lines }
  /// The words of the question, in its order.
  let words: [String]
  let known: Set<String>
  /// Words too many are a mistake as well (13.27).
  let strict: Bool

  init(_ attempt: Attempt, to question: Question, strict: Bool) throws(CriticFailure) {
    guard let words = question.listedWords else {
      throw CriticFailure("the question has no list")
    }
    guard words.sorted(by: WordSorting.precedes) == question.gold.words.map(String.init) else {
      throw CriticFailure("the question's answer is not its words in order")
    }
    self.words = words
    known = Set(words)
    self.strict = strict
    steps = try SortingLines(attempt)
  }

  func feedback() throws(CriticFailure) -> Feedback {
    for index in steps.checkingOrder {
      guard let finding = try finding(at: index) else { continue }
      return try finding.feedback(
        in: lines[index].label, after: lines[index].previous.map { lines[$0].label })
    }
    guard lines.count > 1 else { throw CriticFailure("there is no step") }
    guard orderedWords(in: try answer(of: lines[lines.count - 1])) == sortedWords else {
      throw CriticFailure("the script finds no mistake, but the words are in another order")
    }
    return .scriptedSuccess(lastStep: lines[lines.count - 2].label)
  }

  private var sortedWords: [String] { words.sorted(by: WordSorting.precedes) }

  private func finding(at index: Int) throws(CriticFailure) -> Finding? {
    switch lines[index].kind {
    case .first: try checkFirst(lines[index])
    case .sort: try checkSort(at: index)
    case .now: try checkNow(at: index)
    case .hence: try checkHence(at: index)
    case .answer: try checkAnswer(at: index)
    }
  }

  private func checkFirst(_ line: SortingLine) throws(CriticFailure) -> Finding? {
    let (right, entries) = try entries(of: line)
    guard line.body.has("first letter") else {
      return Finding(
        part: right.lowerCased,
        reason: "you should start sorting from the first letter of the words")
    }
    var found: Set<String> = []
    for entry in entries {
      if let stranger = try stranger(entry) { return stranger }
      guard found.insert(entry.word).inserted else {
        return Finding(part: entry.text, reason: "\"\(entry.word)\" is duplicated")
      }
    }
    let missing = words.filter { !found.contains($0) }
    guard missing.isEmpty else {
      return Finding(
        part: right,
        reason: "you missed the words \"\(missing.joined(separator: " "))\", which are in the list "
          + "of words provided by the question statement: \(list)")
    }
    return try checkLetters(entries, letter: 0)
  }

  private func checkSort(at index: Int) throws(CriticFailure) -> Finding? {
    let line = lines[index]
    let (right, entries) = try entries(of: line)
    guard let (bracket, letter) = line.sorted, let left = line.halves?.left.lowerCased else {
      throw CriticFailure("step (\(line.label)) sorts nothing")
    }
    let siblings = lines.indices.filter {
      lines[$0].kind == .now && lines[$0].parent == line.parent && lines[$0].label < line.label
    }
    guard let before = siblings.max(by: { lines[$0].label < lines[$1].label }) else {
      throw CriticFailure("there is no order before step (\(line.label))")
    }
    guard lines[before].body.replacing(" ", by: "").has(bracket.replacing(" ", by: "")) else {
      return Finding(
        part: bracket,
        reason: "this subpart is not amongst the unknown subparts in step (\(lines[before].label))")
    }
    let members = orderedWords(in: bracket)
    guard members.allSatisfy(known.contains) else {
      throw CriticFailure("step (\(line.label)) sorts a word that the question does not have")
    }
    if let order = try orderOfLetters(line, bracket: bracket, letter: letter) {
      return Finding(part: left, reason: order)
    }
    for entry in entries where !members.contains(entry.word) {
      return Finding(
        part: entry.number,
        reason: "\"\(entry.word)\" is not in the list of words you wanted to sort: \(bracket)")
    }
    let missing = members.filter { word in !entries.contains { $0.word == word } }
    guard missing.isEmpty else {
      return Finding(
        part: right,
        reason: "you miss the words \"\(missing.joined(separator: " "))\", which were in the "
          + "subpart you wanted to sort: \(bracket)")
    }
    return try checkLetters(entries, letter: letter)
  }

  /// What is wrong with looking at these letters now; nil when they are next.
  private func orderOfLetters(
    _ line: SortingLine, bracket: String, letter: Int
  ) throws(CriticFailure) -> String? {
    let members = Set(orderedWords(in: bracket))
    var checked: [(letter: Int, label: StepLabel)] = []
    for earlier in lines where earlier.kind == .sort && earlier.label < line.label {
      if let (other, index) = earlier.sorted, members.isSubset(of: orderedWords(in: other)) {
        checked.append((index, earlier.label))
      }
    }
    let next = (checked.map(\.letter).max() ?? 0) + 1
    if letter == next { return nil }
    if letter < next, !checked.isEmpty {
      if strict, let first = lines.first, first.kind == .first { checked.append((0, first.label)) }
      guard let step = checked.first(where: { $0.letter == letter }) else {
        throw CriticFailure("step (\(line.label)) goes back to letters that no step looked at")
      }
      return "the \(ordinals[letter]) letter of \(bracket) has already been checked in "
        + "step (\(step.label))"
    }
    guard next < ordinals.count else { throw CriticFailure("there are too many letters") }
    return "the \(ordinals[next]) letter of \(bracket) has not been sorted yet"
  }

  // MARK: Letters and their numbers

  /// The text after a line's colon, and the entries in it.
  func entries(of line: SortingLine) throws(CriticFailure) -> (right: String, [LetterEntry]) {
    guard let right = line.halves?.right, let entries = LetterEntry.list(right) else {
      throw CriticFailure("the letters in step (\(line.label)) cannot be read")
    }
    return (right, entries)
  }

  private func checkLetters(
    _ entries: [LetterEntry], letter: Int
  ) throws(CriticFailure) -> Finding? {
    for entry in entries {
      if let stranger = try stranger(entry) { return stranger }
      guard let byte = entry.word.asciiByte(at: letter) else {
        throw CriticFailure("\"\(entry.word)\" has no \(ordinals[letter]) letter")
      }
      let character = String(UnicodeScalar(byte))
      guard entry.letter == character else {
        return Finding(
          part: entry.text,
          reason: "the \(ordinals[letter]) letter of \"\(entry.word)\" should be "
            + "\"\(character)\"")
      }
      let number = WordSorting.alphabetNumber(of: byte)
      guard let value = entry.value else {
        throw CriticFailure("\(entry.text) has no number")
      }
      guard value == number else {
        return Finding(
          part: entry.text,
          reason: "the alphabetical order for the character \"\(entry.letter)\" should be \(number)"
        )
      }
    }
    return nil
  }

  private func stranger(_ entry: LetterEntry) throws(CriticFailure) -> Finding? {
    if let first = entry.word.utf8.first, isCapital(first) {
      throw CriticFailure("\"\(entry.word)\" begins with a capital letter")
    }
    guard !known.contains(entry.word) else { return nil }
    return Finding(part: entry.text, reason: strangeness(of: entry.word))
  }

  /// Why a word is not one of the question's.
  func strangeness(of word: String) -> String {
    "\"\(word)\" is not in the list of words provided by the question statement: \(list)"
  }

  var list: String { words.joined(separator: " ") }
}
