import Boundary
import Testing
import TriPosT

@Suite("The critic's script for Multistep Arithmetic")
struct ArithmeticCriticTests {
  private func feedback(
    _ attempt: Attempt, options: Compatibility = .clean
  ) throws -> String {
    "\(try Sample.task.feedback(on: attempt, to: Sample.question, options: options))"
  }

  /// The table of 4.2; every line of it is judged alike with the strict check of 13.14 and without.
  static let vectors: [(changes: [Int: String], feedback: String)] = [
    ([:], "Step (1) to (4) are correct. The final response is also correct."),
    (
      [
        1: "(2) Let's calculate A = (3 + -4 * 2 - 1) = ((3 + (-4 * 2)) - 1) = ((3 + -8) - 1) = "
          + "(-5 - 1) = -4."
      ],
      Sample.feedbackOnWrong
    ),
    (
      [
        0: #"(1) This equation can be written as "(A * B)", where A = (3 + -4 * 2 - 1) and "#
          + "B = (8 - 5 + 6 * 2)."
      ],
      #"In step (1) the part " This equation can be written as "(A * B)", where "#
        + #"A = (3 + -4 * 2 - 1) and B = (8 - 5 + 6 * 2). " is incorrect. This is because it is "#
        + "not consistent with the original equation: (3 + -4 * 2 - 1) * (8 - 5 + -6 * 2)."
    ),
    (
      [
        2: "(3) Let's calculate B = (8 - 5 + -6 * 2) = ((8 - 5) + (-6 * 2)) = (3 + (-6 * 2) = "
          + "(3 + -12) = -9."
      ],
      #"Step (1) to (2) are correct. In step (3) the part " (3 + (-6 * 2) " is incorrect. This is "#
        + "because it is an invalid equation as the number of left and right brackets do not match."
    ),
    (
      [3: "(4) Then, the final equation is (A * B) = (-6 * 9) = 54."],
      #"Step (1) to (3) are correct. In step (4) the part " (A * B) = (-6 * 9) " is incorrect. "#
        + "This is because this substitution is incosistent with the results in the previous steps."
    ),
    (
      [3: "(4) Then, the final equation is (A + B) = (-6 + -9) = -15."],
      #"Step (1) to (3) are correct. In step (4) the part " (A + B) " is incorrect. This is "#
        + "because this equation is inconsistent with the question statement."
    ),
    (
      [3: "(4) Then, the final equation is (A * B) = (-6 * -9) = 45."],
      #"Step (1) to (3) are correct. In step (4) the part " (-6 * -9) = 45 " is incorrect. This is "#
        + "because there is an calculation error, since (-6 * -9) is not equal to 45."
    ),
    (
      [4: "(Final response) So the answer is 45."],
      #"Step (1) to (4) are correct. In step (Final response) the part " the answer is 45. " is "#
        + "incorrect. This is because this answer is inconsistent with the result in step (4)."
    ),
    (
      [2: "", 3: "(3) Then, the final equation is (A * B) = (-6 * -9) = 54."],
      #"Step (1) to (2) are correct. In step (3) the part " (A * B) = (-6 * -9) " is incorrect. "#
        + "This is because B has not been calculated in previous steps."
    ),
  ]

  @Test("the vectors of 4.2 come out byte for byte", arguments: 0..<9)
  func scriptedFeedback(index: Int) throws {
    let (changes, expected) = Self.vectors[index]
    #expect(try feedback(Sample.attempt(changes)) == expected)
    #expect(try feedback(Sample.attempt(changes), options: .published) == expected)
  }

