import Boundary
import TestSupport
import Testing

@testable import TriPosT

@Suite("Logical Deduction")
struct LogicalDeductionTests {
  static let task = LogicalDeduction(
    plan: TaskChecks.plan(LogicalDeduction.self, training: 40, test: 6))

  static func question(_ text: String, _ options: [String], gold: String) -> Question {
    Question(
      id: "sample", block: MultipleChoice(text: text, options: options).block, hint: task.hint,
      gold: gold, cell: Cell(name: "o5", isSeen: true))
  }

  static func opening(_ number: String) -> String {
    "The following paragraphs each describe a set of \(number) objects arranged in a fixed order. "
      + "The statements are logically consistent within each paragraph. "
  }

  /// The example of 9.4.
  static let runners = question(
    opening("five") + "In a race, there were five runners: Ivy, Max, Zoe, Ned, and Kim. "
      + "Zoe finished first. Max finished below Kim. Ned finished last. Ivy finished above Kim.",
    ["Ivy", "Max", "Zoe", "Ned", "Kim"].map { "\($0) finished third." }, gold: "E")

  static let runnersSteps = [
    #"(1) Zoe finished first: "(above) Zoe ?? (below)"."#,
    #"(2) Max finished below Kim: "(above) ?? Kim ?? Max ?? (below)"."#,
    #"(3) Ned finished last: "(above) ?? Ned (below)"."#,
    #"(4) Ivy finished above Kim: "(above) ?? Ivy ?? Kim ?? (below)"."#,
    "(5) There are in total five runners: Ivy, Max, Zoe, Ned, and Kim.",
    #"(6) Combining (1) and (3) we get the following ordering: "(above) Zoe ?? Ned (below)"."#,
    #"(7) Combining (2) and (4) we get the following ordering: "(above) ?? Ivy ?? Kim ?? Max ?? (below)"."#,
    #"(8) Combining (6) and (7) we get the following ordering: "(above) Zoe ?? Ivy ?? Kim ?? Max ?? Ned (below)"."#,
    #"(9) Combining (5) and (8) we get the following ordering: "(above) Zoe Ivy Kim Max Ned (below)"."#,
    "(10) According to this ordering, the runner who finished third is Kim.",
    "(Final response) Kim finished third. So the answer is (E).",
  ]

  static let cups = question(
    opening("three") + "On a desk, there are three cups: a blue cup, a green cup, and a red cup. "
      + "The red cup is to the left of the green cup. The blue cup is to the right of the green cup.",
    ["blue", "green", "red"].map { "The \($0) cup is the leftmost." }, gold: "C")

  static let cupsSteps = [
    #"(1) The red cup is to the left of the green cup: "(left) ?? red ?? green ?? (right)"."#,
    #"(2) The blue cup is to the right of the green cup: "(left) ?? green ?? blue ?? (right)"."#,
    "(3) There are in total three cups: a blue cup, a green cup, and a red cup.",
    #"(4) Combining (1) and (2) we get the following ordering: "(left) ?? red ?? green ?? blue ?? (right)"."#,
    #"(5) Combining (3) and (4) we get the following ordering: "(left) red green blue (right)"."#,
    "(6) According to this ordering, the leftmost cup is the red cup.",
    "(Final response) The red cup is the leftmost. So the answer is (C).",
  ]

  @Test("the examples of 9.4 and of its shots are solved byte for byte")
  func examples() {
    #expect(Self.task.rationale(for: Self.runners)?.lines == Self.runnersSteps)
    #expect(Self.task.rationale(for: Self.cups)?.lines == Self.cupsSteps)
  }

