import Boundary
import Testing
import TriPosT

/// Gives prepared texts, one a round.
private struct FakeImprover: Improver {
  let name = "fake"
  let texts: [String]
  let calls = Calls()

  final class Calls: @unchecked Sendable {  // used by one test at a time
    var count = 0
    var prefixes: [[String]] = []
  }

  func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) throws -> String? {
    calls.count += 1
    calls.prefixes.append(prefix)
    return calls.count <= texts.count ? texts[calls.count - 1] : nil
  }
}

/// Gives prepared feedback, one an attempt.
private struct FakeCritic: Critic {
  let name = "fake"
  let feedback: @Sendable (Attempt) throws -> Feedback

  func feedback(on attempt: Attempt, to question: Question) throws -> Feedback {
    try feedback(attempt)
  }
}

@Suite("The editor")
struct EditorTests {
  static let canonical = Sample.text(Array(Sample.steps[1...]))

  private func edit(
    _ lines: [String], with texts: [String], critic: (any Critic)? = nil,
    options: Editor.Options = .init()
  ) throws -> Edit {
    let editor = Editor(
      critic: GatedCritic(task: Sample.task, critic: critic ?? ScriptedCritic(Sample.task)),
      improver: FakeImprover(texts: texts), options: options)
    return try editor.edit(Sample.prediction(lines), to: Sample.question)
  }

  @Test("the edited trajectory of 9.1 comes out byte for byte")
  func example() throws {
    let edit = try edit(Sample.wrong.lines, with: [Self.canonical])
    guard case .improved(let trajectory) = edit.outcome else {
      Issue.record("\(edit)")
      return
    }
    #expect(trajectory.description == TrajectoryTextTests.text)
    #expect(trajectory.turns.map(\.attemptSource) == [.student, .improver])
    #expect(trajectory.turns.map(\.feedbackSource) == [.critic, .critic])
    let names = edit.json["decisions"]?.array?.compactMap { $0["decision"]?.string }
    #expect(names == ["answer-read", "added-closing", "replaced-feedback", "updated"])
  }

  @Test("an improver that slips in step 4 is called again: two updates, steps 2 and 4")
  func twoUpdates() throws {
    let slipped = Sample.text([
      Sample.steps[1], Sample.steps[2],
      "(4) Then, the final equation is (A * B) = (-6 * -9) = 45.",
      "(Final response) So the answer is 45.",
    ])
    let mended = Sample.text(Array(Sample.steps[3...]))
    let edit = try edit(Sample.wrong.lines, with: [slipped, mended])
    guard case .improved(let trajectory) = edit.outcome else {
      Issue.record("\(edit)")
      return
    }
    #expect(trajectory.turns.map { $0.feedback?.mistake?.step } == [.number(2), .number(4), nil])
    #expect(trajectory.turns.last?.attempt == Sample.attempt)
  }