  @Test(
    "an attempt that cannot be read has no verdict",
    arguments: [
      [4: ""],  // no final line
      [0: "This equation can be written as"],  // no label
      [0: "(1.1) This equation can be written as"],  // a label with a dot
      [1: "(2) A is -6."],  // of no known kind
      [1: "(2) Let's calculate A = (3 + -4 * 2 - 1) = -6"],  // no full stop
      [1: "(2) Let's calculate it = 5."],  // no letter
      [3: "(4) Then, the final equation is 54."],  // no chain
      [4: "(Final response) So the answer is six."],  // no number
      [0: #"(1) This equation can be written as "(A * B)", where A = (3 + -4 * 2 - 1)."#],
      [0: #"(1) This equation can be written as "(A * C)", where A = (1 + 2) and B = (3 + 4)."#],
      [0: #"(1) This equation can be written as "(A ? B)", where A = (1 + 2) and B = (3 + 4)."#],
    ] as [[Int: String]])
  func unreadable(changes: [Int: String]) {
    #expect(throws: CriticFailure.self) { try feedback(Sample.attempt(changes)) }
  }

  @Test("a first line that is wrong has to be labelled 1")
  func firstLabel() {
    let changes = [
      0: #"(2) This equation can be written as "(A * B)", where A = (3 + 4) and B = (8 - 5 - 6)."#
    ]
    #expect(throws: CriticFailure.self) { try feedback(Sample.attempt(changes)) }
  }

  @Test("the question's own value has to be the gold answer")
  func goldValue() {
    let question = Question(
      id: "", block: Sample.question.block, hint: "", gold: "55", cell: Sample.seen)
    #expect(throws: CriticFailure.self) {
      try Sample.task.feedback(on: Sample.attempt, to: question, options: .clean)
    }
  }

  @Test("13.14: a calculation that starts from another group is blamed only by the strict check")
  func strict() throws {
    let attempt = Sample.attempt([
      1: "(2) Let's calculate A = (3 + 4 * 2 - 1) = ((3 + (4 * 2)) - 1) = ((3 + 8) - 1) = "
        + "(11 - 1) = 10.",
      3: "(4) Then, the final equation is (A * B) = (10 * -9) = -90.",
      4: "(Final response) So the answer is -90.",
    ])
    #expect(
      try feedback(attempt)
        == #"Step (1) is correct. In step (2) the part " (3 + 4 * 2 - 1) " is incorrect. This is "#
        + "because it is not consistent with step (1).")
    #expect(
      try feedback(attempt, options: .published)
        == #"Step (1) to (3) are correct. In step (4) the part " (A * B) " is incorrect. This is "#
        + "because this equation is inconsistent with the question statement.")
  }

  @Test("4.1: a right answer is closed, a wrong one diagnosed, an unreadable one refused")
  func gate() throws {
    let gate = GatedCritic(task: Sample.task, critic: ScriptedCritic(Sample.task))
    #expect("\(try gate.feedback(on: Sample.attempt, to: Sample.question))" == Sample.closing)
    #expect("\(try gate.feedback(on: Sample.wrong, to: Sample.question))" == Sample.feedbackOnWrong)
    for last in ["(Final response) It is 54.", "(Final response) So the answer is four."] {
      #expect(throws: CriticFailure.self) {
        try gate.feedback(on: Sample.attempt([4: last]), to: Sample.question)
      }
    }
    // The right answer does not make up for another result in the line before.
    let misread = Sample.attempt([3: "(4) Then, the final equation is (A * B) = (-6 * -9) = 45."])
    #expect(
      try gate.feedback(on: misread, to: Sample.question).mistake?.part == "(-6 * -9) = 45")
    // Nothing is wrong to the script, but a full stop is lacking to the test of the content.
    #expect(throws: CriticFailure.self) {
      try gate.feedback(
        on: Sample.attempt([4: "(Final response) So the answer is 54"]), to: Sample.question)
    }
  }

  @Test("randomly damaged solutions get a verdict or none, and never a crash")
  func damaged() throws {
    let gate = GatedCritic(task: Sample.task, critic: ScriptedCritic(Sample.task))
    let pieces = ["(", ")", "-", "=", " ", ".", "A", "B", "9", "0", "\n", "é", "\"", "*", "Q:", ""]
    var random = RandomStream(seed: 1, "damage")
    var verdicts = 0
    for _ in 0..<2000 {
      var characters = Array(Sample.attempt.description)
      for _ in 0...random.below(3) {
        let start = random.below(characters.count)
        let end = min(characters.count, start + random.below(4))
        characters.replaceSubrange(start..<end, with: pieces[random.below(pieces.count)])
      }
      let attempt = Attempt(parsing: String(characters))
      do {
        let feedback = try gate.feedback(on: attempt, to: Sample.question)
        verdicts += 1
        #expect(Feedback(parsing: "\(feedback)") == feedback)
      } catch is CriticFailure {}
    }
    #expect(verdicts > 500)
  }
}
