import Boundary
import TestSupport
import Testing

@testable import TriPosT

@Suite("Word Sorting")
struct WordSortingTests {
  static let task = WordSorting(plan: TaskChecks.plan(WordSorting.self, training: 60, test: 3))
  static let cell = Cell(name: "w4-7", isSeen: true)
  static let question = task.question(
    sorting: ["plank", "grape", "plover", "apple", "grain"], id: "sample", cell: cell)

  /// The example of 9.2.
  static let steps = #"""
    (1) The first letter: "plank"="p" (16), "grape"="g" (7), "plover"="p" (16), "apple"="a" (1), "grain"="g" (7).
    (2) We now have: (1) "apple" < (7) ["grape" ? "grain"] < (16) ["plank" ? "plover"].
    (3) Now sort this subpart ["grape" ? "grain"] by looking at their second letters: "grape"="r" (18), "grain"="r" (18).
    (3.1) We now have: (18) ["grape" ? "grain"].
    (3.2) Now sort this subpart ["grape" ? "grain"] by looking at their third letters: "grape"="a" (1), "grain"="a" (1).
    (3.3) We now have: (1) ["grape" ? "grain"].
    (3.4) Now sort this subpart ["grape" ? "grain"] by looking at their fourth letters: "grape"="p" (16), "grain"="i" (9).
    (3.5) We now have: (9) "grain" < (16) "grape".
    (3.6) Hence, we have "grain" < "grape".
    (4) Now sort this subpart ["plank" ? "plover"] by looking at their second letters: "plank"="l" (12), "plover"="l" (12).
    (4.1) We now have: (12) ["plank" ? "plover"].
    (4.2) Now sort this subpart ["plank" ? "plover"] by looking at their third letters: "plank"="a" (1), "plover"="o" (15).
    (4.3) We now have: (1) "plank" < (15) "plover".
    (4.4) Hence, we have "plank" < "plover".
    (5) Hence, we have "apple" < "grain" < "grape" < "plank" < "plover".
    (Final response) So the answer is: apple grain grape plank plover.
    """#.split(separator: "\n").map(String.init)

  @Test("the example of 9.2 is solved byte for byte")
  func example() throws {
    let solution = try #require(Self.task.groundTruth(for: Self.question))
    #expect(
      solution.description == """
        Q: Sort the following words alphabetically:
        List: plank grape plover apple grain
        Answer: Let's think step by step.
        \(Self.steps.joined(separator: "\n"))
        Feedback: Step (1) to step (5) are correct. The final response is also correct.
        """)
  }

  /// The table of 4.3: what is replaced in which line by what, and the feedback.
  ///
  /// An empty line is taken out.
  static let vectors: [(line: Int, old: String, new: String, feedback: String)] = [
    (0, "", "", "Step (1) to (5) are correct. The final response is also correct."),
    (
      0, #""plank"="p" (16)"#, #""plank"="p" (15)"#,
      #"In step (1) the part " "plank"="p" (15) " is incorrect. This is because the alphabetical order for the character "p" should be 16."#
    ),
    (
      0, #", "grain"="g" (7)"#, "",
      #"In step (1) the part " "plank"="p" (16), "grape"="g" (7), "plover"="p" (16), "apple"="a" (1) " is incorrect. This is because you missed the words "grain", which are in the list of words provided by the question statement: plank grape plover apple grain."#
    ),
    (
      1, #"(1) "apple" < "#, #"(1) ["apple"] < "#,
      #"Step (1) is correct. In step (2) the part " (1) ["apple"] < (7) ["grape" ? "grain"] < (16) ["plank" ? "plover"] " is incorrect. This is because "["apple"]" has only a single word, so it is not a subpart that needs further sorting."#
    ),
    (
      1, #"(1) "apple" < "#, "",
      #"Step (1) is correct. In step (2) the part " (7) ["grape" ? "grain"] < (16) ["plank" ? "plover"] " is incorrect. This is because according to step (1), this ordering does not have words with the numbers (1) sorted correctly."#
    ),
    (
      2, #"["grape" ? "grain"]"#, #"["grain" ? "grape"]"#,
      #"Step (1) to (2) are correct. In step (3) the part " ["grain" ? "grape"] " is incorrect. This is because this subpart is not amongst the unknown subparts in step (2)."#
    ),
    (
      2, "second letters", "third letters",
      #"Step (1) to (2) are correct. In step (3) the part " now sort this subpart ["grape" ? "grain"] by looking at their third letters " is incorrect. This is because the second letter of ["grape" ? "grain"] has not been sorted yet."#
    ),
    (
      2, #""grape"="r" (18)"#, #""grape"="a" (1)"#,
      #"Step (1) to (2) are correct. In step (3) the part " "grape"="a" (1) " is incorrect. This is because the second letter of "grape" should be "r"."#
    ),
    (
      4, "third letters", "second letters",
      #"Step (1) to (3.1) are correct. In step (3.2) the part " now sort this subpart ["grape" ? "grain"] by looking at their second letters " is incorrect. This is because the second letter of ["grape" ? "grain"] has already been checked in step (3)."#
    ),
    (
      7, #"(9) "grain" < (16) "grape""#, #"(9) "grape" < (16) "grain""#,
      #"Step (1) to (3.4) are correct. In step (3.5) the part " (9) "grape" < (16) "grain" " is incorrect. This is because according to step (3.4), words with (9) should be: grain."#
    ),
    (
      8, #""grain" < "grape""#, #""grape" < "grain""#,
      #"Step (1) to (3.5) are correct. In step (3.6) the part " "grape" < "grain" " is incorrect. This is because the order of "grain" and "grape" is inconsistent with the result in step (3.5) that: (9) "grain" < (16) "grape"."#
    ),
    (
      14, #""apple" < "#, "",
      #"Step (1) to (4.4) are correct. In step (5) the part " "grain" < "grape" < "plank" < "plover" " is incorrect. This is because the order of the word "apple" is already established in step (2) that: (1) "apple" < (7) ["grape" ? "grain"] < (16) ["plank" ? "plover"]."#
    ),
    (
      15, "plank plover", "plover plank",
      #"Step (1) to (5) are correct. In step (Final response) the part " apple grain grape plover plank " is incorrect. This is because in step (5) it is established that: "apple" < "grain" < "grape" < "plank" < "plover"."#
    ),
    (
      14, steps[14], "",
      #"Step (1) to (4.4) are correct. In step (Final response) the part "  " is incorrect. This is because you have not yet sorted all the words in the question statement in step (4.4)."#
    ),
  ]

  private func attempt(_ line: Int, _ old: String, _ new: String) -> Attempt {
    var lines = Self.steps
    if !old.isEmpty { lines[line] = lines[line].replacing(old, by: new) }
    return Attempt(lines: lines.filter { !$0.isEmpty })
  }

  @Test("the vectors of 4.3 come out byte for byte", arguments: vectors.indices)
  func scriptedFeedback(index: Int) throws {
    let vector = Self.vectors[index]
    let attempt = attempt(vector.line, vector.old, vector.new)
    for options in [Compatibility.clean, .published] {
      let feedback = try Self.task.feedback(on: attempt, to: Self.question, options: options)
      #expect("\(feedback)" == vector.feedback)
    }
  }

  @Test("every vector of 4.3 is repaired in one update", arguments: vectors.indices.dropFirst())
  func repaired(index: Int) throws {
    let vector = Self.vectors[index]
    var lines = attempt(vector.line, vector.old, vector.new).lines
    lines[lines.count - 1] = "(Final response) So the answer is: apple grain grape plover plank."
    let edit = try TaskChecks.editor(Self.task).edit(
      ([Self.question.prompt] + lines).joined(separator: "\n"), to: Self.question)
    #expect(edit.trajectory?.turns.last?.attempt.lines == Self.steps, "\(edit.decisions)")
    #expect(edit.trajectory?.updateCount == 1)
  }

  @Test("3.6: what was there twice may stay once")
  func duplicated() throws {
    var lines = attempt(0, #""grain"="g" (7)"#, #""grain"="g" (7), "plank"="p" (16)"#).lines
    lines[lines.count - 1] = "(Final response) So the answer is: apple grain grape plover plank."
    let edit = try TaskChecks.editor(Self.task).edit(
      ([Self.question.prompt] + lines).joined(separator: "\n"), to: Self.question)
    #expect(edit.trajectory?.turns.first?.feedback?.mistake?.line.contains("is duplicated") == true)
    #expect(edit.trajectory?.turns.last?.attempt.lines == Self.steps)
  }

  @Test("groups of one subpart share their label, and the script goes along (13.24)")
  func sharedLabels() throws {
    let words = ["bread", "brew", "brick", "brine", "bun"]
    let question = Self.task.question(sorting: words, id: "", cell: Self.cell)
    let solution = try #require(Self.task.rationale(for: question))
    #expect(solution.lines.count { $0.hasPrefix("(3.2.2) ") } == 2, "\(solution)")
    #expect(try Self.task.feedback(on: solution, to: question, options: .clean).isCorrect)
  }

  @Test(
    "the answer is read as 8.5 says",
    arguments: [
      ("(Final response) So the answer is: a b c.", "a b c"),
      ("So the answer is:  a  b.", "a b"), ("So the answer is: a b", nil),
      ("So the answer is a b.", nil), ("the answer is: a. b.", "a. b"), ("", nil),
    ] as [(String, String?)])
  func answers(line: String, answer: String?) {
    #expect(Self.task.answer(inFinalLine: line) == answer)
  }

  @Test("an open order in a conclusion is no valid content; a lost blank is mended")
  func content() {
    #expect(Self.task.hasValidContent(Attempt(lines: Self.steps), to: Self.question))
    #expect(
      !Self.task.hasValidContent(
        attempt(14, #""grain" < "grape""#, #"["grain" ? "grape"]"#), to: Self.question))
    #expect(Self.task.prepared(#"["a"? "b"? "c"]"#) == #"["a" ? "b" ? "c"]"#)
  }

  @Test(
    "made questions are different, seeded, in their sets, and solved to the script's satisfaction")
  func made() throws { try TaskChecks.checkQuestions(of: Self.task) }

  @Test("every slip in a step is found there, and repaired")
  func slips() throws { try TaskChecks.checkSlips(of: Self.task, count: 400) }

  @Test("randomly damaged solutions get a verdict or none, and never a crash")
  func damaged() throws {
    try TaskChecks.checkDamage(
      of: Self.task, Self.question,
      pieces: [
        "(", ")", "[", "]", " ? ", "<", ">", "=", ":", ".", "\"", "grape", "3", "\n", "é", "",
      ])
  }

  @Test(
    "BIG-Bench-Hard: the target is the order of all 250 lists",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
  func bigBench() throws {
    let file = try QuestionFile(
      SharedData.url("bbh/word_sorting.json"), for: .test, of: Self.task)
    #expect(file.questions.count == 250)
    #expect(file.rejects.isEmpty)
    var solved = 0
    for question in file.questions {
      guard let solution = Self.task.rationale(for: question) else { continue }
      solved += 1
      #expect(Self.task.isCorrect(solution, to: question))
      #expect(try Self.task.feedback(on: solution, to: question, options: .clean).isCorrect)
    }
    // Two lists have a word that another one begins with, where letters run out.
    #expect(solved == 248)
  }
}
