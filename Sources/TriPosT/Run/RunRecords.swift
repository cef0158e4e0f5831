import Boundary

/// A line of `rollouts.jsonl`: what the student wrote about a training question in one pass.
struct RolloutRecord: Equatable {
  let pass: Int
  let question: Question
  let generations: [StudentAnswer]
  /// The text that the editor works on.
  let prediction: String

  var json: JSONValue {
    [
      "pass": .integer(Int64(pass)), "id": .string(question.id),
      "generations": .array(generations.map(\.json)), "prediction": .string(prediction),
    ]
  }
}

extension StudentAnswer {
  /// A generation in a record.
  var json: JSONValue {
    [
      "text": .string(text), "tokens": .integer(Int64(tokens)),
      "ended_by_eos": .bool(endedByEOS),
    ]
  }
}

extension RolloutRecord {
  init(_ outcome: Answering.Outcome, pass: Int) {
    self.init(
      pass: pass, question: outcome.session.question, generations: outcome.answers,
      prediction: outcome.session.prediction)
  }
}

/// A line of `trajectories.jsonl`: what the editor made of a rollout, with every decision.
struct TrajectoryRecord {
  let pass: Int
  let prediction: String
  let edit: Edit

  var json: JSONValue {
    var object: JSONObject = [
      "pass": .integer(Int64(pass)), "cell": .string(edit.question.cell.name),
      "question": .string(edit.question.block), "gold": .string(edit.question.gold),
      "prediction": .string(prediction),
    ]
    for (key, value) in edit.json.object ?? [:] { object[key] = value }
    return .object(object)
  }
}
