import Boundary
import Testing

@testable import TriPosT

/// What has to hold for every task that makes its own questions.
enum TaskChecks {
  static func plan<Task: GeneratedTask>(
    _ type: Task.Type, training: Int, test: Int
  ) -> [Task.Portion] {
    (type.defaults.seen + type.defaults.unseen).compactMap { name in
      let isSeen = type.defaults.seen.contains(name)
      return Task.Shape(name: name).map {
        .init(
          $0, cell: $0.publishedCell, training: isSeen ? training / type.defaults.seen.count : 0,
          validation: isSeen ? 2 : 0, test: test)
      }
    }
  }

  static func editor<Task: GeneratedTask>(_ task: Task) -> Editor {
    var options = Editor.Options()
    options.maxAttemptWords = 5000
    return Editor(
      critic: GatedCritic(task: task, critic: ScriptedCritic(task)),
      improver: ScriptedImprover(task), options: options)
  }

  /// Sets apart, all different, the same for a seed, each with a solution that its own script accepts.
  static func checkQuestions<Task: GeneratedTask>(of task: Task) throws {
    let sets = try task.questions(seed: 7)
    #expect(try task.questions(seed: 7) == sets)
    #expect(try task.questions(seed: 8) != sets)
    let all = QuestionUse.allCases.flatMap { sets[$0] }
    #expect(Set(all.map(\.block)).count == all.count)
    #expect(Set(all.map(\.id)).count == all.count)
    for use in QuestionUse.allCases {
      #expect(
        sets[use].count
          == task.plan.reduce(0) {
            $0 + (use == .training ? $1.training : use == .validation ? $1.validation : $1.test)
          })
      #expect(sets[use].allSatisfy { QuestionUse(ofIdentity: task.identity(of: $0)) == use })
    }
    #expect(!(sets.training + sets.validation).contains { !$0.cell.isSeen })
    for question in all {
      let solution = try #require(task.rationale(for: question), "\(question.block)")
      #expect(task.isCorrect(solution, to: question))
      #expect(task.hasValidContent(solution, to: question), "\(question.block)\n\(solution)")
      let feedback = try task.feedback(on: solution, to: question, options: .clean)
      #expect(feedback.isCorrect, "\(question.block)\n\(solution)\n\(feedback)")
      let shape = try #require(task.shape(of: question))
      #expect(shape.publishedCell == question.cell)
      let text = try #require(task.groundTruth(for: question)).description
      #expect(Trajectory(parsing: text, to: question, by: .editor).description == text)
      #expect(Attempt(cleaning: solution.lines) == solution)
    }
  }

  /// Each slip is blamed on its line, and repaired to a closing feedback within few updates.
  static func checkSlips<Task: GeneratedTask>(of task: Task, count: Int) throws {
    let questions = try task.questions(seed: 3).training
    var random = RandomStream(seed: 3, "slips")
    var inSteps = 0
    for round in 0..<count {
      let question = questions[round % questions.count]
      let rationale = try #require(task.rationale(for: question))
      let slip = Slip(in: rationale, of: task, random: &random)
      let text = "\(question.block)\n\(slip.attempt)"
      let mistake = try #require(
        try task.feedback(on: slip.attempt, to: question, options: .clean).mistake, "\(text)")
      #expect(mistake.step == slip.step, "\(text)\n\(mistake.line)")
      if slip.step != .finalResponse { inSteps += 1 }
      let edit = try editor(task).edit(
        "\(question.prompt)\n\(slip.attempt)", to: question)
      let isAmbiguous = slip.attempt.lines.count { StepLabel.leading($0)?.label == slip.step } > 1
      guard let trajectory = edit.trajectory else {
        #expect(isAmbiguous, "\(text)\n\(edit.decisions)")
        continue
      }
      let last = try #require(trajectory.turns.last)
      #expect(last.feedback?.isCorrect == true)
      #expect(task.isCorrect(last.attempt, to: question))
      #expect(trajectory.updateCount <= 2)
      #expect(
        Trajectory(parsing: trajectory.description, to: question).description
          == trajectory.description)
    }
    #expect(inSteps > count / 3, "\(inSteps)")
  }

  /// No text crashes the scripts, and what they say can be read.
  static func checkDamage<Task: GeneratedTask>(
    of task: Task, _ question: Question, pieces: [String]
  ) throws {
    let editor = editor(task)
    let solution = try #require(task.rationale(for: question))
    var random = RandomStream(seed: 1, "damage")
    var verdicts = 0
    for _ in 0..<500 {
      var characters = Array(solution.description)
      for _ in 0...random.below(3) {
        let start = random.below(characters.count)
        let end = min(characters.count, start + random.below(5))
        characters.replaceSubrange(start..<end, with: pieces[random.below(pieces.count)])
      }
      let attempt = Attempt(parsing: String(characters))
      do {
        let feedback = try task.feedback(on: attempt, to: question, options: .clean)
        verdicts += 1
        #expect(Feedback(parsing: "\(feedback)") == feedback)
      } catch {}
      _ = try editor.edit("\(question.prompt)\n\(attempt)", to: question)
    }
    #expect(verdicts > 100)
  }
}
