/// Turns what a student wrote into a trajectory to learn from (docs/tripost.md, 3.3 to 3.8).
///
/// A right prediction is kept. In a wrong one the first attempt whose own feedback misses the
/// mistake gets the critic's feedback instead, and critic and improver go on from there.
public struct Editor: Sendable {
  public struct Options: Equatable, Sendable {
    /// Updates that the improver may write for one trajectory.
    public var maxUpdates = 5

    /// Words of an attempt above which a prediction is discarded.
    public var maxAttemptWords = 512
    public var compatibility = Compatibility.clean

    public init() {}
  }

  public let critic: GatedCritic
  public let improver: any Improver
  public let options: Options

  public init(critic: GatedCritic, improver: any Improver, options: Options = Options()) {
    self.critic = critic
    self.improver = improver
    self.options = options
  }

  /// Edits one prediction, a text that begins with the question block and the lead.
  ///
  /// - Throws: Only what the critic or the improver throw to end the run.
  public func edit(_ prediction: String, to question: Question) throws -> Edit {
    var editing = Editing(editor: self, question: question)
    let outcome = try editing.outcome(of: prediction)
    return Edit(question: question, outcome: outcome, decisions: editing.decisions)
  }
}

/// The editing of one prediction.
private struct Editing {
  let editor: Editor
  let question: Question
  var decisions: [Edit.Decision] = []

  private var task: any ReasoningTask { editor.critic.task }

  mutating func outcome(of prediction: String) throws -> Edit.Outcome {
    guard let lines = cleanedLines(of: prediction), let last = lines.last else {
      return .discarded(.formatError)
    }
    var trajectory = Trajectory(question: question, lines: lines, by: .student)
    guard let end = trajectory.turns.last else { return .discarded(.formatError) }
    let isSilent = LineHeader(last) != .feedback
    let answer = task.answer(inText: lines.joined(separator: "\n"))
    let isCorrect =
      answer.map { task.isCorrect($0, to: question) } ?? false
      && task.hasValidContent(end.attempt, to: question)
    decisions.append(.answerRead(answer, isCorrect: isCorrect))

    if isSilent {
      guard last.hasAnyCase("final response") else { return .discarded(.noFinalResponse) }
      let place = trajectory.turns.count - 1
      trajectory.turns[place].feedback = .allCorrect(in: end.attempt)
      trajectory.turns[place].feedbackSource = .editor
      decisions.append(.addedClosing)
    }
    return isCorrect ? .correct(trajectory) : try repaired(trajectory)
  }

  /// The lines of a prediction without repetitions, up to a second question (3.3, step 2).
  private mutating func cleanedLines(of prediction: String) -> [String]? {
    var kept: [String] = []
    var previous: LineHeader?
    for (index, line) in task.prepared(prediction).trimmed.lines.enumerated() {
      let header = LineHeader(line)
      if header == .question, index > 0 {
        decisions.append(.cutAtNextQuestion)
        break
      }
      guard header != .unknown else { return nil }
      if header == previous {
        decisions.append(.droppedRepeatedLine(line))
      } else {
        kept.append(line)
        previous = header
      }
    }
    return kept
  }

  /// Looks for the first attempt whose feedback has to be replaced, and repairs from there (3.4).
  private mutating func repaired(_ trajectory: Trajectory) throws -> Edit.Outcome {
    guard trajectory.turns.allSatisfy({ $0.attempt.wordCount <= editor.options.maxAttemptWords })
    else { return .discarded(.tooLong) }
    for (turn, own) in trajectory.turns.enumerated() {
      guard let reference = try feedback(on: own.attempt, turn: turn) else {
        return .discarded(.criticFailed)
      }
      guard let mistake = reference.mistake else { return .discarded(.spoiltCorrectAttempt) }
      if let ownMistake = own.feedback?.mistake, mistake.isSame(as: ownMistake) {
        decisions.append(.keptOwnFeedback(turn: turn, critic: mistake))
        continue
      }
      decisions.append(
        .replacedFeedback(
          turn: turn, own: own.feedback ?? .unreadable(line: ""), critic: mistake))
      return try repair(own.attempt, mistake: mistake, after: Array(trajectory.turns[..<turn]))
    }
    return .discarded(.ownFeedbackAgrees)
  }

  /// Lets improver and critic work in turn until the attempt is right (3.5).
  private mutating func repair(
    _ first: Attempt, mistake firstMistake: Mistake, after earlier: [Trajectory.Turn]
  ) throws -> Edit.Outcome {
    let opening = Trajectory.Turn(
      attempt: first, by: .student, feedback: .mistake(firstMistake), from: .critic)
    var turns = earlier + [opening]
    var (attempt, mistake) = (first, firstMistake)
    var wentForward = true
    for _ in 0..<editor.options.maxUpdates {
      let turn = turns.count
      let prefix = Array(attempt.lines[..<(attempt.index(of: mistake.step) ?? 0)])
      guard
        let text = try editor.improver.continuation(
          of: prefix, repairing: attempt, mistake: mistake, to: question)
      else {
        decisions.append(.improverFailed(turn: turn))
        return .discarded(.improverFailed)
      }
      let update: Attempt
      switch attempt.update(
        prefix: prefix, continuation: text, mistake: mistake,
        exactPartTest: editor.options.compatibility.exactPartTest)
      {
      case .success(let legal): update = legal
      case .failure(let fault):
        decisions.append(.refusedUpdate(turn: turn, text: text, fault: fault))
        return .discarded(.illegalUpdate)
      }
      guard let feedback = try feedback(on: update, turn: turn) else {
        return .discarded(.criticFailed)
      }
      let isProgress = feedback.isProgress(after: mistake)
      decisions.append(.updated(turn: turn, feedback: feedback, isProgress: isProgress))
      wentForward = wentForward && isProgress
      turns.append(.init(attempt: update, by: .improver, feedback: feedback, from: .critic))
      guard let next = feedback.mistake else {
        return wentForward
          ? .improved(Trajectory(question: question, turns: turns))
          : .feedbackOnly(Trajectory(question: question, turns: [opening]))
      }
      (attempt, mistake) = (update, next)
    }
    return .discarded(.updatesUsedUp)
  }

  /// The gated critic's feedback, or nil, recorded, when it has none.
  private mutating func feedback(on attempt: Attempt, turn: Int) throws -> Feedback? {
    do {
      return try editor.critic.feedback(on: attempt, to: question)
    } catch let failure as CriticFailure {
      decisions.append(.criticFailed(turn: turn, reason: failure.reason))
      return nil
    }
  }
}
