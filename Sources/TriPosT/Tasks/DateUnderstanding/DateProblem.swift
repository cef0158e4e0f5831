// A question of Date Understanding, solved.

struct DateProblem {
  let choice: MultipleChoice
  /// Step by step to the date asked for; the last one is the answer.
  let steps: [DateStep]
  /// The days that the question is about, in small letters without article: "today", "fair".
  let days: [String: CalendarDate]

  var answer: CalendarDate { steps[steps.count - 1].date }

  /// The option with the right date.
  var option: Int? { choice.options.firstIndex { CalendarDate(reading: $0) == answer } }

  /// Nil when the question is of no known form, or no option is right.
  init?(_ question: Question) {
    guard let choice = MultipleChoice(question),
      let (steps, days) = Self.solution(to: choice.text)
    else { return nil }
    self.choice = choice
    self.steps = steps
    self.days = days
    guard option != nil else { return nil }
  }

  /// The steps to the date that a text asks for, at least one; nil when it is of no known form.
  static func steps(answering text: String) -> [DateStep]? { solution(to: text)?.steps }

  /// The steps, and the days that they are about.
  private static func solution(to text: String) -> (
    steps: [DateStep], days: [String: CalendarDate]
  )? {
    guard text.utf8.count < 2000, let marker = text[...].lastRange(of: "What is the date "),
      let end = text[...].lastRange(of: " in MM/DD/YYYY?"), marker.upperBound <= end.lowerBound,
      var (steps, days) = toToday(String(text[..<marker.lowerBound]).trimmed),
      let today = steps.last?.date
    else { return nil }
    days["today"] = today
    let asked = String(text[marker.upperBound..<end.lowerBound])
    guard let shift = DateShift(fromToday: asked), let date = today.shifted(by: shift) else {
      return nil
    }
    if asked != "today" {
      steps.append(
        DateStep(
          text: "The date \(asked) is \(date.inWords), that is \(date)", date: date,
          claims: ["the date \(asked) is", "the date \(asked) was"]))
    }
    return (steps, days)
  }

  /// The steps to today's date, and the days of the events on the way.
  private static func toToday(_ premise: String) -> ([DateStep], [String: CalendarDate])? {
    for form in DatePremise.all {
      if let step = form.step(from: premise) { return ([step], [:]) }
    }
    return chain(premise)
  }

  /// The steps through events that follow each other.
  ///
  /// "The fair was on 03/01/2020. The sale was 5 days after the fair. Today is a week after the sale."
  private static func chain(_ premise: String) -> ([DateStep], [String: CalendarDate])? {
    var rest = premise
    var steps: [DateStep] = []
    var days: [String: CalendarDate] = [:]
    var last: (event: String, date: CalendarDate)?
    while !rest.isEmpty {
      guard let stop = rest.firstRange(of: ".") else { return nil }
      let sentence = String(rest[..<stop.lowerBound])
      rest = String(rest[stop.upperBound...]).trimmed
      guard let before = last else {
        guard sentence.startsWith("The "), let verb = sentence.firstRange(of: " was on "),
          let date = CalendarDate(reading: String(sentence[verb.upperBound...]))
        else { return nil }
        let event = "the " + sentence[..<verb.lowerBound].dropFirst(4)
        last = (event, date)
        days[event.dropFirst(4).lowercased()] = date
        continue
      }
      let isToday = sentence.startsWith("Today is ")
      guard let verb = sentence.firstRange(of: isToday ? " is " : " was "),
        sentence.startsWith(isToday ? "Today" : "The "),
        sentence.endsWith(" after \(before.event)"),
        let date = DateShift(
          duration: String(sentence[verb.upperBound...].dropLast(" after \(before.event)".count))
        )
        .flatMap(before.date.shifted)
      else { return nil }
      let premise =
        "\(before.event) was on \(before.date) and \(sentence.prefix(1).lowercased() + sentence.dropFirst())"
      if isToday { return rest.isEmpty ? (steps + [.today(premise, date)], days) : nil }
      let event = "the " + sentence[..<verb.lowerBound].dropFirst(4)
      steps.append(
        DateStep(
          text: "If \(premise), then \(event) was on \(date)", date: date,
          claims: ["\(event) was on", "\(event) is on"]))
      last = (event, date)
      days[event.dropFirst(4).lowercased()] = date
    }
    return nil
  }
}
