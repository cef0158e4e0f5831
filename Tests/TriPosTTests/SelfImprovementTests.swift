import Testing
import TriPosT

@Suite("The self-improving loop")
struct SelfImprovementTests {
  /// Runs the loop against prepared generations; returns the prompts it asked with.
  private func run(
    _ outputs: [(text: String, endedByEOS: Bool)], options: SelfImprovement.Options = .init()
  ) -> (state: SelfImprovement, prompts: [String]) {
    var state = SelfImprovement(question: Sample.question, task: Sample.task, options: options)
    var prompts: [String] = []
    for output in outputs {
      guard let prompt = state.nextPrompt() else { break }
      prompts.append(prompt.text)
      state.receive(output.text, endedByEOS: output.endedByEOS)
    }
    return (state, prompts)
  }

  static let attempt = "\n" + Sample.text(Sample.wrong.lines)
  static let criticised = attempt + "\nFeedback: " + Sample.feedbackOnWrong
  static let update =
    "\nUpdated Answer: Let's think step by step.\n" + Sample.text(Sample.steps)
  static let closing = " " + Sample.closing

  @Test("a student that closes at once generates once")
  func closesAtOnce() {
    let (state, prompts) = run([
      ("\n" + Sample.text(Sample.steps) + "\nFeedback:" + Self.closing, true)
    ])
    #expect(prompts == [Sample.question.prompt])
    #expect(state.end == .closed)
    #expect(state.nextPrompt() == nil)
    #expect(state.answer == "54")
    #expect(state.trajectory.turns.count == 1)
    #expect(state.trajectory.turns[0].feedback?.isCorrect == true)
    #expect(state.prediction == Sample.prediction(Sample.steps) + "\nFeedback: " + Sample.closing)
  }

  @Test("a student that writes attempts only has one attempt, whatever it goes on to say")
  func unfinishedAttempt() {
    let unfinished = Sample.text(Array(Sample.steps.dropLast()))
    let (state, prompts) = run(
      [(unfinished + "\nFeedback: " + Sample.feedbackOnWrong + Self.update, true)],
      options: .attemptOnly(maxNewTokens: 100))
    #expect(prompts == [Sample.question.prompt + "\n"])
    #expect(state.trajectory.turns.map(\.attempt.lines) == [Array(Sample.steps.dropLast())])
    #expect(state.answer == nil)
  }

  @Test("one update takes two generations; the second judges the update as a first attempt")
  func oneUpdate() {
    let (state, prompts) = run([(Self.criticised + Self.update, true), (Self.closing, true)])
    #expect(prompts.count == 2)
    #expect(prompts.last == Sample.prediction(Sample.steps) + "\nFeedback:")
    #expect(state.end == .closed)
    #expect(state.answer == "54")
    #expect(state.trajectory.turns.map(\.attempt) == [Sample.wrong, Sample.attempt])
    #expect(state.trajectory.turns.map { $0.feedback?.isCorrect } == [false, true])
    #expect(state.prediction == TrajectoryTextTests.text)
  }

  @Test("13.11, 13.10: as published, the editor sees the last turn, and the lead has no hint")
  func published() {
    var options = SelfImprovement.Options()
    options.compatibility = .published
    let (state, prompts) = run(
      [(Self.criticised + Self.update, true), (Self.closing, true)], options: options)
    let bare =
      Sample.question.block + "\nAnswer: Let's think step by step.\n" + Sample.text(Sample.steps)
    #expect(prompts.last == bare + "\nFeedback:")
    #expect(state.prediction == bare)
    #expect(state.trajectory.updateCount == 1)
  }

  @Test("endless errors stop after three generations, and the last update stands")
  func endless() {
    func round(_ answer: Int) -> String {
      " " + Sample.feedbackOnWrong + "\nUpdated Answer: Let's think step by step.\n"
        + Sample.text(Sample.steps.dropLast() + ["(Final response) So the answer is \(answer)."])
    }
    let (state, prompts) = run([
      (Self.attempt + "\nFeedback:" + round(61), true), (round(62), true), (round(63), true),
      (round(64), true),
    ])
    #expect(prompts.count == 3)
    #expect(state.end == .generationsUsedUp)
    #expect(state.answer == "63")
    #expect(state.trajectory.updateCount == 3)
  }

