import Testing
import TriPosT

@Suite("Feedback as text")
struct FeedbackTextTests {
  @Test(
    "every spelling of the closing feedback closes",
    arguments: [
      "Step (1) to step (4) are correct. The final response is also correct.",
      "Step (1) to (5) are correct. The final response is also correct.",
      "Step (1) is correct. the FINAL response is also correct",
    ])
  func closing(line: String) {
    #expect(Feedback(parsing: line) == .correct(line: line))
    #expect(Feedback(parsing: line).description == line)
  }

  @Test(
    "a mistake is read with its step and its part",
    arguments: [
      (Sample.feedbackOnWrong, StepLabel.number(2), "(-5 - 1) = -4"),
      (
        #"In step (3.10) the part " "a"="b" (2) " is incorrect. This is because of it."#,
        .step([3, 10]), #""a"="b" (2)"#
      ),
      (
        #"In step (Final response) the part "(B)" is incorrect. This is because no."#,
        .finalResponse, "(B)"
      ),
      (
        #"In step (x) In step (2) the part "a" is incorrect, because "b" is incorrect."#,
        .number(2), #"a" is incorrect, because "b"#
      ),
    ])
  func mistakes(line: String, step: StepLabel, part: String) throws {
    let mistake = try #require(Feedback(parsing: line).mistake)
    #expect(mistake.step == step)
    #expect(mistake.part == part)
    #expect(Feedback(parsing: line).description == line)
  }

  @Test(
    "feedback without step, part, reason or on two lines is unreadable",
    arguments: [
      "", "Step (1) is correct.", "In step (2) something is incorrect because.",
      #"In step (2) the part "x" is incorrect."#, #"the part "x" is incorrect because"#,
      #"In step (2) the part "x is incorrect because"#,
      #"[ERROR] In step (2) the part "x" is incorrect because"#,
      "In step (2) the part \"x\"\n is incorrect because",
      #"In step (2) the part "x" is wrong because"#,
      #"In step () the part "x" is incorrect because"#,
    ])
  func unreadable(line: String) {
    #expect(Feedback(parsing: line) == .unreadable(line: line))
  }

  private func mistake(_ step: String, _ part: String) throws -> Mistake {
    try #require(
      Feedback(
        parsing: "In step (\(step)) the part \"\(part)\" is incorrect. This is because no."
      ).mistake)
  }

  @Test("the same mistake is the same step with overlapping parts")
  func same() throws {
    #expect(try mistake("2", " 3 + 4 = 8 ").isSame(as: mistake("2", "4 = 8")))
    #expect(try mistake("2", "4 = 8").isSame(as: mistake("2", "3 + 4 = 8")))
    #expect(try !mistake("2", "4 = 8").isSame(as: mistake("3", "4 = 8")))
    #expect(try !mistake("2", "4 = 8").isSame(as: mistake("2", "4 = 9")))
  }

  @Test("progress is a later step, another part, or the end; never an earlier step")
  func progress() throws {
    func progress(_ new: Mistake, after old: Mistake) -> Bool {
      Feedback.mistake(new).isProgress(after: old)
    }
    #expect(try progress(mistake("10", "a"), after: mistake("9", "a")))
    #expect(try progress(mistake("2", "b"), after: mistake("2", "a")))
    #expect(try progress(mistake("Final response", "a"), after: mistake("9", "a")))
    #expect(try !progress(mistake("2", "a"), after: mistake("2", " a ")))
    #expect(try !progress(mistake("2", "a"), after: mistake("10", "a")))
    #expect(try !progress(mistake("2", "a"), after: mistake("Final response", "a")))
    let mistake = try mistake("2", "a")
    #expect(Feedback(parsing: Sample.closing).isProgress(after: mistake))
    #expect(!Feedback(parsing: "well").isProgress(after: mistake))
  }

  @Test("closing feedback names the last numbered line")
  func closingLabel() {
    #expect(Feedback.allCorrect(in: Sample.attempt).description == Sample.closing)
    #expect(
      Feedback.allCorrect(in: Attempt(lines: ["(3.1) a", "(Final response) b"])).description
        == "Step (1) to step (3.1) are correct. The final response is also correct.")
    #expect(Feedback.allCorrect(in: Attempt(lines: [])).isCorrect)
  }
}
