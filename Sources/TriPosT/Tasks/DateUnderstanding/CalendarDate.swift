/// A day of the Gregorian calendar.
struct CalendarDate: Hashable, Comparable {
  let year: Int
  let month: Int
  let day: Int

  /// Nil for a day that there is not; years are 1 to 9999.
  init?(year: Int, month: Int, day: Int) {
    guard (1...9999).contains(year), (1...12).contains(month), day >= 1,
      day <= Self.days(inMonth: month, of: year)
    else { return nil }
    self.year = year
    self.month = month
    self.day = day
  }

  static func days(inMonth month: Int, of year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  }

  /// Days since 1 March of year 0, in years that begin in March.
  private var number: Int {
    let year = month > 2 ? self.year : self.year - 1
    let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
    return 365 * year + year / 4 - year / 100 + year / 400 + dayOfYear
  }

  private init?(number: Int) {
    guard number > 0, number < 4_000_000 else { return nil }
    // The year is found from its mean length, then set right.
    var year = number * 400 / 146_097 + 1
    func start(_ year: Int) -> Int { 365 * year + year / 4 - year / 100 + year / 400 }
    while start(year) > number { year -= 1 }
    let dayOfYear = number - start(year)
    let month = (5 * dayOfYear + 2) / 153
    self.init(
      year: month < 10 ? year : year + 1, month: month < 10 ? month + 3 : month - 9,
      day: dayOfYear - (153 * month + 2) / 5 + 1)
  }

  /// Nil outside the years 1 to 9999; a day that a month lacks becomes the month's last.
  func shifted(by shift: DateShift) -> CalendarDate? {
    guard abs(shift.months) < 120_000, abs(shift.days) < 4_000_000 else { return nil }
    let months = year * 12 + month - 1 + shift.months
    guard months >= 12 else { return nil }
    let (newYear, newMonth) = (months / 12, months % 12 + 1)
    guard newYear <= 9999 else { return nil }
    let day = min(day, Self.days(inMonth: newMonth, of: newYear))
    guard let moved = CalendarDate(year: newYear, month: newMonth, day: day) else { return nil }
    return shift.days == 0 ? moved : CalendarDate(number: moved.number + shift.days)
  }

  /// 0 is Monday.
  var weekday: Int { (number + 2) % 7 }

  static func < (a: CalendarDate, b: CalendarDate) -> Bool {
    (a.year, a.month, a.day) < (b.year, b.month, b.day)
  }

  static let monthNames = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
  ]

  static let weekdayNames = [
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
  ]
}

/// A span of time, months before days; negative in the past.
struct DateShift: Equatable {
  var months = 0
  var days = 0

  var reversed: DateShift { DateShift(months: -months, days: -days) }
}
