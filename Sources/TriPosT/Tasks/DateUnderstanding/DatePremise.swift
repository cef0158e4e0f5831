// What a question of Date Understanding says about the date of today: forms of sentences, each with
// the step that follows from it.

/// A step towards a date: what it says, and how it may be said.
struct DateStep {
  /// Without label and full stop.
  let text: String
  let date: CalendarDate
  /// What stands before the date in any wording of the step, in small letters: "today is".
  let claims: [String]

  static func today(_ premise: String, _ date: CalendarDate) -> DateStep {
    DateStep(
      text: "If \(premise), then today is \(date)", date: date,
      claims: ["today is", "today's date is", "today was"])
  }
}

/// A form of sentences with slots: `Yesterday was {date}.{rest}`.
struct DatePremise {
  /// The words in the slots, by the slots' names.
  typealias Slots = [String: String]

  private let pieces: [(literal: String, slot: String?)]
  private let step: @Sendable (Slots) -> DateStep?

  init(_ template: String, _ step: @escaping @Sendable (Slots) -> DateStep?) {
    var pieces: [(literal: String, slot: String?)] = []
    var rest = template[...]
    while let opening = rest.firstRange(of: "{"), let closing = rest.firstRange(of: "}") {
      pieces.append(
        (
          String(rest[..<opening.lowerBound]),
          String(rest[opening.upperBound..<closing.lowerBound])
        ))
      rest = rest[closing.upperBound...]
    }
    self.pieces = pieces + [(String(rest), nil)]
    self.step = step
  }

  /// The step that follows from a text; nil when it is not of this form.
  func step(from text: String) -> DateStep? {
    var slots: Slots = [:]
    return step(from: text[...], pieces[...], &slots)
  }

  /// Tries every place where a slot may end.
  private func step(
    from text: Substring, _ pieces: ArraySlice<(literal: String, slot: String?)>,
    _ slots: inout Slots
  ) -> DateStep? {
    guard let piece = pieces.first, text.utf8.starts(with: piece.literal.utf8) else { return nil }
    let rest = text[text.utf8.index(text.startIndex, offsetBy: piece.literal.utf8.count)...]
    guard let slot = piece.slot else { return rest.isEmpty ? step(slots) : nil }
    let next = pieces.dropFirst()
    guard let following = next.first else { return nil }
    if following.literal.isEmpty {
      slots[slot] = String(rest)
      return step(slots)
    }
    var search = rest
    while let hit = search.firstRange(of: following.literal) {
      slots[slot] = String(rest[..<hit.lowerBound])
      if let found = step(from: rest[hit.lowerBound...], next, &slots) { return found }
      search = search[search.utf8.index(after: hit.lowerBound)...]
    }
    return nil
  }

  /// A form whose date is today's after a shift.
  private static func dated(
    _ template: String, _ shift: DateShift = DateShift(),
    _ premise: @escaping @Sendable (Slots) -> String
  ) -> DatePremise {
    DatePremise(template) { slots in
      guard let date = slots["date"].flatMap(CalendarDate.init(reading:))?.shifted(by: shift)
      else { return nil }
      return .today(premise(slots), date)
    }
  }

  /// A form with a date and how long after it today is: in `{duration}`, or in `{count}` units.
  private static func lasting(
    _ template: String, unit: String? = nil, _ premise: @escaping @Sendable (Slots) -> String
  ) -> DatePremise {
    DatePremise(template) { slots in
      let duration = slots["duration"] ?? "\(slots["count"] ?? "") \(unit ?? "")"
      guard let date = slots["date"].flatMap(CalendarDate.init(reading:)),
        let shift = DateShift(duration: duration), let today = date.shifted(by: shift)
      else { return nil }
      return .today(premise(slots), today)
    }
  }

  private static func isToday(_ slots: Slots) -> String { "today is \(slots["date"] ?? "")" }
  private static func wasYesterday(_ slots: Slots) -> String {
    "yesterday was \(slots["date"] ?? "")"
  }
  private static func isTomorrow(_ slots: Slots) -> String {
    "tomorrow is \(slots["date"] ?? "")"
  }

  private static let simple: [DatePremise] = [
    dated("Today is {date}.{rest}", DateShift(), isToday),
    dated("Today is {date}, because{rest}", DateShift(), isToday),
    dated("It is {date} today.", DateShift(), isToday),
    dated("Today, {date}, {rest}", DateShift(), isToday),
    dated("This is {date}.", DateShift(), isToday),
    dated("{who} is celebrating {date}.", DateShift(), isToday),
    dated("The current local time is {time} of {date}.", DateShift(), isToday),
    dated("Yesterday was {date}.{rest}", DateShift(days: 1), wasYesterday),
    dated("Yesterday, {date}, {rest}", DateShift(days: 1), wasYesterday),
    dated("The day before yesterday was {date}.", DateShift(days: 2)) {
      "the day before yesterday was \($0["date"] ?? "")"
    },
    dated("Tomorrow is {date}.", DateShift(days: -1), isTomorrow),
    dated("{what} tomorrow, {date}.", DateShift(days: -1), isTomorrow),
    dated("{what} tomorrow ({weekday}, {date}).", DateShift(days: -1), isTomorrow),
    dated("{custom} Today is the US {date}.", DateShift(), isToday),
    dated("The first day of {year} is a {weekday}, and today is {date}.", DateShift(), isToday),
  ]