  /// Mistakes as the published shots have them: a turned statement, a wrong read-out, an unjustified
  /// combination, a lost object, a stranger, a wrong letter.
  static let mistakes: [(line: Int, text: String, feedback: String)] = [
    (
      1, #"(2) Max finished below Kim: "(above) ?? Max ?? Kim ?? (below)"."#,
      #"Step (1) is correct. In step (2) the part " (above) ?? Max ?? Kim ?? (below) " is incorrect. This is because the question says that Max finished below Kim, which is "(above) ?? Kim ?? Max ?? (below)"."#
    ),
    (
      6,
      #"(7) Combining (2) and (4) we get the following ordering: "(above) ?? Ivy ?? Max ?? Kim ?? (below)"."#,
      #"Step (1) to (6) are correct. In step (7) the part " (above) ?? Ivy ?? Max ?? Kim ?? (below) " is incorrect. This is because it does not follow from steps (2) and (4) that Max comes before Kim."#
    ),
    (
      8,
      #"(9) Combining (5) and (8) we get the following ordering: "(above) Zoe Ivy Kim Ned (below)"."#,
      #"Step (1) to (8) are correct. In step (9) the part " (above) Zoe Ivy Kim Ned (below) " is incorrect. This is because it leaves out Max."#
    ),
    (
      5, #"(6) Combining (1) and (3) we get the following ordering: "(above) Zoe ? Ned (below)"."#,
      #"Step (1) to (5) are correct. In step (6) the part " (above) Zoe ? Ned (below) " is incorrect. This is because it does not follow from steps (1) and (3) how many objects are between two of these or before them."#
    ),
    (
      3, #"(4) Ivy finished above Kim: "(above) ?? Ivy ?? Tom ?? (below)"."#,
      #"Step (1) to (3) are correct. In step (4) the part " (above) ?? Ivy ?? Tom ?? (below) " is incorrect. This is because "Tom" is none of the five runners: Ivy, Max, Zoe, Ned, and Kim."#
    ),
    (
      4, "(5) There are in total four runners: Ivy, Max, Zoe, and Ned.",
      #"Step (1) to (4) are correct. In step (5) the part " four runners: Ivy, Max, Zoe, and Ned " is incorrect. This is because the question names five runners: Ivy, Max, Zoe, Ned, and Kim."#
    ),
    (
      9, "(10) According to this ordering, the runner who finished third is Max.",
      #"Step (1) to (9) are correct. In step (10) the part " the runner who finished third is Max " is incorrect. This is because it follows from step (9) that the runner who finished third is Kim."#
    ),
    (
      10, "(Final response) Kim finished third. So The answer is (B).",
      #"Step (1) to (10) are correct. In step (Final response) the part " the answer is (B) " is incorrect. This is because option (B) says that Max finished third, but it follows from step (10) that Kim finished third."#
    ),
    (
      10, "(Final response) Max finished third. So the answer is (E).",
      #"Step (1) to (10) are correct. In step (Final response) the part " Max finished third. " is incorrect. This is because it follows from step (10) that Kim finished third."#
    ),
  ]

  @Test("mistakes get their feedback, and one update repairs them", arguments: mistakes.indices)
  func feedback(index: Int) throws {
    let (line, text, feedback) = Self.mistakes[index]
    var lines = Self.runnersSteps
    lines[line] = text
    let found = try Self.task.feedback(
      on: Attempt(lines: lines), to: Self.runners, options: .clean)
    #expect("\(found)" == feedback)
    if line < 10 { lines[10] = "(Final response) Max finished third. So the answer is (B)." }
    let edit = try TaskChecks.editor(Self.task).edit(
      ([Self.runners.prompt] + lines).joined(separator: "\n"), to: Self.runners)
    #expect(edit.trajectory?.updateCount == 1, "\(edit.decisions)")
    #expect(edit.trajectory?.turns.last?.attempt.lines == Self.runnersSteps)
  }

