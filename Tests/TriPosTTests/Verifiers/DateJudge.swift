import Foundation
import TriPosT

/// Counts days by Julian day numbers, and holds every clause of a step against the calendar.
struct DateJudge: LineJudge {
  typealias Task = DateUnderstanding

  private let gold: String
  private let options: [String: Day]
  /// When each event was, and today.
  private let days: [String: Day]
  private let asked: String
  private let count: Int
  let families: [[String]]

  init?(_ question: Question, solution: [String]) {
    let lines = question.block.components(separatedBy: "\n")
    guard let text = lines[0].between("Q: ", " in MM/DD/YYYY?"),
      let (premise, asked) = text.halves(at: " What is the date "),
      let days = Self.days(in: premise)
    else { return nil }
    var options: [String: Day] = [:]
    for line in lines.dropFirst(2) {
      options[String(line.dropFirst().prefix(1))] = Day(line.unlabelled)
    }
    self.options = options
    self.days = days
    self.asked = asked
    gold = question.gold
    count = solution.count
    families = [
      Self.numbers, ["days", "weeks", "months", "years"], ["yesterday", "tomorrow", "today"],
      Day.months, days.keys.map { $0.components(separatedBy: " ").last ?? $0 },
      ["(A)", "(B)", "(C)", "(D)", "(E)", "(F)"],
    ]
  }

  var confirmsGold: Bool {
    guard let answer = day(asked) else { return false }
    return options[gold] == answer && options.values.count { $0 == answer } == 1
  }

  func kind(at index: Int) -> String {
    index == count - 1 ? "final response" : "step"
  }

  func standing(of line: String, at index: Int) -> Standing {
    let body = line.unlabelled
    if index == count - 1 {
      guard let letter = body.between("So the answer is (", ").") else { return .unreadable }
      return letter == gold ? .holds : .fails
    }
    guard let text = body.between("", ".") else { return .unreadable }
    var clauses: [String]
    if let (condition, conclusion) = text.between("If ", "")?.halves(at: ", then ") {
      clauses = condition.components(separatedBy: " and ") + [conclusion]
    } else {
      guard let (words, digits) = text.halves(at: ", that is ") else { return .unreadable }
      guard let (subject, _) = words.halves(at: " is ") else { return .unreadable }
      clauses = [words, "\(subject) is \(digits)"]
    }
    let truths = clauses.map(truth)
    if truths.contains(where: { $0 == nil }) { return .unreadable }
    return truths.allSatisfy { $0 == true } ? .holds : .fails
  }

  // MARK: Clauses

  /// Whether a clause is true; nil when it is none.
  private func truth(of clause: String) -> Bool? {
    if let (span, since) = clause.halves(at: " days have passed since ") {
      guard let count = Self.number(span) else { return nil }
      guard let day = Day(since) else { return Day.looksLikeOne(since) ? false : nil }
      return day.number + count == today.number
    }
    if let (later, than) = clause.halves(at: " after ") {
      for verb in [" was ", " is "] {
        guard let (subject, span) = later.halves(at: verb), let first = days[subject.trimmedThe],
          let second = days[than.trimmedThe], let length = Self.span(span)
        else { continue }
        return second.moved(length) == first
      }
      return nil
    }
    for verb in [" was on ", " was ", " is "] {
      guard let (left, right) = clause.halves(at: verb) else { continue }
      if let day = Day(right) { return self.day(left).map { $0 == day } }
      if let day = Day(left) {
        guard let shift = Self.shift(right) else { return nil }
        return Self.isSo(day, shift, today)
      }
      if Day.looksLikeOne(right), self.day(left) != nil { return false }
      if Day.looksLikeOne(left), Self.shift(right) != nil { return false }
    }
    return nil
  }

  /// That a day is so far from today: counted from either end, which months make a difference to.
  private static func isSo(_ day: Day, _ shift: Span, _ today: Day) -> Bool {
    today.moved(shift) == day || day.moved(Span(days: -shift.days, months: -shift.months)) == today
  }

  private var today: Day { days["today"] ?? Day(number: 0) }

  /// An event's day, or one that is named as seen from today.
  private func day(_ name: String) -> Day? {
    days[name.trimmedThe] ?? Self.shift(name.between("The date ", "") ?? name).map(today.moved)
  }

  private static let numbers = [
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "one",
  ]

  private static func number(_ word: String) -> Int? {
    switch word {
    case "a", "one": 1
    case "ten": 10
    default: Int(word) ?? numbers.firstIndex(of: word).map { $0 + 2 }
    }
  }

  struct Span {
    var days = 0
    var months = 0
  }

  /// "two weeks".
  private static func span(_ text: String) -> Span? {
    let parts = text.components(separatedBy: " ")
    guard parts.count == 2, let count = number(parts[0]) else { return nil }
    switch parts[1] {
    case "hours": return count % 24 == 0 ? Span(days: count / 24) : nil
    case "day", "days": return Span(days: count)
    case "week", "weeks": return Span(days: 7 * count)
    case "month", "months": return Span(months: count)
    case "year", "years": return Span(months: 12 * count)
    default: return nil
    }
  }

