import Boundary
import Llama

// How an iteration gets its texts: rollouts, editing, mixing (docs/tripost.md, 3 and 6).

extension Loop {
  /// Lets the student before this iteration answer the training questions, and edits what it wrote.
  ///
  /// Passes go on until there are texts enough. The answers are in a journal as they come; the rest is
  /// a function of them.
  func practise(_ iteration: Int) throws {
    let name = RunEvent.StageName(iteration: iteration, work: "sampling attempts")
    let journalPath = folder.url(RunFolder.name(iteration, "rollouts.partial.jsonl"))
    let outputs = ["rollouts.jsonl", "trajectories.jsonl", "trajectories.txt"]
      .map { RunFolder.name(iteration, $0) }
    try stage(.practise, name, inputs: adapterFiles(iteration - 1)) {
      try use(iteration - 1)
      let journal = try CompletionJournal(journalPath)
      var mix = TrainingMix(options: mixOptions)
      var rollouts: [RolloutRecord] = []
      var edits: [TrajectoryRecord] = []
      var passes = 0
      course.desk?.beginStage()
      while passes < configuration.rollout.passes, mix.count < configuration.mix.maxDataLength {
        let new = try sample(iteration, pass: passes, journal: journal, name: name)
        let edited = try edit(new, iteration, name: name)
        add(edited.compactMap(\.edit.trajectory), iteration, pass: passes, to: &mix)
        rollouts += new
        edits += edited
        passes += 1
      }
      try Files.writeAtomically(lines(rollouts.map(\.json)), to: folder.url(outputs[0]))
      try Files.writeAtomically(lines(edits.map(\.json)), to: folder.url(outputs[1]))
      try Files.writeAtomically(ReadableTrajectories.text(edits), to: folder.url(outputs[2]))
      let replies = try recordReplies(iteration)
      return (practiceFacts(rollouts, edits, passes: passes, replies: replies), outputs)
    }
    try Files.remove(journalPath)
  }

  private func sample(
    _ iteration: Int, pass: Int, journal: CompletionJournal, name: RunEvent.StageName
  ) throws -> [RolloutRecord] {
    let rollout = configuration.rollout
    let isGreedy = iteration > 1 && rollout.greedyAfterFirst
    let answering = Answering(
      task: course.task,
      options: iteration == 1
        ? .attemptOnly(maxNewTokens: rollout.maxNewTokens) : selfImprovementOptions,
      sampling: isGreedy
        ? .greedy
        : SamplingOptions(
          temperature: rollout.temperature, topK: rollout.topK, topP: rollout.topP),
      purpose: "rollout/\(iteration)/\(pass)", seed: UInt64(configuration.seed))
    let outcomes = try answering.outcomes(of: course.training, by: student, journal: journal) {
      meter.add($0.tokens, at: seconds())
      try Interruption.check(folder.path)
      try progress(
        name, $0.done, of: $0.total,
        unit: "attempts"
          + (pass > 0 ? ", pass \(pass + 1)" : "")
          + ($0.generation > 1 ? ", generation \($0.generation)" : ""))
    }
    return outcomes.map {
      RolloutRecord(
        pass: pass, question: $0.session.question, generations: $0.answers,
        prediction: $0.session.prediction)
    }
  }

  private func practiceFacts(
    _ rollouts: [RolloutRecord], _ edits: [TrajectoryRecord], passes: Int, replies: JSONObject?
  ) -> JSONObject {
    func count(_ name: String) -> JSONValue {
      .integer(Int64(edits.count { $0.edit.outcome.name == name }))
    }
    var discards = JSONObject()
    for reason in Edit.Discard.allCases {
      let number = edits.count { $0.edit.outcome == .discarded(reason) }
      if number > 0 { discards[reason.rawValue] = .integer(Int64(number)) }
    }
    let tokens = rollouts.flatMap(\.generations).reduce(0) { $0 + $1.tokens }
    var facts: JSONObject = [
      "passes": .integer(Int64(passes)), "attempts": .integer(Int64(rollouts.count)),
      "correct": count("correct"), "improved": count("improved"),
      "feedback_only": count("feedback-only"), "discarded": count("discarded"),
      "discards": .object(discards), "tokens": .integer(Int64(tokens)),
      "critic": .string(course.critic.name), "improver": .string(course.improver.name),
    ]
    facts["replies"] = replies.map { .object($0) }
    return facts
  }

