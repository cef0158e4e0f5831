public import Boundary

/// One text to train on, in pieces of different weight (docs/tripost.md, 7.2).
///
/// A token takes the weight of the piece in which its first byte lies; weight 0 is not learned.
public struct TrainingText: Equatable, Sendable, Identifiable {
  public struct Segment: Equatable, Sendable {
    public let text: String
    public let weight: Double

    public init(text: String, weight: Double) {
      self.text = text
      self.weight = weight
    }
  }

  /// Unique within one training set.
  public let id: String
  public let segments: [Segment]

  public init(id: String, segments: [Segment]) {
    self.id = id
    self.segments = segments
  }

  /// The pieces put together.
  public var text: String { segments.reduce("") { $0 + $1.text } }

  /// Whether the prompt that asks for feedback, the text up to `Feedback:`, is cut into the tokens in which the text is
  /// learnt; where a token reaches over the prompt's end, a model has never learnt to go on from there.
  public func keepsPrompt<Token: Equatable>(_ tokens: (String) -> [Token]) -> Bool {
    guard let marker = text.firstRange(of: "\nFeedback:") else { return true }
    return tokens(text).starts(with: tokens(String(text[..<marker.upperBound])))
  }

  /// A solution without feedback, to learn rationales from; nil when the task has none (10.1).
  public init?(rationaleOf question: Question, task: some ReasoningTask) {
    guard let rationale = task.solution(to: question) else { return nil }
    let trajectory = Trajectory(
      question: question, turns: [.init(attempt: rationale, by: .editor)])
    self.init(id: question.id, segments: [Segment(text: trajectory.description, weight: 1)])
  }

  /// One row of a training file.
  public var json: JSONValue {
    let pieces = segments.map { segment -> JSONValue in
      ["text": .string(segment.text), "weight": .number(segment.weight)]
    }
    return ["id": .string(id), "segments": .array(pieces)]
  }

  /// Reads a row back; nil when the value is not what `json` writes.
  public init?(_ json: JSONValue) {
    guard let id = json["id"]?.string, let pieces = json["segments"]?.array else { return nil }
    var segments: [Segment] = []
    for piece in pieces {
      guard let text = piece["text"]?.string, let weight = piece["weight"]?.double else {
        return nil
      }
      segments.append(Segment(text: text, weight: weight))
    }
    self.init(id: id, segments: segments)
  }
}
