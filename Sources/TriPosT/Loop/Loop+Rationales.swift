import Boundary

// Texts that need no student: the opening's, and the control's (docs/tripost.md, 10).

extension Loop {
  /// The texts that the student learns first: one a question that has one.
  func chooseOpening(_ text: (Question) -> TrainingText?) throws {
    let name = RunEvent.StageName(iteration: 0, work: "writing texts")
    let output = RunFolder.name(0, "train.jsonl")
    try stage(.mix, name, inputs: []) {
      let (texts, tooLong) = fitting(text)
      guard !texts.isEmpty || tooLong == 0 else {
        throw InputError(
          .settingsAgree, at: .init(field: "train.max_length"),
          found: "\(lengthLimit) tokens, and all \(tooLong) texts are longer",
          hints: ["set train.max_length higher, or practise smaller questions (data.seen)"])
      }
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
        / max(1, configuration.train.stage.epochs)
      let (all, tooLong) = fitting {
        TrainingText(rationaleOf: $0, task: course.task(of: $0))
      }
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

  private func fitting(
    _ text: (Question) -> TrainingText?
  ) -> (texts: [TrainingText], tooLong: Int) {
    let all = course.training.compactMap(text)
    let fitting = all.filter { student.tokenCount(of: $0.text) <= lengthLimit }
    return (fitting, all.count - fitting.count)
  }

  /// The tokens that another run's training of an iteration went over.
  private func trainedTokens(_ path: String, _ iteration: Int) throws -> Int {
    let file = path + "/run.json"
    let manifest = try RunManifest(parsing: try Files.readText(file), file: file)
    let record = manifest.records.first { $0.stage == .train && $0.iteration == iteration }
    guard let tokens = record?.facts["trained_tokens"]?.int else {
      throw InputError(
        .settingsAgree, file: file, found: "no training of iteration \(iteration) to match",
        hints: ["finish that run first, or set fewer iterations here"])
    }
    return tokens
  }
}
