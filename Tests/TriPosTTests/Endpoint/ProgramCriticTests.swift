import Boundary
import TestSupport
import Testing

@testable import TriPosT

/// What becomes of a program's verdict (docs/tripost.md, 4.9).
@Suite("A program as critic")
struct ProgramCriticTests {
  /// What a critic that always gives this reply makes of an attempt.
  private func feedback(on attempt: Attempt, reply: String) throws -> Feedback {
    let answers = "while read -r line; do printf '%s\\n' '\(reply)'; done"
    let source = ProgramSource(["sh", "-c", answers])
    let desk = ReplyDesk([.feedback: source])
    let critic = ProgramCritic(name: source.name, desk: desk)
    do {
      return try critic.feedback(on: attempt, to: Sample.question)
    } catch let need as ReplyNeeded {
      try desk.answer([need]) { _ in }
      return try critic.feedback(on: attempt, to: Sample.question)
    }
  }

  @Test("step, part and reason become a line")
  func renders() throws {
    let feedback = try feedback(
      on: Sample.wrong,
      reply: #"{"id":0,"step":"2","part":"(-5 - 1) = -4","reason":"it is -6"}"#)
    #expect(feedback.mistake?.step == .number(2))
    #expect(feedback.mistake?.part == "(-5 - 1) = -4")
  }

  @Test(
    "a verdict that cannot be put into a line costs the attempt, not the run",
    arguments: [
      #"{"id":0,"step":"2","part":"(-5\u0000 - 1)","reason":"it is -6"}"#,
      #"{"id":0,"step":"2","part":"(-5 - 1)","reason":"it is \u001b[1m-6"}"#,
      #"{"id":0,"step":"2","part":"(-5\n - 1)","reason":"it is -6"}"#,
      #"{"id":0,"step":"9","part":"(-5 - 1)","reason":"it is -6"}"#,
    ])
  func unusable(reply: String) throws {
    // The student itself has written what is quoted.
    let attempt = Attempt(
      lines: Sample.wrong.lines.map { $0.replacing("-5", by: "-5\0") })
    #expect(throws: CriticFailure.self) { try feedback(on: attempt, reply: reply) }
  }

  @Test(
    "FB-05: a reply that is not of the agreed form ends the run",
    arguments: [#"{"id":0,"step":"2","part":"x"}"#, #"{"id":1,"error":"x"}"#, "[]", ""])
  func otherForm(reply: String) throws {
    let error = try refusal { _ = try feedback(on: Sample.wrong, reply: reply) }
    #expect(error?.rule.code == "FB-05")
  }
}
