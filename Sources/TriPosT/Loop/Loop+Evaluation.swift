import Boundary
import Llama

// How an iteration is tested (docs/tripost.md, 8, 10.1, 11).

extension Loop {
  /// Answers the test questions greedily, in each of the modes.
  ///
  /// The first mode's results are `eval.json` and `evaluations.jsonl`; another mode's have its name in
  /// theirs.
  func evaluate(_ iteration: Int, _ modes: [EvaluationMode]) throws {
    let name = RunEvent.StageName(iteration: iteration, work: "evaluating")
    let journalPath = folder.url(RunFolder.name(iteration, "evaluations.partial.jsonl"))
    let adapter = trained(upTo: iteration)
    try stage(.evaluate, name, inputs: adapter.map(adapterFiles) ?? []) {
      if let adapter { try use(adapter) }
      let journal = try CompletionJournal(journalPath)
      var facts = JSONObject()
      var outputs: [String] = []
      var costs: [String: TokenCost] = [:]
      for (index, mode) in modes.enumerated() {
        let evaluation = try Evaluation(
          of: student, on: course, mode: mode, configuration: configuration, journal: journal
        ) {
          meter.add($0.tokens, at: seconds())
          try Interruption.check(folder.path)
          try progress(
            name, $0.done, of: $0.total,
            unit: "questions" + ($0.generation > 1 ? ", generation \($0.generation)" : ""))
        }
        let names = Self.evaluationFiles(iteration, index == 0 ? nil : mode)
        try Files.writeAtomically(
          lines([evaluation.json(iteration: iteration)]), to: folder.url(names.scores))
        try Files.writeAtomically(
          lines(evaluation.records.map { .object($0) }), to: folder.url(names.answers))
        outputs += [names.scores, names.answers]
        for (key, score) in [
          ("seen", evaluation.scores.seen), ("unseen", evaluation.scores.unseen),
          ("all", evaluation.scores.all),
        ] { facts["\(mode.rawValue).\(key)"] = score.json }
        // What two modes ask alike is paid once, by the one that asks more.
        let (cost, other) = (evaluation.cost, costs[mode.purpose] ?? TokenCost())
        costs[mode.purpose] = TokenCost(
          prompt: max(cost.prompt, other.prompt), generated: max(cost.generated, other.generated))
      }
      costs.values.reduce(into: TokenCost()) { $0 += $1 }.add(to: &facts)
      return (facts, outputs)
    }
    try Files.remove(journalPath)
  }

  /// Where an evaluation's results are, inside the folder.
  static func evaluationFiles(
    _ iteration: Int, _ mode: EvaluationMode?
  ) -> (scores: String, answers: String) {
    let suffix = mode.map { "-\($0.rawValue)" } ?? ""
    return (
      RunFolder.name(iteration, "eval\(suffix).json"),
      RunFolder.name(iteration, "evaluations\(suffix).jsonl")
    )
  }
}

extension Evaluation {
  /// How far an evaluation is.
  public struct Progress: Sendable {
    public let done: Int
    public let total: Int
    /// Counted from 1.
    public let generation: Int
    /// Generated so far.
    public let tokens: Int
  }

  /// Lets a student answer a course's test questions, greedily, outside of a run.
  ///
  /// `progress` sees how far it is, and may throw to stop.
  public init(
    of student: any Student, on course: Course, mode: EvaluationMode,
    configuration: RunConfiguration, progress: (Progress) throws -> Void
  ) throws {
    var tokens = 0
    try self.init(
      of: student, on: course, mode: mode, configuration: configuration,
      journal: CompletionJournal(nil)
    ) {
      tokens += $0.tokens
      try progress(
        Progress(done: $0.done, total: $0.total, generation: $0.generation, tokens: tokens))
    }
  }

  /// Lets a student answer a course's test questions, greedily.
  init(
    of student: any Student, on course: Course, mode: EvaluationMode,
    configuration: RunConfiguration, journal: CompletionJournal,
    progress: (Answering.Round) throws -> Void
  ) throws {
    let answering = Answering(
      sampling: .greedy, purpose: mode.purpose, seed: UInt64(configuration.seed),
      session: try mode.session(of: course, configuration))
    let outcomes = try answering.outcomes(
      of: course.test, by: student, journal: journal, progress: progress)
    self.init(outcomes, mode: mode, course: course)
  }
}

extension EvaluationMode {
  /// How a question is begun in this mode.
  ///
  /// - Throws: What the course's demonstrator and critic throw to end the run.
  func session(
    of course: Course, _ configuration: RunConfiguration
  ) throws -> (Question) -> any AnswerSession {
    let limit = configuration.evaluation.maxNewTokens
    if asksDemonstrator, TaskFile.isFolder(configuration.task) {
      throw InputError(.settingsAgree, found: "\"\(rawValue)\" " + Method.needsDemonstrator)
    }
    func shots(showingMistakes: Bool) throws -> PromptShots {
      try course.withReplies(each: { try Interruption.check(configuration.output) }) {
        try PromptShots(
          configuration.evaluation.shots, of: course, showingMistakes: showingMistakes,
          random: RandomStream(seed: UInt64(configuration.seed), "shots"))
      }
    }
    switch self {
    case .single, .selfImproving:
      let options: SelfImprovement.Options =
        self == .single ? .attemptOnly(maxNewTokens: limit) : configuration.selfImprovement
      return { SelfImprovement(question: $0, task: course.task(of: $0), options: options) }
    case .fewShot:
      let preamble = try shots(showingMistakes: false).solving
      return {
        PrefacedAnswer(
          question: $0, task: course.task(of: $0), preamble: preamble, maxNewTokens: limit)
      }
    case .answerOnly:
      let limit = min(limit, configuration.evaluation.maxAnswerTokens)
      return { BareAnswer(question: $0, maxNewTokens: limit) }
    case .prompted, .promptedGold:
      let options = PromptedSelfImprovement.Options(
        shots: try shots(showingMistakes: true), maxUpdates: configuration.editor.maxUpdates,
        maxNewTokens: limit,
        stopsWhenCorrect: self == .promptedGold)
      return { PromptedSelfImprovement(question: $0, task: course.task(of: $0), options: options) }
    }
  }
}

extension RunConfiguration {
  /// How a student goes through the loop of docs/tripost.md, 8.
  var selfImprovement: SelfImprovement.Options {
    var options = SelfImprovement.Options()
    options.maxGenerations = evaluation.maxGenerations
    options.maxNewTokens = evaluation.maxNewTokens
    options.compatibility = compat
    return options
  }
}
