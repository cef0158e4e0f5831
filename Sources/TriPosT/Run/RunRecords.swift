import Boundary

/// A line of `rollouts.jsonl`: what the student wrote about a training question in one pass.
struct RolloutRecord: Equatable {
  let pass: Int
  let question: Question
  let generations: [StudentAnswer]
  /// The text that the editor works on.
  let prediction: String

  var json: JSONValue {
    let pieces = generations.map { answer -> JSONValue in
      [
        "text": .string(answer.text), "tokens": .integer(Int64(answer.tokens)),
        "ended_by_eos": .bool(answer.endedByEOS),
      ]
    }
    return [
      "pass": .integer(Int64(pass)), "id": .string(question.id),
      "generations": .array(pieces), "prediction": .string(prediction),
    ]
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
