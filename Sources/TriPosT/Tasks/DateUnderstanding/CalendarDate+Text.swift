// How dates and spans of time are written, and how they are read.

extension CalendarDate: CustomStringConvertible {
  /// "03/04/2023".
  var description: String {
    Self.padded(month, 2) + "/" + Self.padded(day, 2) + "/" + Self.padded(year, 4)
  }

  /// "March 4, 2023".
  var inWords: String { "\(Self.monthNames[month - 1]) \(day), \(year)" }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = "\(number)"
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// Reads a date in digits or in words, or a day that has a name.
  ///
  /// "03/04/2023", "Sept. 1st, 2021", "Christmas Eve of 1937".
  init?(reading text: String) {
    if let written = WrittenDate(beginning: text[...]), written.text.utf8.count == text.utf8.count {
      guard let date = written.date else { return nil }
      self = date
    } else if let named = CalendarDate(named: text) {
      self = named
    } else {
      return nil
    }
  }

  /// Reads days such as "Christmas Eve of 1937", "the last day of Jan 2012" or "the second day of the
  /// third month of 1966".
  private init?(named text: String) {
    var words = text.words.map(String.init)
    if words.first == "the" { words.removeFirst() }
    guard let year = words.popLast().flatMap(Int.init) else { return nil }
    if let last = words.last, last == "of" || last == "in" { words.removeLast() }
    let name = words.joined(separator: " ")
    switch name {
    case "first day": self.init(year: year, month: 1, day: 1)
    case "last day", "New Year's Eve": self.init(year: year, month: 12, day: 31)
    case "Christmas Eve": self.init(year: year, month: 12, day: 24)
    case "Christmas Day": self.init(year: year, month: 12, day: 25)
    case "palindrome day":
      // MMDDYYYY reads the same from both ends when MM and DD are the year's digits turned round.
      let digits = Array("\(year)".utf8.reversed()).map { Int($0) - 48 }
      guard digits.count == 4 else { return nil }
      self.init(year: year, month: digits[0] * 10 + digits[1], day: digits[2] * 10 + digits[3])
    case "Thanksgiving": self.init(weekday: 3, ordinal: 4, ofMonth: 11, year: year)
    default:
      if let weekday = Self.weekdayNames.firstIndex(where: { name == "first \($0)" }) {
        self.init(weekday: weekday, ordinal: 1, ofMonth: 1, year: year)
        return
      }
      guard words.count > 3, words[1] == "day", words[2] == "of" else { return nil }
      self.init(words[0], dayOf: Array(words[3...]), year: year)
    }
  }

  /// A day counted within a month or a quarter of a year.
  private init?(_ ordinal: String, dayOf span: [String], year: Int) {
    var months: ClosedRange<Int>
    if span.count == 1, let month = Self.month(span[0]) {
      months = month...month
    } else {
      guard span.count == 3, span[0] == "the", let number = ordinals.firstIndex(of: span[1])
      else { return nil }
      switch span[2] {
      case "month" where number < 12: months = (number + 1)...(number + 1)
      case "quarter" where number < 4: months = (3 * number + 1)...(3 * number + 3)
      default: return nil
      }
    }
    if ordinal == "last" {
      self.init(
        year: year, month: months.upperBound,
        day: Self.days(inMonth: months.upperBound, of: min(max(year, 1), 9999)))
    } else if let day = ordinals.firstIndex(of: ordinal) {
      self.init(year: year, month: months.lowerBound, day: day + 1)
    } else {
      return nil
    }
  }

  private init?(weekday: Int, ordinal: Int, ofMonth month: Int, year: Int) {
    guard let first = CalendarDate(year: year, month: month, day: 1) else { return nil }
    let days = (weekday - first.weekday + 7) % 7 + 7 * (ordinal - 1)
    self.init(year: year, month: month, day: 1 + days)
  }