  @Test("the same final response again is no progress")
  func noProgress() {
    let again = " " + Sample.feedbackOnWrong + Self.update
    let (state, prompts) = run([(Self.criticised + Self.update, true), (again, true)])
    #expect(prompts.count == 2)
    #expect(state.end == .noProgress)
    #expect(state.answer == "54")
  }

  @Test("a text that was cut off is continued where it stopped")
  func cutOff() {
    let whole = "\n" + Sample.text(Sample.steps) + "\nFeedback:" + Self.closing
    let place = whole.index(whole.startIndex, offsetBy: 250)
    let (state, prompts) = run([
      (String(whole[..<place]), false), (String(whole[place...]), true),
    ])
    #expect(prompts.last == Sample.question.prompt + whole[..<place])
    #expect(state.end == .closed)
    #expect(state.trajectory.turns.map(\.attempt) == [Sample.attempt])
  }

  @Test("an end-of-text in the middle of the steps is continued as well")
  func earlyEnd() {
    let (_, prompts) = run([
      ("\n" + Sample.text(Array(Sample.steps[..<2])), true), ("\n(3) It", true),
    ])
    #expect(prompts.last == Sample.prediction(Array(Sample.steps[..<2])))
  }

  @Test("a looping text stops the loop")
  func loops() {
    let (state, prompts) = run([
      ("\n" + Sample.steps[0] + "\n(2) " + String(repeating: "1 + ", count: 40), false)
    ])
    #expect(prompts.count == 1)
    #expect(state.end == .looping)
    #expect(state.answer == nil)
  }

  @Test("nonsense of every kind ends the loop without a crash")
  func nonsense() {
    for text in ["", "\n", "\n\n\n", "\u{2047}", "\nFeedback:", "\nQ: (1) =", "é\r\n(1)", "\0"] {
      for endedByEOS in [true, false] {
        let (state, _) = run(Array(repeating: (text, endedByEOS), count: 5))
        #expect(state.end != nil)
        #expect(state.answer == nil)
        #expect(state.trajectory.updateCount == 0)
      }
    }
  }

  @Test("a student of rationales is asked once, with a newline at the prompt's end")
  func attemptOnly() {
    let text = Sample.text(Sample.steps + ["Feedback: so", "Q: ("])
    let (state, prompts) = run([(text, true)], options: .attemptOnly(maxNewTokens: 512))
    #expect(prompts == [Sample.question.prompt + "\n"])
    #expect(state.nextPrompt() == nil)
    #expect(state.answer == "54")
    #expect(state.trajectory.turns == [.init(attempt: Sample.attempt, by: .student)])
    #expect(state.prediction == Sample.prediction(Sample.steps + ["Feedback: so", "Q: ("]))
  }

  @Test("8.2: lines are kept while they are of a known kind and not of the same as the last")
  func clean() {
    func clean(_ text: String) -> [String] { SelfImprovement.clean(text) }
    #expect(
      clean("Q: x =\nAnswer: y\n(1) a\n\u{2047}(2) b\nso") == [
        "Q: x =", "Answer: y", "(1) a", "(2) b",
      ])
    #expect(clean("Q: x =\n(1) a\n(1) b") == ["Q: x =", "(1) a"])
    #expect(
      clean("Q: x =\nOptions:\n(A) a\n(B) b\nAnswer:") == [
        "Q: x =", "Options:", "(A) a", "(B) b", "Answer:",
      ])
    #expect(clean("Q: x =\nThe answer is 5") == ["Q: x =", "The answer is 5"])
    #expect(clean("Q: x =\nQ: y =") == ["Q: x ="])
    #expect(clean("") == [""])
  }

  static let lines: [(line: String, loops: Bool)] = [
    ("(15) Then we add up all of these", false), ("(16) Then we add up all of these", true),
    (Sample.steps[3], false), (Sample.steps[4], false), ("Feedback: " + Sample.closing, false),
    ("(1) " + String(repeating: "ab", count: 30), true), ("one two three four", true),
    ("one two three four five", false), ("start a bb a bb", false),
    ("and so it is so so so so so", true), ("", true), ("a", true),
  ]

  @Test("8.3: a line that repeats itself or says hardly anything is a loop", arguments: 0..<12)
  func looping(index: Int) {
    #expect(SelfImprovement.looksLooping(Self.lines[index].line) == Self.lines[index].loops)
  }
}
