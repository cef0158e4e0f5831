// An edit as a line of trajectories.jsonl, and back: what is kept, and every decision in order.

public import Boundary

extension Trajectory {
  /// The turns, each with who wrote what.
  public var json: JSONValue {
    .array(
      turns.map { turn in
        var object: JSONObject = [
          "attempt": .string("\(turn.attempt)"), "by": .string(turn.attemptSource.rawValue),
        ]
        if let feedback = turn.feedback {
          object["feedback"] = .string("\(feedback)")
          object["from"] = .string(turn.feedbackSource.rawValue)
        }
        return .object(object)
      })
  }

  /// Reads the turns back; nil when the value is not what `json` writes.
  public init?(_ json: JSONValue, to question: Question) {
    guard let values = json.array else { return nil }
    var turns: [Turn] = []
    for value in values {
      guard let attempt = value["attempt"]?.string,
        let source = value["by"]?.string.flatMap(Source.init(rawValue:))
      else { return nil }
      var turn = Turn(attempt: Attempt(parsing: attempt), by: source)
      if let feedback = value["feedback"]?.string {
        guard let source = value["from"]?.string.flatMap(Source.init(rawValue:)) else {
          return nil
        }
        turn.feedback = Feedback(parsing: feedback)
        turn.feedbackSource = source
      }
      turns.append(turn)
    }
    self.init(question: question, turns: turns)
  }
}

extension Edit.Outcome {
  /// For records and counts: "correct", "improved", "feedback-only", "discarded".
  public var name: String {
    switch self {
    case .correct: "correct"
    case .improved: "improved"
    case .feedbackOnly: "feedback-only"
    case .discarded: "discarded"
    }
  }
}

extension Edit {
  /// One line of a run's record.
  public var json: JSONValue {
    var object: JSONObject = ["id": .string(question.id), "outcome": .string(outcome.name)]
    if case .discarded(let reason) = outcome { object["reason"] = .string(reason.rawValue) }
    if let trajectory { object["turns"] = trajectory.json }
    object["decisions"] = .array(decisions.map(\.json))
    return .object(object)
  }
}

extension Edit.Decision {
  /// The decision's name, and what it was based on.
  var json: JSONValue {
    switch self {
    case .droppedRepeatedLine(let line):
      return ["decision": "dropped-repeated-line", "line": .string(line)]
    case .cutAtNextQuestion: return ["decision": "cut-at-next-question"]
    case .answerRead(let answer, let isCorrect):
      return [
        "decision": "answer-read", "answer": answer.map(JSONValue.string) ?? .null,
        "correct": .bool(isCorrect),
      ]
    case .addedClosing: return ["decision": "added-closing"]
    case .keptOwnFeedback(let turn, let critic):
      return [
        "decision": "kept-own-feedback", "turn": .integer(Int64(turn)),
        "critic": .string(critic.line),
      ]
    case .replacedFeedback(let turn, let own, let critic):
      return [
        "decision": "replaced-feedback", "turn": .integer(Int64(turn)), "own": .string("\(own)"),
        "critic": .string(critic.line),
      ]
    case .criticFailed(let turn, let reason):
      return [
        "decision": "critic-failed", "turn": .integer(Int64(turn)), "reason": .string(reason),
      ]
    case .improverFailed(let turn):
      return ["decision": "improver-failed", "turn": .integer(Int64(turn))]
    case .refusedUpdate(let turn, let text, let fault):
      return [
        "decision": "refused-update", "turn": .integer(Int64(turn)),
        "fault": .string(fault.rawValue), "text": .string(text),
      ]
    case .updated(let turn, let feedback, let isProgress):
      return [
        "decision": "updated", "turn": .integer(Int64(turn)), "feedback": .string("\(feedback)"),
        "progress": .bool(isProgress),
      ]
    }
  }
}
