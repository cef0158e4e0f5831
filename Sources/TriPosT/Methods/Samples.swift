import Boundary

/// How right attempts are sampled and what texts they become.
struct Samples: Sendable {
  /// Questions without a right attempt are asked again with the answer given away.
  var rationalizes = false
  /// Each right attempt is also a text that has the final response only.
  var addsShortForms = false
}

/// A line of `samples.jsonl`: an attempt at a training question, and whether it may be learnt from.
struct SampleRecord: Equatable {
  let pass: Int
  let question: Question
  /// Whether the answer was given away.
  let isRationalized: Bool
  /// Up to the final response; nil when it is not well formed.
  let attempt: Attempt?
  let isCorrect: Bool
  let generations: [StudentAnswer]

  var json: JSONValue {
    [
      "pass": .integer(Int64(pass)), "id": .string(question.id),
      "rationalized": .bool(isRationalized), "correct": .bool(isCorrect),
      "attempt": attempt.map { .string("\($0)") } ?? .null,
      "generations": .array(generations.map(\.json)),
    ]
  }
}

extension TrainingText {
  /// Makes texts of right attempts (docs/tripost.md, 10.7).
  ///
  /// - Parameters:
  ///   - samples: Question and attempt.
  ///   - addsShortForms: Whether each is followed by its final response alone.
  /// - Returns: Each text once, in the order of the samples.
  static func texts(
    ofSamples samples: [(question: Question, attempt: Attempt)], addsShortForms: Bool
  ) -> [TrainingText] {
    var seen: Set<String> = []
    var texts: [TrainingText] = []
    func add(_ text: String, _ id: String) {
      guard seen.insert(text).inserted else { return }
      texts.append(TrainingText(id: id, segments: [Segment(text: text, weight: 1)]))
    }
    for (index, sample) in samples.enumerated() {
      let (question, attempt) = sample
      add(
        Trajectory(question: question, turns: [.init(attempt: attempt, by: .student)]).description,
        "\(question.id)/sample-\(index)")
      if addsShortForms {
        let final = attempt.finalResponse
        let words = final.textAfter(anyCase: "(final response)").map { $0.trimmed } ?? final[...]
        add("\(question.block)\nAnswer: \(words)", "\(question.id)/short-\(index)")
      }
    }
    return texts
  }

  /// A question with its answer and no steps (10.2).
  init(answerTo question: Question) {
    self.init(
      id: question.id,
      segments: [Segment(text: "\(question.block)\nAnswer: \(question.gold)", weight: 1)])
  }
}