  @Test("an improver that repeats the old line is refused")
  func repeatedLine() throws {
    let old = Sample.text([Sample.wrong.lines[1]] + Sample.steps[2...])
    let edit = try edit(Sample.wrong.lines, with: [old])
    #expect(edit.outcome == .discarded(.illegalUpdate))
    #expect(
      edit.decisions.last == .refusedUpdate(turn: 1, text: old, fault: .keptMistakenLine))
  }

  @Test("feedback that goes back leaves the wrong attempt with its feedback")
  func backwards() throws {
    let critic = FakeCritic { attempt in
      let step = attempt == Sample.wrong ? 2 : 1
      return Feedback(
        parsing: "In step (\(step)) the part \"x\" is incorrect. This is because no.")
    }
    let first = Self.canonical.replacing("54.", with: "53.")
    // The second mistake is said to be in step 1, so the whole attempt is written again.
    let whole = Sample.text(["(1) Other words." + Sample.steps[0]] + Sample.steps[1...])
    let edit = try edit(Sample.wrong.lines, with: [first, whole], critic: critic)
    guard case .feedbackOnly(let trajectory) = edit.outcome else {
      Issue.record("\(edit)")
      return
    }
    #expect(trajectory.turns.count == 1)
    #expect(trajectory.turns[0].attempt == Sample.wrong)
    #expect(trajectory.turns[0].feedback?.mistake?.step == .number(2))
  }

  @Test("a right prediction is kept, with the closing feedback that it lacks")
  func direct() throws {
    let silent = try edit(Sample.steps, with: [])
    #expect(
      silent.trajectory?.description
        == Sample.prediction(Sample.steps) + "\nFeedback: " + Sample.closing)
    #expect(silent.outcome.name == "correct")
    let own = "Feedback: Step (1) to (4) are right. The final response is also correct."
    #expect(
      try edit(Sample.steps + [own], with: []).trajectory?.description
        == Sample.prediction(Sample.steps + [own]))
  }

  @Test("own feedback that names the mistake survives, with the update that follows it")
  func ownFeedback() throws {
    let own = #"Feedback: In step (2) the part "= -4" is incorrect. This is because of me."#
    let second = [
      "Updated Answer: Let's think step by step.", Sample.steps[0], Sample.steps[1],
      Sample.steps[2], "(4) Then, the final equation is (A * B) = (-6 * -9) = 45.",
      "(Final response) So the answer is 45.",
    ]
    let edit = try edit(
      Sample.wrong.lines + [own] + second, with: [Sample.text(Array(Sample.steps[3...]))])
    guard case .improved(let trajectory) = edit.outcome else {
      Issue.record("\(edit)")
      return
    }
    #expect(trajectory.turns.map(\.attemptSource) == [.student, .student, .improver])
    #expect(trajectory.turns.map(\.feedbackSource) == [.student, .critic, .critic])
    #expect("Feedback: " + (trajectory.turns[0].feedback?.description ?? "") == own)
  }

  static let discards: [(lines: [String], reason: Edit.Discard)] = [
    ([], .formatError),
    (Sample.wrong.lines + ["Well."], .formatError),
    ([Sample.wrong.lines[0], "", Sample.wrong.lines[4]], .formatError),
    (Array(Sample.wrong.lines.dropLast()), .noFinalResponse),
    (Sample.wrong.lines + ["Feedback: x", "Updated Answer: Let's"], .noFinalResponse),
    (["(1) " + String(repeating: "a ", count: 512), Sample.wrong.lines[4]], .tooLong),
    (["(1) It is.", Sample.wrong.lines[4]], .criticFailed),
    (Sample.wrong.lines.dropLast() + ["(Final response) No idea."], .criticFailed),
    (
      Sample.steps + ["Feedback: x", "Updated Answer: Let's"] + Sample.wrong.lines,
      .spoiltCorrectAttempt
    ),
    (Sample.wrong.lines + ["Feedback: " + Sample.feedbackOnWrong], .ownFeedbackAgrees),
    (Sample.wrong.lines, .improverFailed),
  ]

  @Test("what cannot be used is discarded for its reason", arguments: 0..<11)
  func discarded(index: Int) throws {
    let (lines, reason) = Self.discards[index]
    let edit = try edit(lines, with: [])
    #expect(edit.outcome == .discarded(reason))
    #expect(edit.json["reason"]?.string == reason.rawValue)
    #expect(edit.trajectory == nil)
  }

  @Test("after five updates it is given up")
  func usedUp() throws {
    let texts = (0..<9).map { round in
      Sample.text([
        Sample.steps[1], Sample.steps[2],
        "(4) Then, the final equation is (A * B) = (-6 * -9) = \(60 + round).",
        "(Final response) So the answer is \(60 + round).",
      ])
    }
    let later = texts.map { $0.split(separator: "\n").dropFirst(2).joined(separator: "\n") }
    let edit = try edit(Sample.wrong.lines, with: [texts[0]] + later[1...])
    #expect(edit.outcome == .discarded(.updatesUsedUp))
    let updates = edit.decisions.filter { if case .updated = $0 { true } else { false } }
    #expect(updates.count == 5)
  }

  @Test("a repeated line is left out, and a second question cuts the text")
  func cleaning() throws {
    let lines = [Sample.steps[0], Sample.steps[0]] + Sample.steps[1...] + ["Q: (1 + 2) =", "junk"]
    let edit = try edit(lines, with: [])
    #expect(
      edit.decisions.prefix(2) == [.droppedRepeatedLine(Sample.steps[0]), .cutAtNextQuestion])
    #expect(edit.trajectory?.turns.first?.attempt == Sample.attempt)
  }

  @Test("randomly damaged texts are kept or discarded, and never crash")
  func damaged() throws {
    var random = RandomStream(seed: 2, "damage")
    let pieces = ["\n", "(2) ", "Q:", "Feedback: ", "(", "\"", "é", "\u{301}", "\r\n", "9", ""]
    var kept = 0
    for _ in 0..<500 {
      var scalars = Array(TrajectoryTextTests.text.unicodeScalars)
      for _ in 0...random.below(3) {
        let start = random.below(scalars.count)
        let end = min(scalars.count, start + random.below(9))
        scalars.replaceSubrange(
          start..<end, with: pieces[random.below(pieces.count)].unicodeScalars)
      }
      let text = String(String.UnicodeScalarView(scalars))
      let edit = try ArithmeticImproverTests.editor.edit(text, to: Sample.question)
      if let trajectory = edit.trajectory {
        kept += 1
        #expect(
          "\(Trajectory(parsing: "\(trajectory)", to: Sample.question))" == "\(trajectory)")
      }
    }
    #expect(kept > 200)
  }

  @Test("a critic's real failure ends the run")
  func failure() {
    struct Broken: Error {}
    #expect(throws: Broken.self) {
      try edit(Sample.wrong.lines, with: [], critic: FakeCritic { _ in throw Broken() })
    }
  }
}

