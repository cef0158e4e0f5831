import Boundary
import Testing

@testable import TriPosT

@Suite("Prompting")
struct PromptingTests {
  @Test("prompts begin with solved questions of the training set", arguments: Course.names)
  func shots(task: String) throws {
    let course = try Course(MethodTests.configuration(.fewShot, task))
    let shots = try PromptShots(3, of: course, random: RandomStream(seed: 1, "shots"))
    func blocks(_ text: String) -> Int { course.training.count { text.has($0.block + "\n") } }
    #expect(blocks(shots.solving) == 3)
    #expect(blocks(shots.judging) == 4 && blocks(shots.updating) == 3)
    #expect(
      shots.judging.endsWith(
        " None\nError segment: None\n"
          + "Error reason: The final response is correct. [END]\n\n"))
    #expect(!course.test.contains { (shots.solving + shots.judging).has($0.block + "\n") })
    let none = try PromptShots(0, of: course, random: RandomStream(seed: 1, "shots"))
    #expect(none.solving + none.judging + none.updating == "")
  }

  @Test("a verdict of a prompt says what a feedback line says")
  func verdictIsRead() throws {
    let shown = PromptShots.feedback(
      inVerdict: " (2)\nError segment: \"(-5 - 1) = -4\"\nError reason: it is -6 [END]\nmore",
      on: Sample.wrong)
    #expect(
      shown?.description
        == "Step (1) is correct. In step (2) the part \"(-5 - 1) = -4\" is incorrect. "
        + "This is because it is -6.")
    #expect(shown?.mistake?.part == "(-5 - 1) = -4")
    let final = PromptShots.feedback(
      inVerdict: "(Final response)\nError segment: \"54\"\nError reason: no.", on: Sample.attempt)
    #expect(
      final?.description == "Step (1) to step (4) are correct. In step (Final response) the part "
        + "\"54\" is incorrect. This is because no.")
    #expect(PromptShots.feedback(inVerdict: " None\n", on: Sample.attempt)?.isCorrect == true)
    for text in [
      "", "(9)\nError segment: \"a\"\nError reason: b", "(2)\nError segment: \"a\"",
      "(2)\nsegment: \"a\"\nError reason: b", "step two\nError segment: \"a\"\nError reason: b",
    ] {
      #expect(PromptShots.feedback(inVerdict: text, on: Sample.wrong) == nil, "\(text)")
    }
  }

  /// A session on the sample question with what the student writes, generation by generation.
  private func session(gold: Bool, _ texts: String...) throws -> PromptedSelfImprovement {
    let course = try Course(MethodTests.configuration(.selfImprovePrompting))
    let shots = try PromptShots(1, of: course, random: RandomStream(seed: 1, "shots"))
    var session = PromptedSelfImprovement(
      question: Sample.question, task: Sample.task,
      options: .init(shots: shots, maxUpdates: 2, maxNewTokens: 900, stopsWhenCorrect: gold))
    for text in texts {
      let prompt = try #require(session.nextPrompt())
      #expect(prompt.text.has(Sample.question.prompt + "\n"))
      session.receive(text, endedByEOS: true)
    }
    return session
  }

  private let wrong = "\(Sample.wrong)"
  private let right = "\(Sample.attempt)"
  private let verdict =
    " (2)\nError segment: \"(-5 - 1) = -4\"\nError reason: (-5 - 1) is -6 [END]"

  @Test("attempt, verdict, update, verdict, until the verdict closes")
  func closes() throws {
    let session = try session(gold: false, wrong, verdict, right + " [END]", " None\nnothing")
    #expect(session.end == .closed && session.generations == 4)
    #expect(session.verdicts(by: Sample.task) == [false, true])
    #expect(session.answer == "54")
    #expect(session.nextPrompt() == nil)
  }

  @Test("the gold answer stops it at the first right attempt, and asks what the other asked")
  func gold() throws {
    let own = try session(gold: false, wrong, verdict, right)
    let gold = try session(gold: true, wrong, verdict, right)
    #expect(own.end == nil && gold.end == .closed)
    #expect(gold.verdicts(by: Sample.task) == [false, true])
    #expect(try session(gold: true, right).end == .closed)
    #expect(
      try session(gold: true, wrong).nextPrompt()?.text
        == session(gold: false, wrong).nextPrompt()?.text)
  }

  @Test("what is no verdict or no update ends it, and the attempt before stands")
  func illegal() throws {
    #expect(try session(gold: false, wrong, "It is fine.").end == .noProgress)
    let same = try session(gold: false, wrong, verdict, wrong)
    #expect(same.end == .noProgress && same.verdicts(by: Sample.task) == [false])
    let chatter = try session(gold: false, "I do not know.")
    #expect(chatter.end == .noProgress && chatter.verdicts(by: Sample.task) == [false])
    let other = Sample.attempt([4: "(Final response) So the answer is 55."])
    let long = try session(gold: false, wrong, verdict, "\(other)", verdict, right)
    #expect(
      long.end == .generationsUsedUp && long.verdicts(by: Sample.task) == [false, false, true])
  }

  @Test("few-shot prompting trains nothing and tests the base")
  func fewShot() throws {
    try withTemporaryFolder { path in
      let (student, table) = try LoopTests.run(MethodTests.configuration(.fewShot), in: path)
      #expect(table.rows.map(\.label) == ["few-shot prompting"])
      #expect(student.adapter == .init())
      #expect(!Files.exists(path + "/iteration-0/adapter"))
    }
  }
}
