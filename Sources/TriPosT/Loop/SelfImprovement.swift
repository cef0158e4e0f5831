/// A student answering one question, feedback and updates included (docs/tripost.md, section 8).
///
/// It generates nothing itself: ask for `nextPrompt`, generate, hand the text back with `receive`,
/// until there is no further prompt. So that many questions can go forward in one batch.
public struct SelfImprovement: Sendable {
  public struct Options: Equatable, Sendable {
    /// Generations in all; the first writes the attempt, so this is also the limit of updates.
    public var maxGenerations = 3

    /// New tokens of one generation.
    public var maxNewTokens = 1024
    public var compatibility = Compatibility.clean

    /// One generation without a loop, for a student that knows rationales only (3.2, 10.1).
    ///
    /// Its prompt ends in a newline.
    public var attemptOnly = false

    public init() {}

    /// For a student that has not learned to write feedback.
    public static func attemptOnly(maxNewTokens: Int) -> Options {
      var options = Options()
      options.maxGenerations = 1
      options.maxNewTokens = maxNewTokens
      options.attemptOnly = true
      return options
    }
  }

  /// Why there is no further prompt.
  public enum End: String, Sendable {
    /// The student says that all is right.
    case closed
    /// The last line says nothing new.
    case noProgress = "no-progress"
    case looping
    case generationsUsedUp = "generations-used-up"
  }

  public let question: Question
  public let options: Options
  /// Nil while there is more to generate.
  public private(set) var end: End?
  public private(set) var generations = 0

  private let task: any ReasoningTask
  /// What the next generation continues; until the first one, the prompt.
  private var text: String
  /// The last generation with its prompt, cleaned; without a closing line.
  private var output: [String] = []
  /// Turns that a new prompt has left behind.
  private var earlier: [Trajectory.Turn] = []
  private var closing: Feedback?

  public init(question: Question, task: any ReasoningTask, options: Options = Options()) {
    self.question = question
    self.task = task
    self.options = options
    text = question.prompt + (options.attemptOnly ? "\n" : "")
    output = text.lines
  }

  /// What to generate from next, or nil when the answer stands.
  public func nextPrompt() -> (text: String, maxNewTokens: Int)? {
    end == nil ? (text, options.maxNewTokens) : nil
  }

  /// Takes what was generated from `nextPrompt`, without the prompt; later calls change nothing.
  public mutating func receive(_ generated: String, endedByEOS: Bool) {
    guard end == nil else { return }
    generations += 1
    if options.attemptOnly {
      output = (text + generated).trimmed.lines
      end = .generationsUsedUp
      return
    }
    let previousLast = output.last ?? ""
    output = Self.clean(text + generated)
    let last = output.last ?? ""
    if generations > 1, last.has(previousLast) {
      end = .noProgress
    } else if Self.looksLooping(last) {
      end = .looping
    } else if last.hasAnyCase("final response is also correct") {
      closing = Feedback(
        parsing: String((last.textAfter(anyCase: "feedback:") ?? last[...]).trimmed))
      output.removeLast()
      end = .closed
    } else if generations == options.maxGenerations {
      end = .generationsUsedUp
    } else if endedByEOS, last.has("Feedback") || last.hasAnyCase("(final response)") {
      askForFeedback()
    } else {
      text = output.joined(separator: "\n")
    }
  }

  /// Presents the last attempt as if it were the first, and lets the student judge it.
  private mutating func askForFeedback() {
    let turns = Trajectory(question: question, lines: output, by: .student).turns
    guard let last = turns.last else { return }
    earlier += turns.dropLast()
    let lead =
      options.compatibility.repromptWithHint ? question.lead : question.leadWithoutHint
    text = ([question.block, lead] + last.attempt.lines + ["Feedback:"]).joined(separator: "\n")
  }

  /// Everything the student wrote, its closing feedback included (8.4).
  public var trajectory: Trajectory {
    var turns = earlier + Trajectory(question: question, lines: attemptLines, by: .student).turns
    if let closing, !turns.isEmpty { turns[turns.count - 1].feedback = closing }
    return Trajectory(question: question, turns: turns)
  }

  /// The text for the editor: all turns, or the last generation only, as published (13.11).
  public var prediction: String {
    options.attemptOnly || options.compatibility.editScope == .lastTurn
      ? output.joined(separator: "\n") : trajectory.description
  }

  /// The answer that stands in the end, or nil when it cannot be read.
  public var answer: String? {
    task.answer(inText: attemptLines.joined(separator: "\n"))
  }

  /// Without what a student that writes attempts only goes on to say after its attempt.
  private var attemptLines: [String] {
    guard options.attemptOnly else { return output }
    let own = output.prefix { ![.feedback, .update].contains(LineHeader($0)) }
    let end = own.firstIndex { LineHeader($0) == .finalResponse }
    return Array(end.map { own[...$0] } ?? own)
  }
}
