/// What a critic's script finds wrong in a step.
struct Finding {
  /// The words that are wrong.
  let part: String
  /// Without a capital at its beginning and a full stop at its end.
  let reason: String

  /// The feedback on an attempt whose earliest mistake this is, after the line with label `previous`.
  ///
  /// A first line has to be labelled 1.
  func feedback(in step: StepLabel, after previous: StepLabel?) throws(CriticFailure) -> Feedback {
    guard previous != nil || step == .number(1) else {
      throw CriticFailure("the first line is wrong but not labelled 1")
    }
    return .scripted(step: step, part: part, reason: reason, after: previous)
  }
}
