// How the questions are made (9.3, 9.6): a random date, and something that follows from it.

public import Boundary

extension DateUnderstanding {
  /// The number of steps in the solution.
  public struct Shape: CountedShape {
    public let count: Int

    public init(count: Int) {
      self.count = count
    }

    public static let letter: Character = "s"
    public static let example = "s2: two steps"

    public var publishedCell: Cell { Cell(name: name, isSeen: count <= 2) }
  }

  public static let questionStream = "date understanding questions"

  public static let defaults = TaskDefaults(
    seen: ["s1", "s2"], unseen: ["s3", "s4"], training: 191, publishedTraining: 191,
    validation: 20, testPerShape: 25, maxWords: 200, maxDataLength: 100, minDataLength: 40,
    maxNewTokens: 512)

  public func draw(
    _ shape: Shape, cell: Cell, random: inout RandomStream
  ) throws(InputError) -> Question? {
    guard (1...6).contains(shape.count) else {
      throw InputError(
        .shapeRange, at: .init(entry: shape.name), found: "\(shape.count) steps",
        allowed: "1 to 6 steps")
    }
    guard
      let date = CalendarDate(
        year: 1930 + random.below(100), month: 1 + random.below(12), day: 1 + random.below(28))
    else { return nil }
    let asked = shape.count == 1 ? "today" : Self.asked[random.below(Self.asked.count)]
    let premise =
      shape.count <= 2
      ? Self.premise(date, &random)
      : Self.chain(from: date, events: shape.count - 1, &random)
    let text = "\(premise) What is the date \(asked) in MM/DD/YYYY?"
    guard let answer = DateProblem.steps(answering: text)?.last?.date else { return nil }
    var options = Self.distractors(answer, &random)
    options.append(answer)
    random.shuffle(&options)
    guard let place = options.firstIndex(of: answer) else { return nil }
    let choice = MultipleChoice(text: text, options: options.map(\.description))
    return Question(
      id: "", block: choice.block, hint: hint, gold: MultipleChoice.letters[place], cell: cell)
  }

  private static let asked = [
    "tomorrow", "yesterday", "a month ago", "one week from today", "one week ago from today",
    "10 days ago", "one year ago from today", "24 hours later", "two days from now",
    "three weeks from today",
  ]

  /// A date in one of the spellings that questions have.
  private static func written(_ date: CalendarDate, _ random: inout RandomStream) -> String {
    switch random.below(4) {
    case 0: date.inWords
    case 1: "\(date.month)/\(date.day)/\(date.year)"
    default: date.description
    }
  }

  /// Something that says what date is today.
  private static func premise(_ date: CalendarDate, _ random: inout RandomStream) -> String {
    let date = written(date, &random)
    let who = ["Mia", "Omar", "Lena", "Raj", "Sofia", "Theo"][random.below(6)]
    let few = 2 + random.below(9)
    let many = 20 + random.below(200)
    let years = ["two", "three", "five", "ten"][random.below(4)]
    let what = [
      "\(who)'s flight left on", "\(who)'s parcel arrived on", "The library opened on",
      "\(who) planted a tree on",
    ][random.below(4)]
    switch random.below(12) {
    case 0: return "Today is \(date)."
    case 1: return "It is \(date) today."
    case 2: return "Yesterday was \(date)."
    case 3: return "Tomorrow is \(date)."
    case 4: return "The day before yesterday was \(date)."
    case 5: return "\(what) \(date), which was \(few) days ago."
    case 6: return "\(what) \(date). \(many) days have passed since then."
    case 7: return "The deadline is \(date), which is \(few) days away from now."
    case 8: return "\(who) has booked a room for tomorrow, \(date)."
    case 9: return "\(date) is like yesterday to \(who), but that is actually \(years) years ago."
    case 10: return "Yesterday, \(date), \(who) painted a fence."
    default: return "It was \(date) a week ago."
    }
  }

  /// Events after each other, and today after the last one.
  private static func chain(
    from date: CalendarDate, events count: Int, _ random: inout RandomStream
  ) -> String {
    let events = random.sample(
      count, of: ["fair", "concert", "exam", "wedding", "auction", "regatta", "lecture", "match"])
    var text = "The \(events[0]) was on \(written(date, &random))."
    for (event, next) in zip(events, events.dropFirst()) {
      text += " The \(next) was \(duration(&random)) after the \(event)."
    }
    return text + " Today is \(duration(&random)) after the \(events[count - 1])."
  }

  private static func duration(_ random: inout RandomStream) -> String {
    let number = DateShift.numberWords[2 + random.below(8)]
    return number + [" days", " weeks", " days"][random.below(3)]
  }

  /// Four or five dates that are near the answer, or like it.
  private static func distractors(
    _ answer: CalendarDate, _ random: inout RandomStream
  ) -> [CalendarDate] {
    var shifts: [DateShift] = [
      .init(days: 1), .init(days: -1), .init(days: 2), .init(days: 7), .init(days: -7),
      .init(days: 10), .init(months: 1), .init(months: -1), .init(months: 12),
      .init(months: -12), .init(months: 120), .init(days: -2),
    ]
    random.shuffle(&shifts)
    let count = random.below(6) == 0 ? 4 : 5
    var dates: [CalendarDate] = []
    for shift in shifts where dates.count < count {
      if let date = answer.shifted(by: shift), date != answer, !dates.contains(date) {
        dates.append(date)
      }
    }
    return dates
  }

  /// By the solution that came with the question, or else by the task's own; of no steps where there
  /// is neither.
  public func shape(of question: Question) -> Shape? {
    guard MultipleChoice(question) != nil else { return nil }
    return Shape(count: solution(to: question).map { $0.lines.count - 1 } ?? 0)
  }
}
