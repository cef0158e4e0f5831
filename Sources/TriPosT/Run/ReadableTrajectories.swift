/// Trajectories as a person reads them: what the student wrote, what was done with it, and why.
enum ReadableTrajectories {
  /// The text of `trajectories.txt`: the improved ones first, then those that were right, then the
  /// rest.
  static func text(_ records: [TrajectoryRecord]) -> String {
    let order = ["improved", "feedback-only", "correct", "discarded"]
    var text = ""
    for name in order {
      let group = records.filter { $0.edit.outcome.name == name }
      text += "\(name): \(group.count) of \(records.count)\n"
    }
    for name in order {
      for record in records where record.edit.outcome.name == name {
        text += "\n" + entry(record)
      }
    }
    return text
  }

  private static func entry(_ record: TrajectoryRecord) -> String {
    let edit = record.edit
    var lines = [
      "== \(edit.question.id), pass \(record.pass), \(edit.question.cell.name): "
        + "\(edit.outcome.name); the answer is \(edit.question.gold)",
      edit.question.block,
    ]
    if let trajectory = edit.trajectory {
      for (index, turn) in trajectory.turns.enumerated() {
        lines.append(
          index == 0
            ? "-- attempt (\(turn.attemptSource.rawValue))"
            : "-- update \(index) (\(turn.attemptSource.rawValue))")
        lines += turn.attempt.lines
        if let feedback = turn.feedback {
          lines += ["-- feedback (\(turn.feedbackSource.rawValue))", "\(feedback)"]
        }
      }
    } else {
      let attempt = record.prediction.split(separator: "\n", omittingEmptySubsequences: false)
        .dropFirst(2)
      lines.append("-- as the student wrote it")
      lines += attempt.map(String.init)
    }
    lines.append("-- decisions")
    lines += edit.decisions.map(\.words)
    if case .discarded(let reason) = edit.outcome { lines.append("discarded: \(reason.rawValue)") }
    return lines.joined(separator: "\n") + "\n"
  }
}

extension Edit.Decision {
  /// The decision in a sentence.
  fileprivate var words: String {
    switch self {
    case .droppedRepeatedLine(let line): "a repeated line is left out: \(line)"
    case .cutAtNextQuestion: "the text ends where a second question begins"
    case .answerRead(let answer, let isCorrect):
      "the answer reads \(answer ?? "nothing"), which is \(isCorrect ? "right" : "wrong")"
    case .addedClosing: "the student said nothing more, which counts as: all is right"
    case .keptOwnFeedback(let turn, _):
      "the student's own feedback on attempt \(turn + 1) names the mistake and stays"
    case .replacedFeedback(let turn, _, _):
      "the critic's feedback takes the place of the student's on attempt \(turn + 1)"
    case .criticFailed(let turn, let reason): "no verdict on attempt \(turn + 1): \(reason)"
    case .improverFailed(let turn): "the improver finds no update \(turn)"
    case .refusedUpdate(let turn, _, let fault): "update \(turn) is refused: \(fault.rawValue)"
    case .updated(let turn, let feedback, let isProgress):
      "update \(turn) \(feedback.isCorrect ? "is right" : isProgress ? "gets further" : "gets no further")"
    }
  }
}