  /// Chooses the texts of an iteration from its trajectories and the ground truth.
  func chooseTexts(_ iteration: Int) throws {
    let name = RunEvent.StageName(iteration: iteration, work: "mixing")
    let trajectories = RunFolder.name(iteration, "trajectories.jsonl")
    let output = RunFolder.name(iteration, "train.jsonl")
    try stage(.mix, name, inputs: [trajectories]) {
      var mix = TrainingMix(options: mixOptions)
      for (pass, kept) in try keptTrajectories(trajectories).enumerated() {
        add(kept, iteration, pass: pass, to: &mix)
      }
      var random = stream("ground truth", iteration)
      let texts = mix.texts(
        withGroundTruthOf: course.training, task: course.task, random: &random,
        length: student.tokenCount)
      try Files.writeAtomically(lines(texts.map(\.json)), to: folder.url(output))
      let facts: JSONObject = [
        "texts": .integer(Int64(texts.count)), "improved": .integer(Int64(mix.counts.improvements)),
        "correct": .integer(Int64(mix.counts.others)),
        "ground_truth": .integer(Int64(mix.counts.groundTruths)),
        "too_long": .integer(Int64(mix.counts.tooLong)), "p": .number(mix.counts.share),
      ]
      return (facts, [output])
    }
  }

  private func add(
    _ kept: [Trajectory], _ iteration: Int, pass: Int, to mix: inout TrainingMix
  ) {
    var random = stream("balance", iteration, pass)
    mix.add(kept, random: &random, length: student.tokenCount)
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

  /// The ground-truth rationales that the student learns first.
  func chooseRationales() throws {
    let name = RunEvent.StageName(iteration: 0, work: "writing rationales")
    let output = RunFolder.name(0, "train.jsonl")
    try stage(.mix, name, inputs: []) {
      let (texts, tooLong) = rationales()
      try Files.writeAtomically(lines(texts.map(\.json)), to: folder.url(output))
      return (
        ["texts": .integer(Int64(texts.count)), "too_long": .integer(Int64(tooLong))], [output]
      )
    }
  }

  /// The control: rationales in ever new order, for as many tokens as the other run trained on.
  func repeatRationales(_ iteration: Int) throws {
    let name = RunEvent.StageName(iteration: iteration, work: "repeating rationales")
    let output = RunFolder.name(iteration, "train.jsonl")
    try stage(.mix, name, inputs: []) {
      let target =
        try trainedTokens(configuration.controlTokensFrom, iteration)
        / configuration.train.stage.epochs
      let (all, tooLong) = rationales()
      var texts: [TrainingText] = []
      var tokens = 0
      var lap = 0
      while tokens < target, !all.isEmpty {
        lap += 1
        var order = all
        var random = stream("control", iteration, lap)
        random.shuffle(&order)
        for text in order where tokens < target {
          texts.append(TrainingText(id: "\(text.id)/lap-\(lap)", segments: text.segments))
          tokens += student.tokenCount(of: text.text)
        }
      }
      try Files.writeAtomically(lines(texts.map(\.json)), to: folder.url(output))
      let facts: JSONObject = [
        "texts": .integer(Int64(texts.count)), "too_long": .integer(Int64(tooLong)),
        "tokens_wanted": .integer(Int64(target)), "tokens": .integer(Int64(tokens)),
      ]
      return (facts, [output])
    }
  }

  private func rationales() -> (texts: [TrainingText], tooLong: Int) {
    let all = course.training.compactMap { TrainingText(rationaleOf: $0, task: course.task) }
    let fitting = all.filter { student.tokenCount(of: $0.text) <= lengthLimit }
    return (fitting, all.count - fitting.count)
  }

  /// The tokens that another run's training of an iteration went over.
  private func trainedTokens(_ path: String, _ iteration: Int) throws -> Int {
    let file = path + "/run.json"
    let manifest = try RunManifest(parsing: try Files.readText(file), file: file)
    let record = manifest.records.first { $0.stage == .train && $0.iteration == iteration }
    guard let tokens = record?.facts["tokens"]?.int else {
      throw InputError(
        .settingsAgree, file: file, found: "no training of iteration \(iteration) to match",
        hints: ["finish that run first, or set fewer iterations here"])
    }
    return tokens
  }

  private var mixOptions: TrainingMix.Options {
    var options = TrainingMix.Options()
    options.ratio = configuration.mix.rho
    options.sectionWeight = configuration.train.selfImproveWeight
    options.lengthLimit = lengthLimit
    options.compatibility = configuration.compat
    return options
  }

  var selfImprovementOptions: SelfImprovement.Options {
    var options = SelfImprovement.Options()
    options.maxGenerations = configuration.evaluation.maxGenerations
    options.maxNewTokens = configuration.evaluation.maxNewTokens
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

  private func unreadable(_ name: String, _ line: Int) -> InputError {
    InputError(
      .stageOutput, file: folder.url(name), at: .init(line: line),
      found: "a line that this program did not write")
  }
}