  @Test("an attempt with lines of its own is gone on with, not begun anew")
  func ownLines() throws {
    let lines = [
      #"(1) Ned finished last: "(above) ?? Ned (below)"."#,
      #"(2) Ivy finished above Kim: "(below) ?? Kim ?? Ivy ?? (above)"."#,
      #"(3) Combining (1) and (2) we get the following ordering: "(above) ?? Ivy ?? Kim ?? Ned (below)"."#,
      #"(4) Zoe finished first: "(above) ?? Zoe (below)"."#,
      "(Final response) Ivy finished third. So the answer is (A).",
    ]
    let edit = try TaskChecks.editor(Self.task).edit(
      ([Self.runners.prompt] + lines).joined(separator: "\n"), to: Self.runners)
    let update = try #require(edit.trajectory?.turns.last?.attempt.lines)
    #expect(Array(update.prefix(3)) == Array(lines.prefix(3)))
    #expect(update[3] == #"(4) Zoe finished first: "(above) Zoe ?? (below)"."#)
    #expect(update.last == Self.runnersSteps.last)
    #expect(update.count == 11)
  }

  @Test(
    "an attempt that cannot be read has no verdict",
    arguments: [
      "(1) Zoe won.", "Zoe finished first: \"(above) Zoe ?? (below)\".",
      "(1) Zoe finished first: \"(left) Zoe ?? (right)\".", "(1) Zoe finished first",
      "(10) According to this ordering, somebody finished third.",
    ])
  func unreadable(line: String) {
    #expect(throws: CriticFailure.self) {
      try Self.task.feedback(
        on: Attempt(lines: [line] + Self.runnersSteps.suffix(1)), to: Self.runners, options: .clean)
    }
  }

  @Test("a chosen option has to stand in the last two lines; lost blanks are mended")
  func content() {
    func isValid(_ lines: [String]) -> Bool {
      Self.task.hasValidContent(Attempt(lines: lines), to: Self.cups)
    }
    #expect(isValid(Self.cupsSteps))
    #expect(!isValid(Self.cupsSteps.dropLast() + ["(Final response) So the answer is (C)."]))
    #expect(!isValid(Self.cupsSteps.dropLast(2) + Self.cupsSteps.suffix(1)))
    #expect(!isValid(Self.cupsSteps.suffix(1)))
    #expect(
      Self.task.prepared("\"(left) red? blue?? ?? (right)\"")
        == "\"(left) red ? blue ?? ?? (right)\"")
  }

  @Test(
    "the answer is read as 8.5 says",
    arguments: [
      ("(Final response) Kim finished third. So the answer is (E).", "e"),
      ("(Final response) So The answer is (b).", "b"), ("C", "c"), ("So the answer is C.", nil),
      ("the answer is (AB).", nil), ("", nil),
    ] as [(String, String?)])
  func answers(line: String, answer: String?) {
    #expect(Self.task.answer(inFinalLine: line) == answer)
  }

  @Test(
    "made questions are different, seeded, in their sets, and solved to the script's satisfaction")
  func made() throws { try TaskChecks.checkQuestions(of: Self.task) }

  @Test("every slip in a step is found there, and repaired")
  func slips() throws { try TaskChecks.checkSlips(of: Self.task, count: 300) }

  @Test("randomly damaged solutions get a verdict or none, and never a crash")
  func damaged() throws {
    try TaskChecks.checkDamage(
      of: Self.task, Self.runners,
      pieces: ["(", ")", "?", "?? ", "Kim", "Zoe ", ":", ".", "\"", "(99)", "\n", "é", ""])
  }

  @Test(
    "BIG-Bench-Hard: all 750 puzzles are read, and the solution is the target",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"),
    arguments: ["three", "five", "seven"])
  func bigBench(number: String) throws {
    let file = try QuestionFile(
      SharedData.url("bbh/logical_deduction_\(number)_objects.json"), for: .test, of: Self.task)
    #expect(file.questions.count == 250)
    for question in file.questions {
      let solution = try #require(Self.task.rationale(for: question), "\(question.block)")
      #expect(Self.task.isCorrect(solution, to: question), "\(question.block)")
      #expect(Self.task.hasValidContent(solution, to: question), "\(question.block)\n\(solution)")
      #expect(try Self.task.feedback(on: solution, to: question, options: .clean).isCorrect)
    }
  }
}
