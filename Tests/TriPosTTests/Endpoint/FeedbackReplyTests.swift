import Boundary
import TestSupport
import Testing

@testable import TriPosT

/// How a model's reply becomes feedback (docs/tripost.md, 4.6).
@Suite("Feedback from a model")
struct FeedbackReplyTests {
  private func line(_ reply: String, _ attempt: Attempt = Sample.wrong) -> String {
    switch FeedbackReply.feedback(in: reply, on: attempt) {
    case .success(let feedback): "\(feedback)"
    case .failure(let failure): "failure: \(failure.reason)"
    }
  }

  @Test("three lines become one, with what is right before it")
  func renders() {
    let expected =
      #"Step (1) is correct. In step (2) the part "(-5 - 1) = -4" is incorrect. This is because "#
      + "it is -6."
    #expect(line(" (2)\nError segment: \"(-5 - 1) = -4\"\nError reason: It is -6.") == expected)
    #expect(line("(2)\nError segment: (-5 - 1) = -4\nError reason: it is -6") == expected)
    #expect(
      line(
        """
        Here is what I found.

        ```
        **Earliest error step:** (2)
        **Error segment:** "(-5 - 1) = -4"
        **Error reason:** It is -6.
        ```
        I hope this helps!
        """) == expected)
    #expect(
      line("(4)\nError segment: \"36\"\nError reason: no")
        == #"Step (1) to step (3) are correct. In step (4) the part "36" is incorrect. This is because no."#
    )
    #expect(
      line("Final response\nError segment: \"36\"\nError reason: no")
        == "Step (1) to step (4) are correct. In step (Final response) the part \"36\" is incorrect. "
        + "This is because no.")
    #expect(
      line("(1)\nError segment: \"\"A\"\"\nError reason: no")
        == #"In step (1) the part ""A"" is incorrect. This is because no."#)
  }

  @Test("labels with dots are those of the attempt")
  func dotted() {
    let attempt = Attempt(lines: WordSortingTests.steps)
    #expect(
      line("(3.2)\nError segment: \"x\"\nError reason: y", attempt)
        .hasPrefix("Step (1) to step (3.1) are correct. In step (3.2) the part \"x\""))
    #expect(line("(3.9)\nError segment: \"x\"\nError reason: y", attempt).hasPrefix("failure"))
  }

  @Test(
    "EP-19, EP-20: anything else is no verdict",
    arguments: [
      "", "(2)", "(2)\nError segment: \"x\"", "None\nError segment: None\nError reason: None",
      "(9)\nError segment: \"x\"\nError reason: y", "(5)\nError segment: \"x\"\nError reason: y",
      "(2)\nsegment: x\nError reason: y", "(2)\nError segment: \"x\"\nreason: y",
      "(2)\nError segment: \nError reason: y", "(2)\nError segment: \"x\"\nError reason:",
      "(2)\nError segment: \"ERROR\"\nError reason: y",
      "(2)\nError segment: \"\u{1B}[31m\"\nError reason: y",
      "(2)\nError segment: \"x\0\"\nError reason: y",
      "(99999999999999999999)\nError segment: \"x\"\nError reason: y",
      "(2)\nError segment: \"" + String(repeating: "x", count: 100_000) + "\"\nError reason: y",
      "I am sorry, but I cannot help with that.",
      "Lösung: Schritt zwei ist falsch.\nWeil.\nSo.",
    ])
  func rejected(reply: String) {
    #expect(line(reply).hasPrefix("failure: the reply"))
  }

  @Test("an improver may repeat the kept lines, and put a fence around all")
  func continuation() {
    let kept = ["(1) a", "(2) b"]
    #expect(PromptedImprover.continuation(in: "(3) c\n(4) d", after: kept) == "(3) c\n(4) d")
    #expect(
      PromptedImprover.continuation(in: "```\n(1) a\n(2) b \n(3) c\n```\n", after: kept) == "(3) c")
    #expect(PromptedImprover.continuation(in: "(1) x\n(3) c", after: kept) == "(1) x\n(3) c")
    #expect(PromptedImprover.continuation(in: " \n", after: kept) == nil)
  }
}

