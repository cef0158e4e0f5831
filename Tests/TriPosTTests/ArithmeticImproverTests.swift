import Boundary
import Testing
import TriPosT

@Suite("The improver's script for Multistep Arithmetic")
struct ArithmeticImproverTests {
  static let editor = Editor(
    critic: GatedCritic(task: Sample.task, critic: ScriptedCritic(Sample.task)),
    improver: ScriptedImprover(Sample.task))

  @Test("every vector of 4.2 is repaired in one update", arguments: 1..<9)
  func vectors(index: Int) throws {
    let attempt = Sample.attempt(ArithmeticCriticTests.vectors[index].changes)
    // A wrong last line is not needed for a wrong answer: the gate only looks at the answer.
    let answer = "(Final response) So the answer is 45."
    let prediction = Sample.prediction(attempt.lines.dropLast() + [answer])
    let edit = try Self.editor.edit(prediction, to: Sample.question)
    guard case .improved(let trajectory) = edit.outcome else {
      Issue.record("\(edit.outcome), \(edit.decisions)")
      return
    }
    #expect(trajectory.updateCount == 1)
    #expect(trajectory.turns.last?.attempt.finalResponse == Sample.steps[4])
  }

  @Test("the attempt's own letters are kept, what it has is not written again")
  func ownLetters() throws {
    let lines = [
      #"(1) This equation can be written as "(Y * X)", where X = (8 - 5 + -6 * 2) and "#
        + "Y = (3 + -4 * 2 - 1).",
      "(2) Let's calculate Y = (3 + -4 * 2 - 1) = -6.",
      "(3) Then, the final equation is (Y * X) = (-6 * -8) = 48.",
      "(Final response) So the answer is 48.",
    ]
    let edit = try Self.editor.edit(Sample.prediction(lines), to: Sample.question)
    #expect(
      edit.trajectory?.turns.last?.attempt.lines
        == lines[..<2] + [
          "(3) Let's calculate X = (8 - 5 + -6 * 2) = ((8 - 5) + (-6 * 2)) = (3 + (-6 * 2)) = "
            + "(3 + -12) = -9.",
          "(4) Then, the final equation is (Y * X) = (-6 * -9) = 54.",
          "(Final response) So the answer is 54.",
        ])
  }

  @Test("5.2: a mistake that hides in the lines before it cannot be repaired")
  func hiddenMistake() throws {
    let lines = [
      Sample.steps[0],
      "(2) Let's calculate A = (3 + 4 * 2 - 1) = ((3 + 8) - 1) = 10.",
      Sample.steps[2],
      "(4) Then, the final equation is (A * B) = (10 * -9) = -90.",
      "(Final response) So the answer is -90.",
    ]
    var options = Editor.Options()
    options.compatibility = .published
    let published = Editor(
      critic: GatedCritic(
        task: Sample.task, critic: ScriptedCritic(Sample.task, options: .published)),
      improver: ScriptedImprover(Sample.task), options: options)
    let edit = try published.edit(Sample.prediction(lines), to: Sample.question)
    #expect(edit.outcome == .discarded(.improverFailed))
    #expect(try Self.editor.edit(Sample.prediction(lines), to: Sample.question).trajectory != nil)
  }

  /// Slips that a student makes: a number off by a little, a lost bracket, a changed sign.
  private func slip(_ attempt: Attempt, random: inout RandomStream) -> Attempt {
    var lines = attempt.lines
    let place = random.below(lines.count)
    var characters = Array(lines[place])
    let candidates = characters.indices.filter {
      $0 > 4 && (characters[$0].isNumber || "()-+*".contains(characters[$0]))
    }
    guard let index = candidates.randomElement(using: &random) else { return attempt }
    switch characters[index] {
    case "(", ")": characters.remove(at: index)
    case "+", "-", "*": characters[index] = ["+", "-", "*"][random.below(3)]
    default: characters[index] = Character("\(random.below(10))")
    }
    lines[place] = String(characters)
    return Attempt(lines: lines)
  }

  @Test("slips that the critic finds are repaired by legal updates within a few rounds")
  func repairs() throws {
    let questions = try MultistepArithmeticTests.sets.get().training
    var random = RandomStream(seed: 3, "slips")
    var found = 0
    var repaired = 0
    for round in 0..<400 {
      let question = questions[round % questions.count]
      var attempt = try #require(Sample.task.rationale(for: question))
      for _ in 0...random.below(2) { attempt = slip(attempt, random: &random) }
      // With a wrong answer the slips are looked for; the answer itself is the last of them.
      let last = "(Final response) So the answer is \((Int(question.gold) ?? 0) + 1)."
      let prediction = ([question.prompt] + attempt.lines.dropLast() + [last])
        .joined(separator: "\n")
      let edit = try Self.editor.edit(prediction, to: question)
      guard edit.outcome != .discarded(.criticFailed), edit.outcome != .discarded(.formatError)
      else { continue }
      found += 1
      if let trajectory = edit.trajectory {
        repaired += 1
        let end = try #require(trajectory.turns.last)
        #expect(Sample.task.isCorrect(end.attempt, to: question))
        #expect(trajectory.updateCount <= 2)
        #expect(
          Trajectory(parsing: trajectory.description, to: question).description
            == trajectory.description)
      }
    }
    #expect(found > 350)
    #expect(repaired == found)
  }
}