  /// The number of a month by its name, which may be cut after three letters, or be spelt as in
  /// "Feburary".
  static func month(_ name: String) -> Int? {
    let letters = name.endsWith(".") ? String(name.dropLast()) : name
    guard letters.utf8.count >= 3 else { return nil }
    if letters == "Sept" { return 9 }
    return monthNames.firstIndex {
      $0 == letters || $0.prefix(3) == letters || letters == "Feburary" && $0 == "February"
    }.map { $0 + 1 }
  }
}

/// A date in digits or with a month's name, as it stands at the beginning of a text.
struct WrittenDate {
  let text: String
  /// Nil for a day that there is not, such as 02/30/2020.
  let date: CalendarDate?

  init?(beginning text: Substring) {
    var cursor = DateCursor(text)
    var numbers: (year: Int, month: Int, day: Int)?
    if let month = cursor.number() {
      guard cursor.skip("/"), let day = cursor.number(), cursor.skip("/"),
        let year = cursor.number()
      else { return nil }
      numbers = (year, month, day)
    } else if let month = cursor.month(), cursor.skip(" "), let day = cursor.number() {
      for ending in ["st", "nd", "rd", "th"] where cursor.skip(ending) { break }
      guard cursor.skip(", "), let year = cursor.number() else { return nil }
      numbers = (year, month, day)
    }
    guard let numbers else { return nil }
    self.text = String(text[..<cursor.place])
    date = CalendarDate(year: numbers.year, month: numbers.month, day: numbers.day)
  }
}

/// Reads a text from its beginning on.
private struct DateCursor {
  let text: Substring
  var place: Substring.Index

  init(_ text: Substring) {
    self.text = text
    place = text.startIndex
  }

  /// One to four digits.
  mutating func number() -> Int? {
    let digits = text[place...].utf8.prefix(while: isDigit)
    guard (1...4).contains(digits.count) else { return nil }
    place = digits.endIndex
    return Int(Substring(digits))
  }

  mutating func month() -> Int? {
    let letters = text[place...].utf8.prefix { isCapital($0 & ~0x20) || $0 == UInt8(ascii: ".") }
    guard let month = CalendarDate.month(String(Substring(letters))) else { return nil }
    place = letters.endIndex
    return month
  }

  mutating func skip(_ literal: String) -> Bool {
    let rest = text[place...].utf8
    guard rest.starts(with: literal.utf8) else { return false }
    place = rest.index(place, offsetBy: literal.utf8.count)
    return true
  }
}

extension DateShift {
  /// Reads a length of time such as "two weeks", "a month", "24 hours" or "176 days".
  init?(duration text: String) {
    let words = text.words
    guard words.count == 2, let count = Self.count(String(words[0])), count < 1_000_000 else {
      return nil
    }
    switch words[1].hasSuffix("s") ? words[1].dropLast() : words[1] {
    case "hour" where count % 24 == 0: self.init(days: count / 24)
    case "day": self.init(days: count)
    case "week": self.init(days: 7 * count)
    case "month": self.init(months: count)
    case "year": self.init(months: 12 * count)
    case "decade": self.init(months: 120 * count)
    default: return nil
    }
  }

  /// Reads when something is as seen from today: "tomorrow", "two days ago", "one week from today".
  init?(fromToday text: String) {
    switch text {
    case "today": self.init()
    case "yesterday": self.init(days: -1)
    case "tomorrow": self.init(days: 1)
    case "the day before yesterday": self.init(days: -2)
    case "the day after tomorrow": self.init(days: 2)
    default:
      for (ending, isPast) in [
        (" ago from today", true), (" ago", true), (" from today", false), (" from now", false),
        (" away from now", false), (" later", false),
      ] where text.endsWith(ending) {
        guard let shift = DateShift(duration: String(text.dropLast(ending.count))) else { continue }
        self = isPast ? shift.reversed : shift
        return
      }
      return nil
    }
  }

  /// A number in digits or words.
  private static func count(_ word: String) -> Int? {
    if let number = Int(word), number >= 0 { return number }
    if word == "a" || word == "an" { return 1 }
    return numberWords.firstIndex(of: word)
  }

  static let numberWords = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
  ]
}
