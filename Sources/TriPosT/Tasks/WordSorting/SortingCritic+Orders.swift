// The checks of what an attempt concludes from letters: groups, orders and the answer (4.3).

extension SortingCritic {
  func checkNow(at index: Int) throws(CriticFailure) -> Finding? {
    let line = lines[index]
    guard let result = line.result else {
      throw CriticFailure("step (\(line.label)) has no result")
    }
    func wrong(_ reason: String) -> Finding { Finding(part: result, reason: reason) }
    if let word = Self.singleWord(in: result) {
      return wrong(
        "\"[\"\(word)\"]\" has only a single word, so it is not a subpart that needs further sorting"
      )
    }
    guard let before = line.previous, [.first, .sort].contains(lines[before].kind) else {
      throw CriticFailure("there are no letters before step (\(line.label))")
    }
    let step = lines[before].label
    let groups = try groups(of: lines[before])
    guard result.has("<") || result.has("?") else { return wrong("it is not a valid sorted list") }
    let pieces = result.utf8.split(separator: UInt8(ascii: "<"), omittingEmptySubsequences: false)
      .map { String(Substring($0)).trimmed }
    guard pieces.count == groups.count else {
      return try wrong(numbersOff(in: result, groups: groups.map(\.number), step: step))
    }
    for (place, piece) in pieces.enumerated() {
      if let reason = try fault(in: piece, at: place, groups: groups, step: step) {
        return wrong(reason)
      }
    }
    return nil
  }

  /// The word of the first bracket that holds one quoted word only.
  private static func singleWord(in text: String) -> String? {
    var rest = text[...]
    while let opening = rest.firstRange(of: "[\"") {
      rest = rest[opening.upperBound...]
      guard let closing = rest.firstRange(of: "\"") else { return nil }
      if rest[closing.upperBound...].hasPrefix("]") { return String(rest[..<closing.lowerBound]) }
    }
    return nil
  }

  /// The words of a line by the numbers that it gives them, ascending.
  private func groups(
    of line: SortingLine
  ) throws(CriticFailure) -> [(number: Int, words: [String])] {
    let (_, entries) = try entries(of: line)
    var groups: [Int: [String]] = [:]
    for entry in entries {
      guard let number = entry.value else { throw CriticFailure("\(entry.text) has no number") }
      groups[number, default: []].append(entry.word)
    }
    return groups.keys.sorted().map { ($0, groups[$0] ?? []) }
  }

  private func numbersOff(
    in result: String, groups: [Int], step: StepLabel
  ) throws(CriticFailure) -> String {
    let stated = Self.numbers(in: result)
    func list(_ numbers: [Int]) -> String { numbers.map { "(\($0))" }.joined(separator: " ") }
    let missing = groups.filter { !stated.contains($0) }
    if !missing.isEmpty {
      return "according to step (\(step)), this ordering does not have words with the numbers "
        + "\(list(missing)) sorted correctly"
    }
    let extra = stated.filter { !groups.contains($0) }
    if strict, extra.isEmpty,
      let twice = groups.first(where: { number in
        stated.count { $0 == number } > 1
      })
    {
      return "the words with the number (\(twice)) stand there twice"
    }
    guard !extra.isEmpty else { throw CriticFailure("the groups of an order cannot be told apart") }
    return "words with the numbers \(list(extra)) does not exist in the result from previous step "
      + "(\(step))"
  }

  /// Every number in brackets.
  private static func numbers(in text: String) -> [Int] {
    var numbers: [Int] = []
    var rest = text[...]
    while let opening = rest.firstRange(of: "(") {
      rest = rest[opening.upperBound...]
      guard let closing = rest.firstRange(of: ")") else { break }
      if let number = Int(rest[..<closing.lowerBound]) { numbers.append(number) }
    }
    return numbers
  }

