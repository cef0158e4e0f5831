public import Boundary

/// How a test question is answered.
public enum EvaluationMode: String, CaseIterable, Sendable {
  /// One generation, for a student that knows rationales only (docs/tripost.md, 10.1).
  case single
  /// Attempt, feedback and updates until its feedback says that all is right (docs/tripost.md, 8.1).
  case selfImproving = "self-improving"
  /// One generation with solved questions in front (docs/tripost.md, 10.3).
  case fewShot = "few-shot"
  /// The answer alone (docs/tripost.md, 10.2).
  case answerOnly = "answer-only"
  /// Shown in prompts how to judge and to update, until its own verdict closes (docs/tripost.md, 10.5).
  case prompted
  /// The same, until an attempt is right by the gold answer.
  case promptedGold = "prompted-gold"

  /// In tables, after a method's name.
  var label: String {
    switch self {
    case .single: "one generation"
    case .selfImproving: "loop"
    case .fewShot: "few-shot"
    case .answerOnly: "answer only"
    case .prompted: "own verdict"
    case .promptedGold: "stopped by gold"
    }
  }

  /// Whether wrong attempts with feedback are in its prompts.
  var asksDemonstrator: Bool { self == .prompted || self == .promptedGold }

  /// Names requests; what two modes ask alike is generated once.
  var purpose: String { "test/\((self == .promptedGold ? .prompted : self).rawValue)" }
}

/// A student's answers to the test questions, and what they are worth.
public struct Evaluation: Sendable {
  public let task: String
  public let mode: EvaluationMode
  public let results: [QuestionResult]
  public let scores: Scores
  let records: [JSONObject]
  let cost: TokenCost

  init(_ outcomes: [Answering.Outcome], mode: EvaluationMode, course: Course) {
    task = course.name
    self.mode = mode
    results = outcomes.map { outcome in
      let question = outcome.session.question
      return QuestionResult(
        id: question.id, cell: question.cell,
        attempts: outcome.session.verdicts(by: course.task(of: question)))
    }
    cost = outcomes.cost
    scores = Scores(results, cells: course.cells)
    records = zip(outcomes, results).map { outcome, result in
      let question = outcome.session.question
      var record: JSONObject = [
        "id": .string(question.id), "cell": .string(question.cell.name),
        "seen": .bool(question.cell.isSeen), "question": .string(question.block),
        "gold": .string(question.gold),
        "answer": outcome.session.answer.map { .string($0) } ?? .null,
        "correct": .bool(result.isCorrect), "attempts": .array(result.attempts.map { .bool($0) }),
        "end": outcome.session.end.map { .string($0.rawValue) } ?? .null,
        "tokens": .integer(Int64(outcome.answers.reduce(0) { $0 + $1.tokens })),
        "turns": outcome.session.trajectory.json,
        "generations": .array(outcome.answers.map { .string($0.text) }),
      ]
      if !question.cell.task.isEmpty { record["task"] = .string(question.cell.task) }
      return record
    }
  }

  /// `eval --json`.
  public var json: JSONValue { json(iteration: nil) }

  /// `eval.json` of an iteration.
  func json(iteration: Int?) -> JSONValue {
    var cells = JSONObject()
    for (cell, score) in scores.cells { cells[cell.name] = score.json }
    var object: JSONObject = [
      "task": .string(task), "mode": .string(mode.rawValue),
    ]
    object["iteration"] = iteration.map { .integer(Int64($0)) }
    object["split"] = [
      "seen": scores.seen.json, "unseen": scores.unseen.json, "all": scores.all.json,
      "unseen_published": scores.publishedUnseen.json, "all_published": scores.publishedAll.json,
    ]
    object["cells"] = .object(cells)
    if !scores.tasks.isEmpty { object["tasks"] = .object(scores.tasksJSON) }
    return .object(object)
  }
}

extension Scores {
  /// The split of each of several tasks.
  var tasksJSON: JSONObject {
    tasks.reduce(into: JSONObject()) { object, part in
      object[part.task] = [
        "seen": part.seen.json, "unseen": part.unseen.json, "all": part.all.json,
      ]
    }
  }
}

extension Score {
  /// The figures as shares, with the counts behind them.
  var json: JSONValue {
    func integer(_ value: Int) -> JSONValue { .integer(Int64(value)) }
    return [
      "n": integer(count), "accuracy": .number(accuracy),
      "direct_accuracy": .number(directAccuracy), "si_freq": .number(updateFrequency),
      "si_contrib": .number(updateContribution),
      "ci95": [.number(interval.lowerBound), .number(interval.upperBound)],
      "counts": [
        "correct": integer(correct), "directly_correct": integer(directlyCorrect),
        "correct_at_first": integer(correctAtFirst), "updated": integer(updated),
        "wrong_to_right": integer(wrongToRight), "right_to_right": integer(rightToRight),
        "right_to_wrong": integer(rightToWrong), "wrong_to_wrong": integer(wrongToWrong),
        "false_alarms": integer(falseAlarms),
      ],
    ]
  }
}

extension QuestionResult {
  /// Reads a line of `evaluations.jsonl`, which does not tell which cells are published.
  init?(_ record: JSONValue) {
    guard let id = record["id"]?.string, let name = record["cell"]?.string,
      let isSeen = record["seen"]?.bool,
      let attempts = record["attempts"]?.array?.compactMap(\.bool)
    else { return nil }
    let cell = Cell(name: name, isSeen: isSeen, task: record["task"]?.string ?? "")
    self.init(id: id, cell: cell, attempts: attempts)
  }
}
