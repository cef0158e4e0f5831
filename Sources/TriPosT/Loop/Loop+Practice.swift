import Boundary
import Llama

// How an iteration gets its texts: rollouts, editing, mixing (docs/tripost.md, 3 and 6).

extension Loop {
  /// Lets the student before this iteration, or a demonstrator, answer the training questions, and edits the attempts.
  ///
  /// Passes go on until there are texts enough. The answers are in a journal as they come; the rest is
  /// a function of them.
  func practise(_ iteration: Int, attemptsBy author: Method.Author) throws {
    let name = RunEvent.StageName(iteration: iteration, work: "sampling attempts")
    let journalPath = folder.url(RunFolder.name(iteration, "rollouts.partial.jsonl"))
    let outputs = ["rollouts.jsonl", "trajectories.jsonl", "trajectories.txt"]
      .map { RunFolder.name(iteration, $0) }
    let adapter = author == .student ? adapterFiles(iteration - 1) : []
    try stage(.practise, name, inputs: adapter) {
      if author == .student { try use(iteration - 1) }
      let journal = try CompletionJournal(journalPath)
      var mix = TaskMixes(of: course, options: mixOptions)
      var rollouts: [RolloutRecord] = []
      var edits: [TrajectoryRecord] = []
      var passes = 0
      course.desk?.beginStage()
      var cost = TokenCost()
      while passes < configuration.rollout.passes, mix.count < configuration.mix.maxDataLength {
        let new: [RolloutRecord]
        switch author {
        case .student:
          let outcomes = try sample(iteration, pass: passes, journal: journal, name: name)
          cost += outcomes.cost
          new = outcomes.map { RolloutRecord($0, pass: passes) }
        case .demonstrator: new = try demonstrate(iteration, pass: passes)
        }
        let edited = try edit(new, iteration, name: name)
        add(edited.compactMap(\.edit.trajectory), iteration, pass: passes, to: &mix)
        rollouts += new
        edits += edited
        passes += 1
      }
      try Files.writeAtomically(lines(rollouts.map(\.json)), to: folder.url(outputs[0]))
      try Files.writeAtomically(lines(edits.map(\.json)), to: folder.url(outputs[1]))
      try Files.writeAtomically(ReadableTrajectories.text(edits), to: folder.url(outputs[2]))
      var facts = practiceFacts(edits, passes: passes)
      if author == .demonstrator { facts["demonstrator"] = .string(course.demonstrator.name) }
      cost.add(to: &facts)
      facts["replies"] = try recordReplies(iteration).map { .object($0) }
      return (facts, outputs)
    }
    try Files.remove(journalPath)
  }

  private func sample(
    _ iteration: Int, pass: Int, journal: CompletionJournal, name: RunEvent.StageName
  ) throws -> [Answering.Outcome] {
    let rollout = configuration.rollout
    let isGreedy = iteration > 1 && rollout.greedyAfterFirst
    let course = course
    let options =
      iteration == 1
      ? .attemptOnly(maxNewTokens: rollout.maxNewTokens) : configuration.selfImprovement
    let answering = Answering(
      sampling: isGreedy
        ? .greedy
        : SamplingOptions(
          temperature: rollout.temperature, topK: rollout.topK, topP: rollout.topP),
      purpose: "rollout/\(iteration)/\(pass)", seed: UInt64(configuration.seed)
    ) { SelfImprovement(question: $0, task: course.task(of: $0), options: options) }
    return try answering.outcomes(of: course.training, by: student, journal: journal) {
      meter.add($0.tokens, at: seconds())
      try Interruption.check(folder.path)
      try progress(
        name, $0.done, of: $0.total,
        unit: "attempts"
          + (pass > 0 ? ", pass \(pass + 1)" : "")
          + ($0.generation > 1 ? ", generation \($0.generation)" : ""))
    }
  }

