import Boundary
import Testing
import TriPosT

@Suite("Trajectories as text")
struct TrajectoryTextTests {
  /// The edited trajectory of 9.1.
  static let text =
    Sample.prediction(Sample.wrong.lines) + "\nFeedback: " + Sample.feedbackOnWrong
    + "\nUpdated Answer: Let's think step by step. " + Sample.task.hint + "\n"
    + Sample.text(Sample.steps) + "\nFeedback: " + Sample.closing

  @Test("a text comes back as it was")
  func roundTrip() {
    let trajectory = Trajectory(parsing: Self.text, to: Sample.question)
    #expect(trajectory.turns.map(\.attempt) == [Sample.wrong, Sample.attempt])
    #expect(trajectory.turns.map { $0.feedback?.isCorrect } == [false, true])
    #expect(trajectory.updateCount == 1)
    #expect(trajectory.description == Self.text)
  }

  @Test("the lead has the hint after its first sentence, and no blank without one")
  func leads() {
    #expect(
      Sample.question.prompt.hasPrefix(
        "Q: ((3 + -4 * 2 - 1) * (8 - 5 + -6 * 2)) =\nAnswer: Let's think step by step. Recall"))
    let plain = Question(id: "", block: "Q: x", hint: "", gold: "", cell: Sample.seen)
    #expect(plain.prompt == "Q: x\nAnswer: Let's think step by step.")
    #expect(plain.updateLead == "Updated Answer: Let's think step by step.")
  }

  @Test("every cut of a text is read without a crash, and turns never get more")
  func cuts() {
    for length in stride(from: 0, through: Self.text.utf8.count, by: 7) {
      let trajectory = Trajectory(
        parsing: String(Self.text.prefix(length)), to: Sample.question)
      #expect(trajectory.turns.count <= 2)
    }
  }

  @Test("line ends of other systems are part of the line")
  func carriageReturn() {
    #expect(Attempt(parsing: "(1) a\r\n(2) b").lines == ["(1) a\r", "(2) b"])
  }

  @Test("an edit's record gives the trajectory back")
  func json() {
    let trajectory = Trajectory(parsing: Self.text, to: Sample.question)
    #expect(Trajectory(trajectory.json, to: Sample.question) == trajectory)
    #expect(Trajectory(["not", "turns"], to: Sample.question) == nil)
  }
}
