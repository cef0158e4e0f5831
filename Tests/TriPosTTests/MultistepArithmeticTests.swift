import Boundary
import Testing
import TriPosT

@Suite("Multistep Arithmetic")
struct MultistepArithmeticTests {
  static let sets = Result { try Sample.task.questions(seed: 7) }

  @Test("the example of 9.1 is solved byte for byte")
  func example() throws {
    let expression = "(((2 * 3 - 4) + (5 - 7 * 1)) - ((6 + -2 * 2) * (1 - -3 + 0)))"
    let question = try #require(Sample.task.question(expression, id: "", cell: Sample.seen))
    let solution = try #require(Sample.task.groundTruth(for: question))
    #expect(
      solution.description == """
        Q: (((2 * 3 - 4) + (5 - 7 * 1)) - ((6 + -2 * 2) * (1 - -3 + 0))) =
        Answer: Let's think step by step. Recall that the order of operations in mathematics is as \
        follows: (1) Parentheses, (2) exponents, (3) multiplication and division (from left to \
        right), (4) addition and multiplication (from left to right). So, remember to always \
        compute the expressions inside parentheses or brackets first.
        (1) This equation can be written as "((A + B) - (C * D))", where A = (2 * 3 - 4), \
        B = (5 - 7 * 1), C = (6 + -2 * 2) and D = (1 - -3 + 0).
        (2) Let's calculate A = (2 * 3 - 4) = ((2 * 3) - 4) = (6 - 4) = 2.
        (3) Let's calculate B = (5 - 7 * 1) = (5 - (7 * 1)) = (5 - 7) = -2.
        (4) Let's calculate C = (6 + -2 * 2) = (6 + (-2 * 2)) = (6 + -4) = 2.
        (5) Let's calculate D = (1 - -3 + 0) = ((1 - -3) + 0) = (4 + 0) = 4.
        (6) Then, the final equation is ((A + B) - (C * D)) = ((2 + -2) - (2 * 4)) = \
        (0 - (2 * 4)) = (0 - 8) = -8.
        (Final response) So the answer is -8.
        Feedback: Step (1) to step (6) are correct. The final response is also correct.
        """)
    #expect(Sample.task.rationale(for: Sample.question) == Sample.attempt)
  }

  @Test("the published plan has 550, 50 and 360 questions, all different, in their cells")
  func counts() throws {
    let sets = try Self.sets.get()
    #expect([sets.training, sets.validation, sets.test].map(\.count) == [550, 50, 360])
    let all = sets.training + sets.validation + sets.test
    #expect(Set(all.map(\.block)).count == all.count)
    #expect(Set(all.map(\.id)).count == all.count)
    #expect(!(sets.training + sets.validation).contains { !$0.cell.isSeen })
    #expect(
      Sample.task.cells.map(\.name)
        == ["l3-4d2", "l3-4d22", "l3-4d222", "l5-6d2", "l5-6d22", "l5-6d222"])
    for cell in Sample.task.cells { #expect(sets.test.count { $0.cell == cell } == 60) }
    #expect(sets.test.count { !$0.cell.isSeen } == 240)
    #expect(sets.test.count { !$0.cell.isSeen && $0.cell.isPublished } == 180)
  }

  @Test("the first byte of an expression's SHA-256 says which set it may be in")
  func hashSplit() throws {
    let sets = try Self.sets.get()
    let ranges: [([Question], ClosedRange<UInt8>)] = [
      (sets.test, 0...0x1f), (sets.validation, 0x20...0x3f), (sets.training, 0x40...0xff),
    ]
    for (questions, range) in ranges {
      for question in questions {
        let expression = question.block.dropFirst(3).dropLast(2)
        let first = SHA256.hex(of: Array(expression.utf8)).prefix(2)
        #expect(range.contains(try #require(UInt8(first, radix: 16))))
      }
    }
  }

  @Test("the same seed makes the same questions, another seed others")
  func seeds() throws {
    var plan = [MultistepArithmetic.Portion(.init(length: 3, depths: [2]), cell: Sample.seen)]
    plan[0].training = 5
    let task = MultistepArithmetic(plan: plan)
    #expect(try task.questions(seed: 1) == task.questions(seed: 1))
    #expect(try task.questions(seed: 1) != task.questions(seed: 2))
  }

  @Test("every solution is right to the script, and to the test of its content")
  func solutions() throws {
    let sets = try Self.sets.get()
    let critic = ScriptedCritic(Sample.task)
    for question in sets.training.prefix(150) + sets.validation + sets.test {
      let solution = try #require(Sample.task.rationale(for: question))
      let feedback = try critic.feedback(on: solution, to: question)
      #expect(feedback.isCorrect, "\(feedback)")
      #expect(Sample.task.isCorrect(solution, to: question))
      #expect(Sample.task.hasValidContent(solution, to: question))
      let groups =
        question.cell.name.hasSuffix("d222") ? 8 : question.cell.name.hasSuffix("d22") ? 4 : 2
      #expect(solution.lines.count == groups + 3)
    }
  }

  @Test(
    "TASK-01: a shape out of range",
    arguments: [
      (1, [2]), (3, []), (3, [1]), (3, [27]), (3, [2, 2, 2, 2, 2]), (99, [2]), (3, [6, 6]),
    ]
  )
  func shapes(length: Int, depths: [Int]) {
    let portion = MultistepArithmetic.Portion(
      .init(length: length, depths: depths), cell: Sample.seen, test: 1)
    #expect(throws: InputError.self) { try MultistepArithmetic(plan: [portion]).questions(seed: 1) }
  }

  static let finalLines: [(line: String, answer: String?)] = [
    ("(Final response) So the answer is 54.", "54"), ("So the answer is 54", "54"),
    ("(Final response) So The Answer is -8.", "-8"), ("the answer is +5.", "5"),
    ("the answer is  7 .", "7"), ("the answer is 54.0.", "54"), ("the answer is 5.5.", nil),
    ("So the answer is six.", nil), ("So the answer is .", nil), ("It is 54.", nil), ("", nil),
    ("the answer is 5. Or the answer is 6.", nil), ("the answer is 1e3.", nil),
    ("the answer is 99999999999999999999.", nil),
  ]

  @Test("the answer is read as 8.5 says", arguments: finalLines)
  func answers(line: String, answer: String?) {
    #expect(Sample.task.answer(inFinalLine: line) == answer)
  }

  @Test("the answer of a text stands before a last line of feedback")
  func answersOfTexts() {
    let text = Sample.prediction(Sample.steps)
    #expect(Sample.task.answer(inText: text) == "54")
    #expect(Sample.task.answer(inText: text + "\nFeedback: Step (1) to") == "54")
    #expect(Sample.task.answer(inText: text + "\nUpdated Answer: Let's") == nil)
    #expect(Sample.task.answer(inText: "Feedback: x") == nil)
    #expect(Sample.task.answer(inText: "") == nil)
  }

  @Test("a right answer has to stand in the line before it")
  func validContent() {
    func isValid(_ changes: [Int: String]) -> Bool {
      Sample.task.hasValidContent(Sample.attempt(changes), to: Sample.question)
    }
    #expect(isValid([:]))
    #expect(isValid([3: "(4) Then, the final equation is (A * B)=54."]))
    #expect(!isValid([3: "(4) Then, the final equation is (A * B) = 540."]))
    #expect(!isValid([3: "(4) Then, the final equation is (A * B) = 54"]))
    #expect(!isValid([4: "(Final response) So the answer is 54"]))
    #expect(
      !Sample.task.hasValidContent(Attempt(lines: ["So the answer is 54."]), to: Sample.question))
    #expect(!Sample.task.hasValidContent(Attempt(lines: []), to: Sample.question))
  }
}
