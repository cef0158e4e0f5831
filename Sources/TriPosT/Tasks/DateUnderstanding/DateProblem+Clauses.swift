// What a step says besides its own date: its condition, and days as seen from today.

extension DateProblem {
  /// The first clause of a line that contradicts the question, and the step that the line stands for.
  ///
  /// "If the fair was on 01/30/2020 and the exam was four weeks after the fair, then …" has two clauses
  /// before "then". A clause of another form than these says nothing that could be compared.
  func falseClause(in line: String) -> (clause: String, step: Int)? {
    let text = line.trimmed
    let body = text.startsWith("If ") ? String(text.dropFirst(3)) : text
    let parts = body.replacing(", then ", by: "\n").replacing(" and ", by: "\n").lines
    for part in parts {
      if let clause = falseClause(part.endsWith(".") ? String(part.dropLast()) : part) {
        return (clause, step(of: line))
      }
    }
    return nil
  }

  /// The step whose date a line states; for a line that states none, the last one where it is about "the
  /// date", else that of today.
  private func step(of line: String) -> Int {
    steps.firstIndex { $0.claim(in: line) != nil }
      ?? (line.hasAnyCase("the date ") ? nil : steps.firstIndex { $0.date == days["today"] })
      ?? steps.count - 1
  }

  /// The words of a clause that are false; nil when it is true or of no known form.
  private func falseClause(_ clause: String) -> String? {
    if let (span, start) = halves(of: clause, at: " have passed since ") {
      guard let shift = DateShift(duration: span), let written = WrittenDate(whole: start)
      else { return nil }
      return written.date.flatMap { $0.shifted(by: shift) } == days["today"] ? nil : clause
    }
    if let (left, earlier) = halves(of: clause, at: " after "), let from = event(earlier) {
      for verb in [" was ", " is "] {
        guard let (later, span) = halves(of: left, at: verb), let to = event(later),
          let shift = DateShift(duration: span)
        else { continue }
        return from.shifted(by: shift) == to ? nil : clause
      }
    }
    for verb in [" was on ", " is on ", " was ", " is "] {
      guard let (left, right) = halves(of: clause, at: verb) else { continue }
      if let day = day(left), let written = WrittenDate(beginning: right[...]) {
        return written.date == day ? nil : left + verb + written.text
      }
      if let written = WrittenDate(whole: left), let shift = DateShift(fromToday: right) {
        return isSo(written.date, shift) ? nil : clause
      }
    }
    return nil
  }

  /// Whether a day is so far from today, counted from either: with months it can make a difference.
  private func isSo(_ date: CalendarDate?, _ shift: DateShift) -> Bool {
    guard let date, let today = days["today"] else { return false }
    return today.shifted(by: shift) == date || date.shifted(by: shift.reversed) == today
  }

  /// The day of an event, with or without its article.
  private func event(_ words: String) -> CalendarDate? {
    let name = words.lowerCased
    return days[name.startsWith("the ") ? String(name.dropFirst(4)) : name]
  }

  /// The day of an event, or of words such as "tomorrow" and "the date one week from today".
  private func day(_ words: String) -> CalendarDate? {
    if let day = event(words) { return day }
    let name = words.lowerCased
    let relative = name.startsWith("the date ") ? String(name.dropFirst(9)) : name
    return DateShift(fromToday: relative).flatMap { days["today"]?.shifted(by: $0) }
  }

  private func halves(of text: String, at marker: String) -> (left: String, right: String)? {
    text.firstRange(of: marker).map {
      (String(text[..<$0.lowerBound]), String(text[$0.upperBound...]))
    }
  }
}

extension WrittenDate {
  /// A text that is a date and nothing else.
  fileprivate init?(whole text: String) {
    self.init(beginning: text[...])
    guard self.text.utf8.count == text.utf8.count else { return nil }
  }
}