@Suite("Legal updates")
struct LegalUpdateTests {
  private func fault(
    _ lines: [String], feedback: String = Sample.feedbackOnWrong, of old: Attempt = Sample.wrong,
    exact: Bool = true
  ) throws -> UpdateFault? {
    let mistake = try #require(Feedback(parsing: feedback).mistake)
    return old.fault(of: Attempt(lines: lines), repairing: mistake, exactPartTest: exact)
  }

  @Test("the canonical repair is legal, also with other case before the mistake")
  func legal() throws {
    #expect(try fault(Sample.steps) == nil)
    #expect(try fault([Sample.steps[0].uppercased() + " "] + Sample.steps[1...]) == nil)
  }

  @Test("each rule of 3.6 refuses what breaks it")
  func faults() throws {
    #expect(try fault(Sample.steps.dropLast()) == .noFinalResponse)
    #expect(try fault(Sample.steps.dropLast() + ["(Final response) 54."]) == .noFinalResponse)
    #expect(try fault(["Q: (1)"] + Sample.steps) == .noFinalResponse)
    #expect(try fault(["(1) ERROR"] + Sample.steps[1...]) == .noFinalResponse)
    #expect(try fault(Sample.wrong.lines) == .unchanged)
    #expect(try fault(["(1) Else."] + Sample.steps[1...]) == .changedEarlierLine)
    #expect(try fault([Sample.steps[4]]) == .changedEarlierLine)
    #expect(
      try fault([Sample.steps[0], Sample.wrong.lines[1]] + Sample.steps[2...])
        == .keptMistakenLine)
    let kept = Sample.wrong.lines[1].replacing("Let's", with: "Let's now")
    #expect(try fault([Sample.steps[0], kept] + Sample.steps[2...]) == .keptMistakenPart)
    #expect(try fault([Sample.steps[0], kept] + Sample.steps[2...], exact: false) == nil)
  }

  @Test("13.17: a part cut out of a longer number or bracket is not the part")
  func boundaries() throws {
    func feedback(_ part: String) -> String {
      "In step (2) the part \" \(part) \" is incorrect. This is because no."
    }
    let line = Sample.steps[1]
    #expect(line.contains("(-5 - 1) = -6"))
    #expect(try fault(Sample.steps, feedback: feedback("(-5 - 1) = -6")) == .keptMistakenPart)
    #expect(try fault(Sample.steps, feedback: feedback("LET'S calculate")) == .keptMistakenPart)
    let longer = [Sample.steps[0], line.replacing("= -6.", with: "= -64.")] + Sample.steps[2...]
    #expect(try fault(longer, feedback: feedback("(-5 - 1) = -6")) == nil)
    #expect(try fault(Sample.steps, feedback: feedback("((3 + (-4 * 2) - 1)")) == nil)
    #expect(try fault(Sample.steps, feedback: feedback("((3 + (-4 * 2)")) == nil)
  }

  @Test("a model's continuation is cut where it leaves the attempt")
  func cleaning() {
    let lines = Sample.steps
    #expect(Attempt(cleaning: lines + ["Feedback: x", "junk"]) == Sample.attempt)
    #expect(Attempt(cleaning: lines + ["Updated Answer: x"]) == Sample.attempt)
    #expect(Attempt(cleaning: lines + ["Q: (1) ="]) == Sample.attempt)
    #expect(Attempt(cleaning: ["Answer: Let's"] + lines) == Sample.attempt)
    #expect(Attempt(cleaning: [lines[0]] + lines) == Sample.attempt)
    #expect(Attempt(cleaning: lines + ["junk"]) == nil)
    #expect(Attempt(cleaning: ["Feedback: x"]) == nil)
  }
}