  /// A demonstrator's attempts at all training questions.
  private func demonstrate(_ iteration: Int, pass: Int) throws -> [RolloutRecord] {
    try course.training.enumerated().compactMap { index, question in
      try Interruption.check(folder.path)
      var random = stream("demonstration", iteration, pass, index)
      guard let attempt = try course.demonstrator.attempt(at: question, random: &random) else {
        return nil
      }
      return RolloutRecord(
        pass: pass, question: question, generations: [],
        prediction: "\(question.prompt)\n\(attempt)")
    }
  }

  private func practiceFacts(_ edits: [TrajectoryRecord], passes: Int) -> JSONObject {
    func count(_ name: String) -> JSONValue {
      .integer(Int64(edits.count { $0.edit.outcome.name == name }))
    }
    var discards = JSONObject()
    for reason in Edit.Discard.allCases {
      let number = edits.count { $0.edit.outcome == .discarded(reason) }
      if number > 0 { discards[reason.rawValue] = .integer(Int64(number)) }
    }
    return [
      "passes": .integer(Int64(passes)), "attempts": .integer(Int64(edits.count)),
      "correct": count("correct"), "improved": count("improved"),
      "feedback_only": count("feedback-only"), "discarded": count("discarded"),
      "discards": .object(discards),
      "critic": .string(course.critic.name), "improver": .string(course.improver.name),
    ]
  }

  /// Chooses the texts of an iteration from its trajectories and the ground truth.
  func chooseTexts(_ iteration: Int) throws {
    let name = RunEvent.StageName(iteration: iteration, work: "mixing")
    let trajectories = RunFolder.name(iteration, "trajectories.jsonl")
    let output = RunFolder.name(iteration, "train.jsonl")
    try stage(.mix, name, inputs: [trajectories]) {
      var mix = TaskMixes(of: course, options: mixOptions)
      for (pass, kept) in try keptTrajectories(trajectories).enumerated() {
        add(kept, iteration, pass: pass, to: &mix)
      }
      let texts = mix.texts(
        withGroundTruthOf: course, random: { stream("ground truth" + $0, iteration) },
        length: student.tokenCount)
      try Files.writeAtomically(lines(texts.map(\.json)), to: folder.url(output))
      return (mix.facts, [output])
    }
  }

  private func add(
    _ kept: [Trajectory], _ iteration: Int, pass: Int, to mix: inout TaskMixes
  ) {
    mix.add(
      kept, random: { stream("balance" + $0, iteration, pass) }, length: student.tokenCount)
  }

  /// The trajectories that the editor kept, by pass.
  private func keptTrajectories(_ name: String) throws -> [[Trajectory]] {
    var questions: [String: Question] = [:]
    for question in course.training { questions[question.id] = question }
    var passes: [[Trajectory]] = []
    try JSONLines.forEach(folder.url(name)) { row, line in
      guard let pass = row["pass"]?.int, (passes.count - 1...passes.count).contains(pass),
        let question = row["id"]?.string.flatMap({ questions[$0] })
      else { throw unreadable(name, line) }
      if pass == passes.count { passes.append([]) }
      guard let turns = row["turns"] else { return }
      guard let trajectory = Trajectory(turns, to: question) else { throw unreadable(name, line) }
      passes[pass].append(trajectory)
    }
    return passes
  }

  private var mixOptions: TrainingMix.Options {
    var options = TrainingMix.Options()
    options.ratio = configuration.mix.rho
    options.sectionWeight = configuration.train.selfImproveWeight
    options.lengthLimit = lengthLimit
    options.compatibility = configuration.compat
    return options
  }

  /// The texts of a `train.jsonl`.
  func readTexts(_ name: String) throws -> [TrainingText] {
    var texts: [TrainingText] = []
    try JSONLines.forEach(folder.url(name)) { row, line in
      guard let text = TrainingText(row) else { throw unreadable(name, line) }
      texts.append(text)
    }
    return texts
  }

  /// Values as lines.
  func lines(_ values: [JSONValue]) -> String {
    values.map { $0.serialized + "\n" }.joined()
  }

  func unreadable(_ name: String, _ line: Int) -> InputError {
    InputError(
      .stageOutput, file: folder.url(name), at: .init(line: line),
      found: "a line that this program did not write")
  }
}
