/// Tokens that a run reads, writes and trains on.
struct Work: Equatable {
  var prompt = 0.0
  var generated = 0.0
  var trained = 0.0

  static func + (a: Work, b: Work) -> Work {
    Work(
      prompt: a.prompt + b.prompt, generated: a.generated + b.generated,
      trained: a.trained + b.trained)
  }

  func seconds(at speed: WorkSpeed) -> Double {
    prompt / speed.prompt + generated / speed.generated + trained / speed.trained
  }
}

/// What a run will take: answers as long as the written-out solutions, and at most what its limits allow.
struct RunWork {
  /// Questions of a set, and the tokens of a prompt and of a solution on the mean.
  struct Size: Equatable {
    let questions: Double
    let prompt: Double
    let solution: Double

    init(_ questions: [Question], of course: Course, length: (String) -> Int) {
      let count = Double(max(1, questions.count))
      self.questions = Double(questions.count)
      prompt = Double(questions.reduce(0) { $0 + length($1.prompt) }) / count
      solution =
        Double(
          questions.reduce(0) { sum, question in
            sum + (course.task(of: question).solution(to: question).map { length("\($0)") } ?? 0)
          }) / count
    }
  }

  let configuration: RunConfiguration
  let training: Size
  let test: Size
  private(set) var expected = Work()
  private(set) var limit = Work()

  /// Of generations in a loop, beside the attempt: feedback, and updates of some.
  private static let loopFactor = 1.6

  init(_ configuration: RunConfiguration, training: Size, test: Size) {
    self.configuration = configuration
    self.training = training
    self.test = test
    if configuration.openingFrom.isEmpty { addOpening() }
    let rounds = configuration.method.rounds.count(of: configuration.iterations)
    for round in stride(from: 1, through: rounds, by: 1) { add(round) }
  }

  private mutating func addOpening() {
    let epochs = Double(configuration.rationale.epochs)
    switch configuration.method.opening {
    case .rationales:
      train(epochs * training.questions, training.prompt + training.solution)
      addTest(.single)
    case .answers:
      train(epochs * training.questions, training.prompt + Double(answerTokens))
      addTest(.answerOnly)
    case .prompt: addTest(.fewShot)
    }
  }

  private mutating func add(_ round: Int) {
    let epochs = Double(configuration.train.stage.epochs)
    let (rollout, mix) = (configuration.rollout, configuration.mix)
    let long = training.prompt + 1.7 * training.solution
    // A pass gives a text for most questions, and a balanced mix has two others for three improved ones.
    let passes = min(
      Double(rollout.passes),
      max(1, (Double(mix.maxDataLength) / (0.8 * max(1, training.questions))).rounded(.up)))
    switch configuration.method.material {
    case .none: break
    case .trajectories(let author):
      if author == .student {
        generate(
          passes * training.questions, training,
          limit: round == 1 ? rollout.maxNewTokens : loopLimit,
          factor: round == 1 ? 1 : Self.loopFactor, most: Double(rollout.passes) / passes)
      }
      let texts = 1.12 * passes * training.questions
      train(epochs * texts, long, most: Double(mix.maxDataLength) / texts + 4)
    case .samples(let samples):
      let attempts = Double(configuration.samples.count) + (samples.rationalizes ? 0.5 : 0)
      generate(attempts * training.questions, training, limit: rollout.maxNewTokens)
      let share = samples.addsShortForms ? 0.7 : 0.5
      train(
        epochs * attempts * training.questions * share, training.prompt + training.solution,
        most: 1 / share)
    case .rationales: train(epochs * 1.12 * passes * training.questions, long)
    }
    for mode in configuration.method.tests where mode != .promptedGold { addTest(mode) }
  }

  private mutating func addTest(_ mode: EvaluationMode) {
    let shots = Double(configuration.evaluation.shots)
    let shot = training.prompt + training.solution
    let limit = configuration.evaluation.maxNewTokens
    switch mode {
    case .single: generate(test.questions, test, limit: limit)
    case .answerOnly:
      generate(test.questions, test, limit: answerTokens, factor: 0)
    case .fewShot:
      read(test.questions * shots * shot)
      generate(test.questions, test, limit: limit)
    case .selfImproving:
      generate(test.questions, test, limit: loopLimit, factor: Self.loopFactor)
    case .prompted, .promptedGold:
      read(test.questions * (2 * shots + 1) * 1.5 * shot)
      generate(
        test.questions, test, limit: limit * (1 + 2 * configuration.editor.maxUpdates), factor: 2.2)
    }
  }

  private var answerTokens: Int { configuration.evaluation.maxAnswerTokens }

  private var loopLimit: Int {
    configuration.evaluation.maxGenerations * configuration.evaluation.maxNewTokens
  }

  private mutating func read(_ tokens: Double) {
    expected.prompt += tokens
    limit.prompt += tokens
  }

  private mutating func generate(
    _ answers: Double, _ size: Size, limit tokens: Int, factor: Double = 1, most: Double = 1
  ) {
    expected =
      expected
      + Work(
        prompt: answers * size.prompt,
        generated: answers * min(Double(tokens), max(10, factor * size.solution)))
    limit =
      limit
      + Work(prompt: answers * size.prompt * most, generated: answers * Double(tokens) * most)
  }

  private mutating func train(_ texts: Double, _ tokens: Double, most: Double = 1) {
    expected.trained += texts * tokens
    limit.trained += texts * max(1, most) * min(Double(configuration.train.maxLength), 2 * tokens)
  }
}
