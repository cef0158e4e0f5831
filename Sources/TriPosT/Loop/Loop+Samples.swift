import Boundary
import Llama

// How an iteration gets texts from right attempts alone (docs/tripost.md, 10.7, 10.11, 10.12).

extension Loop {
  /// Samples attempts at every training question and marks the right ones.
  ///
  /// Nobody judges steps here: an attempt counts when its answer is right and its steps lead to it.
  func sampleAnswers(_ iteration: Int, _ samples: Samples) throws {
    let name = RunEvent.StageName(iteration: iteration, work: "sampling attempts")
    let journalPath = folder.url(RunFolder.name(iteration, "rollouts.partial.jsonl"))
    let output = RunFolder.name(iteration, "samples.jsonl")
    try stage(.practise, name, inputs: adapterFiles(iteration - 1)) {
      try use(iteration - 1)
      let journal = try CompletionJournal(journalPath)
      var records: [SampleRecord] = []
      var cost = TokenCost()
      func ask(_ questions: [Question], pass: Int, givingAnswer: Bool) throws {
        let outcomes = try sample(
          questions, iteration, pass: pass, givingAnswer: givingAnswer, journal: journal, name: name
        )
        cost += outcomes.cost
        records += outcomes.map { record($0, pass: pass, isRationalized: givingAnswer) }
      }
      for pass in 0..<configuration.samples.count {
        try ask(course.training, pass: pass, givingAnswer: false)
      }
      let correct = Set(records.filter(\.isCorrect).map(\.question.id))
      if samples.rationalizes {
        try ask(
          course.training.filter { !correct.contains($0.id) }, pass: configuration.samples.count,
          givingAnswer: true)
      }
      try Files.writeAtomically(lines(records.map(\.json)), to: folder.url(output))
      var facts: JSONObject = [
        "attempts": .integer(Int64(records.count)),
        "correct": .integer(Int64(records.count(where: \.isCorrect))),
        "questions_solved": .integer(Int64(correct.count)),
      ]
      if samples.rationalizes {
        facts["rationalized"] = .integer(
          Int64(records.count { $0.isRationalized && $0.isCorrect }))
      }
      cost.add(to: &facts)
      return (facts, [output])
    }
    try Files.remove(journalPath)
  }

  private func sample(
    _ questions: [Question], _ iteration: Int, pass: Int, givingAnswer: Bool,
    journal: CompletionJournal, name: RunEvent.StageName
  ) throws -> [Answering.Outcome] {
    let rollout = configuration.rollout
    let course = course
    let temperature = configuration.samples.temperature
    let answering = Answering(
      sampling: temperature == 0
        ? .greedy
        : SamplingOptions(temperature: temperature, topK: rollout.topK, topP: rollout.topP),
      purpose: "sample/\(iteration)/\(pass)", seed: UInt64(configuration.seed)
    ) { question in
      PrefacedAnswer(
        question: question, task: course.task(of: question),
        preamble: givingAnswer ? "Hint: the answer is \(question.gold).\n\n" : "",
        maxNewTokens: rollout.maxNewTokens)
    }
    return try answering.outcomes(of: questions, by: student, journal: journal) {
      meter.add($0.tokens, at: seconds())
      try Interruption.check(folder.path)
      try progress(
        name, $0.done, of: $0.total,
        unit: givingAnswer ? "attempts with the answer" : "attempts, pass \(pass + 1)")
    }
  }

  private func record(
    _ outcome: Answering.Outcome, pass: Int, isRationalized: Bool
  ) -> SampleRecord {
    let question = outcome.session.question
    let task = course.task(of: question)
    let written = outcome.session.trajectory.turns.first?.attempt
    let attempt = written.flatMap { Attempt(cleaning: $0.lines) == $0 ? $0 : nil }
    return SampleRecord(
      pass: pass, question: question, isRationalized: isRationalized, attempt: attempt,
      isCorrect: attempt.map {
        task.isCorrect($0, to: question) && task.hasValidContent($0, to: question)
      } ?? false,
      generations: outcome.answers)
  }

  /// Makes texts of the attempts that are right.
  func chooseSamples(_ iteration: Int, _ samples: Samples) throws {
    let name = RunEvent.StageName(iteration: iteration, work: "mixing")
    let input = RunFolder.name(iteration, "samples.jsonl")
    let output = RunFolder.name(iteration, "train.jsonl")
    try stage(.mix, name, inputs: [input]) {
      let all = TrainingText.texts(
        ofSamples: try correctSamples(input), addsShortForms: samples.addsShortForms)
      let texts = all.filter { student.tokenCount(of: $0.text) <= lengthLimit }
      try Files.writeAtomically(lines(texts.map(\.json)), to: folder.url(output))
      let facts: JSONObject = [
        "texts": .integer(Int64(texts.count)), "correct": .integer(Int64(texts.count)),
        "too_long": .integer(Int64(all.count - texts.count)),
      ]
      return (facts, [output])
    }
  }

  private func correctSamples(_ name: String) throws -> [(question: Question, attempt: Attempt)] {
    var questions: [String: Question] = [:]
    for question in course.training { questions[question.id] = question }
    var samples: [(Question, Attempt)] = []
    try JSONLines.forEach(folder.url(name)) { row, line in
      guard let question = row["id"]?.string.flatMap({ questions[$0] }),
        let isCorrect = row["correct"]?.bool
      else { throw unreadable(name, line) }
      guard isCorrect else { return }
      guard let attempt = row["attempt"]?.string else { throw unreadable(name, line) }
      samples.append((question, Attempt(parsing: attempt)))
    }
    return samples
  }
}