  /// "yesterday", "two weeks from today", "10 days ago".
  private static func shift(_ text: String) -> Span? {
    switch text {
    case "today": return Span()
    case "tomorrow": return Span(days: 1)
    case "yesterday": return Span(days: -1)
    case "the day before yesterday": return Span(days: -2)
    default: break
    }
    for ending in [" ago from today", " ago"] {
      if let span = text.between("", ending).flatMap(Self.span) {
        return Span(days: -span.days, months: -span.months)
      }
    }
    for ending in [" from today", " from now", " later", " away from now"] {
      if let span = text.between("", ending).flatMap(Self.span) { return span }
    }
    return nil
  }

  // MARK: Premises

  /// What the made questions say about today.
  private static func days(in premise: String) -> [String: Day]? {
    if premise.contains(" after the ") { return chain(premise) }
    let pattern = #"\d{1,2}/\d{1,2}/\d{4}|[A-Z][a-z]+ \d{1,2}, \d{4}"#
    guard let place = premise.range(of: pattern, options: .regularExpression),
      let day = Day(String(premise[place]))
    else { return nil }
    let words = premise.components(separatedBy: " ")
    func before(_ word: String) -> Int? {
      words.firstIndex(of: word).flatMap { $0 > 0 ? number(words[$0 - 1]) : nil }
    }
    var shift = Span()
    if premise.hasPrefix("The day before yesterday") {
      shift.days = 2
    } else if premise.hasPrefix("Yesterday") {
      shift.days = 1
    } else if premise.contains("omorrow") {
      shift.days = -1
    } else if premise.hasSuffix(" a week ago.") {
      shift.days = 7
    } else if premise.contains("days away from now"), let count = before("days") {
      shift.days = -count
    } else if let count = before("days") {
      shift.days = count
    } else if let count = before("years") {
      shift.months = 12 * count
    }
    return ["today": day.moved(shift)]
  }

  /// Events that follow each other.
  private static func chain(_ premise: String) -> [String: Day]? {
    var days: [String: Day] = [:]
    for sentence in String(premise.dropLast()).components(separatedBy: ". ") {
      if let (event, date) = sentence.halves(at: " was on ") {
        days[event.trimmedThe] = Day(date)
      } else if let (later, than) = sentence.halves(at: " after "),
        let (event, length) = later.halves(at: later.hasPrefix("Today") ? " is " : " was "),
        let start = days[than.trimmedThe], let span = span(length)
      {
        days[event.trimmedThe] = start.moved(span)
      } else {
        return nil
      }
    }
    return days["today"] == nil ? nil : days
  }
}

extension String {
  /// "fair" for "The fair", "today" for "Today".
  fileprivate var trimmedThe: String {
    let text = lowercased()
    return text.hasPrefix("the ") ? String(text.dropFirst(4)) : text
  }
}

/// A Julian day number (Fliegel and Van Flandern 1968).
struct Day: Equatable {
  let number: Int

  static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
  ]

  init(number: Int) { self.number = number }

  init?(_ text: String) {
    let parts: [Int?]
    let pieces = text.components(separatedBy: "/")
    if pieces.count == 3 {
      parts = [Int(pieces[2]), Int(pieces[0]), Int(pieces[1])]
    } else {
      let words = text.replacingOccurrences(of: ",", with: "").components(separatedBy: " ")
      guard words.count == 3, text.contains(", ") else { return nil }
      parts = [Int(words[2]), Self.months.firstIndex(of: words[0]).map { $0 + 1 }, Int(words[1])]
    }
    guard let year = parts[0], let month = parts[1], let day = parts[2], year < 10_000 else {
      return nil
    }
    self.init(year, month, day)
    guard civil == (year, month, day) else { return nil }
  }

  private init(_ year: Int, _ month: Int, _ day: Int) {
    let a = (month - 14) / 12
    number =
      1461 * (year + 4800 + a) / 4 + 367 * (month - 2 - 12 * a) / 12
      - 3 * ((year + 4900 + a) / 100) / 4 + day - 32075
  }

  private var civil: (Int, Int, Int) {
    var l = number + 68569
    let n = 4 * l / 146097
    l -= (146097 * n + 3) / 4
    let i = 4000 * (l + 1) / 1_461_001
    l += 31 - 1461 * i / 4
    let j = 80 * l / 2447
    return (100 * (n - 49) + i + j / 11, j + 2 - 12 * (j / 11), l - 2447 * j / 80)
  }

  /// A day that its month lacks becomes the month's last.
  func moved(_ span: DateJudge.Span) -> Day {
    guard span.months != 0 else { return Day(number: number + span.days) }
    let (year, month, day) = civil
    let months = 12 * year + month - 1 + span.months
    var moved = Day(months / 12, months % 12 + 1, day)
    var last = day
    while moved.civil.1 != months % 12 + 1 {
      last -= 1
      moved = Day(months / 12, months % 12 + 1, last)
    }
    return Day(number: moved.number + span.days)
  }

  /// In digits or words a date, though perhaps of a day that there is not.
  static func looksLikeOne(_ text: String) -> Bool {
    text.range(
      of: #"^(\d{1,4}/\d{1,4}/\d{1,4}|[A-Z][a-z]+ \d{1,4}, \d{1,4})$"#, options: .regularExpression)
      != nil
  }
}