  private func fault(
    in piece: String, at place: Int, groups: [(number: Int, words: [String])], step: StepLabel
  ) throws(CriticFailure) -> String? {
    guard piece.startsWith("("), let closing = piece.firstRange(of: ")"),
      let number = Int(piece[piece.index(after: piece.startIndex)..<closing.lowerBound])
    else { throw CriticFailure("the group \(piece) has no number") }
    let words = orderedWords(in: String(piece[closing.upperBound...]))
    guard !words.isEmpty else { throw CriticFailure("the group \(piece) has no words") }
    if let stranger = words.first(where: { !known.contains($0) }) {
      return "the word \(strangeness(of: stranger))"
    }
    for (index, word) in words.enumerated() where words[..<index].contains(word) {
      return "the word \"\(word)\" inside is duplicated"
    }
    let expected = groups[place]
    guard number == expected.number else {
      return "words are not sorted in ascending order. Using results from step (\(step)), "
        + (place == 0
          ? "the first and smallest number should be \(expected.number)"
          : "those words with (\(expected.number)) should come after words with "
            + "(\(groups[place - 1].number))")
    }
    guard Set(words) == Set(expected.words) else {
      return "according to step (\(step)), words with (\(expected.number)) should be: "
        + expected.words.joined(separator: " ")
    }
    return nil
  }

  func checkHence(at index: Int) throws(CriticFailure) -> Finding? {
    let line = lines[index]
    guard let result = line.result else {
      throw CriticFailure("step (\(line.label)) has no result")
    }
    func wrong(_ reason: String) -> Finding { Finding(part: result, reason: reason) }
    guard !result.has("?") else {
      return wrong(
        "this subpart has not yet been sorted completely (contains \"?\"), so it should not be a "
          + "conclusion step")
    }
    let orders = lines.indices.filter {
      lines[$0].kind == .now && lines[$0].result?.has("<") == true
        && (line.parent == lines.count - 1 || steps.isBelow($0, line.parent))
    }
    guard !orders.isEmpty else {
      throw CriticFailure("step (\(line.label)) follows from no order")
    }
    guard !result.has(">") else {
      return wrong("you should always sort in ascending order, from smallest to largest")
    }
    let order = orderedWords(in: result)
    if let stranger = order.first(where: { !known.contains($0) }) {
      return wrong(strangeness(of: stranger))
    }
    for place in orders {
      if let reason = contradiction(between: order, and: lines[place]) { return wrong(reason) }
    }
    return strict ? surplus(in: order, of: line).map(wrong) : nil
  }

  /// What a conclusion has too much: a word twice, or one that is not in the subpart it concludes (13.27).
  private func surplus(in order: [String], of line: SortingLine) -> String? {
    for (index, word) in order.enumerated() where order[..<index].contains(word) {
      return "the word \"\(word)\" is duplicated"
    }
    guard line.parent != lines.count - 1, let (bracket, _) = lines[line.parent].sorted,
      let other = order.first(where: { !orderedWords(in: bracket).contains($0) })
    else { return nil }
    return "\"\(other)\" is not in the list of words you wanted to sort: \(bracket)"
  }

  /// What an earlier order says that a conclusion lacks or turns round.
  private func contradiction(between order: [String], and earlier: SortingLine) -> String? {
    let constraint = earlier.result ?? ""
    let groups = constraint.utf8.split(separator: UInt8(ascii: "<"))
      .map { orderedWords(in: String(Substring($0))) }
    for (left, right) in zip(groups, groups.dropFirst()) {
      for first in left {
        for second in right {
          guard let place = order.firstIndex(of: first), let other = order.firstIndex(of: second)
          else {
            let absent = order.contains(first) ? second : first
            return "the order of the word \"\(absent)\" is already established in step "
              + "(\(earlier.label)) that: \(constraint)"
          }
          guard place < other else {
            return "the order of \"\(first)\" and \"\(second)\" is inconsistent with the result in "
              + "step (\(earlier.label)) that: \(constraint)"
          }
        }
      }
    }
    return nil
  }

  func answer(of line: SortingLine) throws(CriticFailure) -> String {
    guard let answer = line.result else { throw CriticFailure("the final response has no words") }
    return answer
  }

  func checkAnswer(at index: Int) throws(CriticFailure) -> Finding? {
    let answer = try answer(of: lines[index])
    guard let before = lines[index].previous, [.hence, .now].contains(lines[before].kind),
      let order = lines[before].result
    else { throw CriticFailure("there is no order before the final response") }
    let step = lines[before].label
    let concluded = orderedWords(in: order)
    guard Set(concluded) == known else {
      return Finding(
        part: "",
        reason: "you have not yet sorted all the words in the question statement in step (\(step))")
    }
    guard concluded == answer.words.map(String.init) else {
      return Finding(
        part: answer, reason: "in step (\(step)) it is established that: \(order)")
    }
    return nil
  }
}