@Suite("Prompt files")
struct PromptFilesTests {
  @Test("the examples are wrong where they say, and mended rightly", arguments: Course.names)
  func shots(task: String) throws {
    let files = try PromptFiles(task: task)
    let course = try Course(RunConfiguration(profile: .shipped, task: task))
    let expected = ["multistep_arithmetic", "word_sorting"].contains(task) ? 3 : 4
    #expect(files.shots.count == expected)
    for shot in files.shots {
      let gold = try #require(course.task.answer(of: shot.update))
      let question = Question(
        id: "shot", block: shot.question, hint: course.task.hint, gold: gold,
        cell: Cell(name: "c", isSeen: true))
      // The answer is the one that the task itself finds.
      let own = try #require(course.task.rationale(for: question), "\(shot.question)")
      #expect(course.task.isCorrect(own, to: question))
      #expect(course.task.hasValidContent(shot.update, to: question))
      #expect(!course.task.isCorrect(shot.attempt, to: question))
      let feedback = try FeedbackReply.feedback(in: shot.mistake, on: shot.attempt).get()
      let mistake = try #require(feedback.mistake)
      let scripted = try #require(
        try course.critic.feedback(on: shot.attempt, to: question).mistake, "\(shot.question)")
      #expect(mistake.step == scripted.step)
      #expect(
        shot.attempt.fault(of: shot.update, repairing: mistake, exactPartTest: true) == nil,
        "\(shot.question)")
      guard
        case .failure = Result(catching: {
          try course.critic.feedback(on: shot.update, to: question)
        })
        .flatMap({ $0.mistake == nil ? .failure(CriticFailure("")) : .success(0) })
      else {
        Issue.record("the script finds a mistake in the update of \(shot.question)")
        continue
      }
    }
  }

  @Test("a prompt ends where the reply begins")
  func prompts() throws {
    let files = try PromptFiles(task: "multistep_arithmetic")
    let feedback = files.feedback(on: Sample.wrong, to: Sample.question)
    #expect(feedback.examples.count == 3)
    #expect(feedback.text.hasPrefix(feedback.instruction))
    #expect(
      feedback.text.hasSuffix(
        "\n\n\(Sample.question.prompt)\n\(Sample.wrong)\nEarliest error step:"))
    #expect(feedback.text.contains("Earliest error step: (4)\nError segment: \"(-1 * -1) = -1\"\n"))
    guard case .mistake(let mistake) = Feedback(parsing: Sample.feedbackOnWrong) else { return }
    let improvement = files.improvement(
      of: Array(Sample.steps[..<1]), repairing: Sample.wrong, mistake: mistake, to: Sample.question)
    #expect(
      improvement.text.hasSuffix(
        "\(Sample.wrong) [END]\nFeedback: \(mistake.line)\n\(Sample.question.updateLead)\n"
          + Sample.steps[0] + "\n"))
    #expect(improvement.examples.count == 3)
    #expect(improvement.messages.array?.count == 8)
    #expect(improvement.messages.array?.last?["content"]?.string == improvement.item)
  }

  @Test("files of one's own take the place of the program's, and are checked")
  func ownFiles() throws {
    try withTemporaryFolder { path in
      func refusal(_ name: String, _ text: String) throws -> String? {
        try Files.writeAtomically(text, to: path + "/" + name)
        defer { try? Files.remove(path + "/" + name) }
        return try TestSupport.refusal {
          _ = try PromptFiles(task: "word_sorting", folders: [path])
        }?.rule.code
      }
      let own = "Say what is wrong.\n---\n{{attempt}}\nWrong:{{reply}}\n"
      #expect(try refusal("feedback.txt", own) == nil)
      for text in [
        "no rule {{attempt}}{{reply}}", "a\n---\n{{reply}}", "a\n---\n{{attempt}}",
        "a\n---\n{{attempt}} {{gold}}{{reply}}", "a\n---\n{{attempt}}{{reply}} more",
        "a\n---\n{{reply}}{{attempt}}{{reply}}",
      ] { #expect(try refusal("feedback.txt", text) == "PROMPT-01", "\(text)") }
      for text in [
        "[question]\nQ: x", "Q: x", "[attempt]\n(1) x",
        "[question]\nx\n[attempt]\n[mistake]\ny\n[update]\nz",
      ] { #expect(try refusal("word_sorting.txt", text) == "PROMPT-01", "\(text)") }
      #expect(try refusal("word_sorting.txt", "") == nil)
      try Files.writeAtomically(own, to: path + "/feedback.txt")
      let files = try PromptFiles(task: "word_sorting", folders: [path])
      #expect(
        files.feedback(on: Sample.wrong, to: Sample.question).item == "\(Sample.wrong)\nWrong:")
      #expect(files.digest != (try PromptFiles(task: "word_sorting")).digest)
    }
  }

  @Test("what is filled in is not filled in again")
  func once() throws {
    let template = try PromptTemplate(
      "---\n{{question}} {{attempt}}{{reply}}", needing: [], file: nil)
    #expect(template.filled(["question": "{{attempt}}", "attempt": "a"]) == "{{attempt}} a")
  }
}