  private static let spans: [DatePremise] = [
    DatePremise("{what} {date}, which {verb} {when}.") { slots in
      Self.relative(slots["date"], slots["when"], verb: slots["verb"] ?? "was")
    },
    DatePremise("It was {date} {when}.") { slots in
      Self.relative(slots["date"], slots["when"], verb: "was")
    },
    lasting("{what} on {date}. {duration} have passed since then.") {
      "\($0["duration"] ?? "") have passed since \($0["date"] ?? "")"
    },
    lasting("{what} on {date}, but was delayed by {duration} to today.") {
      "it was planned for \($0["date"] ?? "") and delayed by \($0["duration"] ?? "") to today"
    },
    lasting("{date} is like yesterday to {who}, but that is actually {duration} ago.") {
      "\($0["date"] ?? "") was \($0["duration"] ?? "") ago"
    },
    lasting("{who} thought today is {date}, but today is in fact {day}, which is {duration} later.")
    { "today is \($0["duration"] ?? "") later than \($0["date"] ?? "")" },
    lasting("{who} on {date}. It is their {count}-year anniversary today.", unit: "years") {
      "\($0["date"] ?? "") was \($0["count"] ?? "") years ago"
    },
    lasting("{who} was born on {date}. Today is {whose} {count}-year-old birthday.", unit: "years")
    {
      "\($0["date"] ?? "") was \($0["count"] ?? "") years ago"
    },
    lasting(
      "On {date} {who} bought {count} eggs. She ate one per day. Today she ran out of eggs.",
      unit: "days"
    ) { "the eggs of \($0["date"] ?? "") lasted for \($0["count"] ?? "") days" },
    DatePremise("{who} on {date}. Today is their golden wedding anniversary.") { slots in
      guard
        let today = slots["date"].flatMap(CalendarDate.init(reading:))?
          .shifted(by: DateShift(months: 600))
      else { return nil }
      return .today("\(slots["date"] ?? "") was 50 years ago", today)
    },
  ]

  private static let others: [DatePremise] = [
    DatePremise("{year} is coming in {count} hours.") { slots in
      guard let year = slots["year"].flatMap(Int.init),
        let hours = slots["count"].flatMap(Int.init), (1...10_000).contains(hours),
        let today = CalendarDate(year: year, month: 1, day: 1)?
          .shifted(by: DateShift(days: -((hours + 23) / 24)))
      else { return nil }
      return .today("\(year) is coming in \(hours) hours", today)
    },
    DatePremise(
      "{one} thinks today is {first}, but {other} thinks today is {second}. {right} is correct."
    ) { slots in
      let isFirst = slots["right"] == slots["one"]
      guard isFirst || slots["right"] == slots["other"], let who = slots["right"],
        let today = slots[isFirst ? "first" : "second"].flatMap(CalendarDate.init(reading:))
      else { return nil }
      return .today("\(who) is correct", today)
    },
    DatePremise("Today is {day}. {who} is watching NFL {year}.") { Self.split($0) },
    DatePremise("Today is {day}, and it is {what} in the year {year} {rest}") { Self.split($0) },
    DatePremise("{custom} Therefore, today is {date} to them.") { slots in
      guard slots["custom"]?.has("day before the month") == true,
        let swapped = slots["date"].flatMap(CalendarDate.init(reading:)),
        let today = CalendarDate(year: swapped.year, month: swapped.day, day: swapped.month)
      else { return nil }
      return .today("\(swapped) has the day before the month", today)
    },
    DatePremise(
      "{who} on the {day} of each month starting from the {month} of {year}. It is {whose} {count} "
        + "visit {where} today."
    ) { slots in
      guard let day = slots["day"].flatMap(Self.ordinal),
        let count = slots["count"].flatMap(Self.ordinal),
        let month = slots["month"].flatMap(CalendarDate.month(_:)), count > 0,
        let year = slots["year"].flatMap(Int.init),
        let today = CalendarDate(year: year, month: month, day: day)?
          .shifted(by: DateShift(months: count - 1))
      else { return nil }
      return .today(
        "the first of \(count) monthly visits was in \(slots["month"] ?? "") \(year)", today)
    },
    DatePremise(
      "{who} in {year}. Today is {whose} {count}-year work anniversary. {memory} on {month} {day}, "
        + "{whose2} second day at work,{rest}"
    ) { slots in
      guard let year = slots["year"].flatMap(Int.init),
        let count = slots["count"].flatMap(Int.init),
        (0...100).contains(count), (1...9000).contains(year),
        let month = slots["month"].flatMap(CalendarDate.month(_:)),
        let day = slots["day"].flatMap(Int.init),
        let today = CalendarDate(year: year, month: month, day: day)?
          .shifted(by: DateShift(months: 12 * count))?.shifted(by: DateShift(days: -1))
      else { return nil }
      return .today(
        "the second day at work was \(slots["month"] ?? "") \(day), \(year)", today)
    },
  ]

  /// Every form, in the order in which they are tried.
  static let all = simple + spans + others

  /// A date that is so far from today.
  private static func relative(_ written: String?, _ when: String?, verb: String) -> DateStep? {
    guard let written, let when, let date = CalendarDate(reading: written),
      let shift = DateShift(fromToday: when), let today = date.shifted(by: shift.reversed)
    else { return nil }
    return .today("\(written) \(verb) \(when)", today)
  }

  /// A day such as "9/7" and its year.
  private static func split(_ slots: Slots) -> DateStep? {
    guard let day = slots["day"], let year = slots["year"],
      let today = CalendarDate(reading: "\(day)/\(year)")
    else { return nil }
    return .today("today is \(day) of \(year)", today)
  }

  /// The number of "16th".
  private static func ordinal(_ text: String) -> Int? {
    ["st", "nd", "rd", "th"].contains(text.suffix(2)) ? Int(text.dropLast(2)) : nil
  }
}
