import Boundary
import TestSupport
import Testing

@testable import TriPosT

@Suite("Date Understanding")
struct DateUnderstandingTests {
  static let task = DateUnderstanding(
    plan: TaskChecks.plan(DateUnderstanding.self, training: 80, test: 10))

  static func question(_ text: String, _ options: [String], gold: String) -> Question {
    Question(
      id: "sample", block: MultipleChoice(text: text, options: options).block, hint: "", gold: gold,
      cell: Cell(name: "s2", isSeen: true))
  }

  /// The example of 9.3.
  static let flight = question(
    "Mia's flight left on 03/01/2023, which was two days ago. What is the date tomorrow in "
      + "MM/DD/YYYY?",
    ["03/04/2023", "03/03/2023", "02/28/2023", "03/04/2032", "03/14/2023"], gold: "A")

  static let flightSteps = [
    "(1) If 03/01/2023 was two days ago, then today is 03/03/2023.",
    "(2) The date tomorrow is March 4, 2023, that is 03/04/2023.",
    "(Final response) So the answer is (A).",
  ]

  @Test("the example of 9.3 is solved byte for byte")
  func example() {
    #expect(Self.task.rationale(for: Self.flight)?.lines == Self.flightSteps)
  }

  @Test("events after each other take a step each")
  func chain() throws {
    let question = Self.question(
      "The fair was on 1/30/2020. The exam was four weeks after the fair. Today is two days after "
        + "the exam. What is the date a month ago in MM/DD/YYYY?",
      ["01/29/2020", "01/28/2020"], gold: "A")
    #expect(
      Self.task.rationale(for: question)?.lines == [
        "(1) If the fair was on 01/30/2020 and the exam was four weeks after the fair, then the exam "
          + "was on 02/27/2020.",
        "(2) If the exam was on 02/27/2020 and today is two days after the exam, then today is "
          + "02/29/2020.",
        "(3) The date a month ago is January 29, 2020, that is 01/29/2020.",
        "(Final response) So the answer is (A).",
      ])
    #expect(Self.task.shape(of: question) == .init(count: 3))
  }

  /// Mistakes as the published shots have them, and the feedback.
  static let mistakes: [(line: Int, text: String, feedback: String)] = [
    (
      0, "(1) If 03/01/2023 was two days ago, then today is 03/02/2023.",
      #"In step (1) the part " today is 03/02/2023 " is incorrect. This is because if 03/01/2023 was two days ago, then today is 03/03/2023."#
    ),
    (
      1, "(2) The date tomorrow is March 5, 2023, that is 03/05/2023.",
      #"Step (1) is correct. In step (2) the part " The date tomorrow is March 5, 2023 " is incorrect. This is because today is 03/03/2023, so the date tomorrow is March 4, 2023, that is 03/04/2023."#
    ),
    (
      1, "(2) The date tomorrow is March 4, 2023, that is 04/03/2023.",
      #"Step (1) is correct. In step (2) the part " that is 04/03/2023 " is incorrect. This is because today is 03/03/2023, so the date tomorrow is March 4, 2023, that is 03/04/2023."#
    ),
    (
      1, "(2) The date tomorrow is 02/30/2023.",
      #"Step (1) is correct. In step (2) the part " The date tomorrow is 02/30/2023 " is incorrect. This is because today is 03/03/2023, so the date tomorrow is March 4, 2023, that is 03/04/2023."#
    ),
    (
      2, "(Final response) So the answer is (B).",
      #"Step (1) to (2) are correct. In step (Final response) the part " the answer is (B) " is incorrect. This is because option (B) is 03/03/2023, which does not match the date 03/04/2023 that follows from step (2)."#
    ),
  ]

  @Test("mistakes get their feedback, and one update repairs them", arguments: mistakes.indices)
  func feedback(index: Int) throws {
    let (line, text, feedback) = Self.mistakes[index]
    var lines = Self.flightSteps
    lines[line] = text
    let found = try Self.task.feedback(on: Attempt(lines: lines), to: Self.flight, options: .clean)
    #expect("\(found)" == feedback)
    lines[2] = "(Final response) So the answer is (B)."
    let edit = try TaskChecks.editor(Self.task).edit(
      ([Self.flight.prompt] + lines).joined(separator: "\n"), to: Self.flight)
    #expect(edit.trajectory?.updateCount == 1, "\(edit.decisions)")
    #expect(edit.trajectory?.turns.last?.attempt.lines == Self.flightSteps)
  }

  @Test("days are counted as the calendar has them")
  func calendar() throws {
    var date = try #require(CalendarDate(year: 1896, month: 2, day: 27))
    // 1896 to 1912 has a century without a leap day.
    var weekday = date.weekday
    for _ in 0..<5900 {
      let next = try #require(date.shifted(by: DateShift(days: 1)))
      let isNext =
        next.day == date.day + 1 && next.month == date.month && next.year == date.year
        || next.day == 1
          && CalendarDate(year: date.year, month: date.month, day: date.day + 1) == nil
      #expect(isNext && next > date, "\(date) \(next)")
      weekday = (weekday + 1) % 7
      #expect(next.weekday == weekday)
      #expect(next.shifted(by: DateShift(days: -1)) == date)
      date = next
    }
    #expect(CalendarDate(reading: "11/21/2026")?.weekday == 5)
    #expect(CalendarDate(reading: "02/29/1900") == nil)
    #expect(CalendarDate(reading: "02/29/2000") != nil)
    let last = try #require(CalendarDate(reading: "03/31/2019"))
    #expect(last.shifted(by: DateShift(months: -1))?.description == "02/28/2019")
    #expect(CalendarDate(reading: "12/31/9999")?.shifted(by: DateShift(days: 1)) == nil)
    #expect(CalendarDate(reading: "01/01/0001")?.shifted(by: DateShift(days: -1)) == nil)
  }

  @Test("a chosen date has to stand in the line before the final one")
  func content() {
    func isValid(_ line: String) -> Bool {
      Self.task.hasValidContent(
        Attempt(lines: [line, "(Final response) So the answer is (A)."]), to: Self.flight)
    }
    #expect(isValid("(2) The date tomorrow is March 4, 2023."))
    #expect(isValid("(2) It is Mar. 4th, 2023, tomorrow."))
    #expect(isValid("(2) So 3/4/2023."))
    #expect(!isValid("(2) The date tomorrow is March 5, 2023."))
    #expect(!isValid("(2) March 4, 2023"))
    #expect(
      !Self.task.hasValidContent(
        Attempt(lines: ["(Final response) So the answer is (A)."]), to: Self.flight))
  }

  @Test(
    "made questions are different, seeded, in their sets, and solved to the script's satisfaction")
  func made() throws { try TaskChecks.checkQuestions(of: Self.task) }

  @Test("every slip in a step is found there, and repaired")
  func slips() throws { try TaskChecks.checkSlips(of: Self.task, count: 300) }

  @Test("randomly damaged solutions get a verdict or none, and never a crash")
  func damaged() throws {
    try TaskChecks.checkDamage(
      of: Self.task, Self.flight,
      pieces: ["/", "99", "0", " is ", "then", ",", "(", ")", "March", ".", "\n", "é", ""])
  }

  /// Where BIG-Bench-Hard's targets contradict the question: five years after 1958 they have 1961, 36
  /// hours before 2015 it is 29 December, Thanksgiving of 2001 is in 2002, and a week from 31 January
  /// is 6 February.
  static let mislabelled = [
    "5-year anniversary", "2015 is coming in 36 hours", "the US Thanksgiving of 2001",
    "the last day of Jan 2012. What is the date one week from today",
  ]

  @Test(
    "BIG-Bench-Hard: all 250 questions are read, and 230 targets agree; the others are wrong",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
  func bigBench() throws {
    let path = SharedData.url("bbh/date_understanding.json")
    let file = try QuestionFile(path, for: .test, of: Self.task)
    #expect(file.questions.count == 250)
    var agreeing = 0
    var others: [String] = []
    for question in file.questions {
      let steps = DateProblem.steps(answering: try #require(MultipleChoice(question)).text)
      let answer = try #require(steps?.last?.date, "\(question.block)")
      let target = try #require(MultipleChoice(question)?.option(question.gold))
      if CalendarDate(reading: target) == answer {
        agreeing += 1
        let solution = try #require(Self.task.rationale(for: question))
        #expect(Self.task.isCorrect(solution, to: question))
        #expect(try Self.task.feedback(on: solution, to: question, options: .clean).isCorrect)
      } else {
        others.append("\(question.block)\n=> \(target), not \(answer)")
      }
    }
    #expect(agreeing == 230)
    #expect(
      others.allSatisfy { text in Self.mislabelled.contains { text.contains($0) } },
      "\(others.joined(separator: "\n"))")
  }

  @Test(
    "BIG-Bench-Hard's scoring rule: the published outputs get their published accuracy, 87.2 %",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
  func scoring() throws {
    let path = SharedData.url("bbh/codex-cot-sample/date_understanding.json")
    let outputs = try #require(
      try JSONValue(parsing: try Files.readText(path), file: path)["outputs"]?.array)
    let right = outputs.count { output in
      let text = output["prediction"]?.string?.split(separator: "\n").first.map(String.init) ?? ""
      return Self.task.answer(inFinalLine: text).map { "(\($0))" }
        == output["target"]?.string?.lowercased()
    }
    #expect(outputs.count == 250 && right == 218)
  }
}
