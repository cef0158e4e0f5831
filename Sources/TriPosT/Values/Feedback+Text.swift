// How feedback looks as a line (2.3), and how a line is understood (2.4).

extension Feedback: CustomStringConvertible {
  /// Understands a feedback line without its header.
  ///
  /// Labels with dots are read for every task; where steps do not nest, none of them fits.
  public init(parsing line: String) {
    if line.hasAnyCase("final response is also correct") {
      self = .correct(line: line)
    } else if let mistake = Mistake(parsing: line) {
      self = .mistake(mistake)
    } else {
      self = .unreadable(line: line)
    }
  }

  /// The line without its header.
  public var description: String {
    switch self {
    case .correct(let line), .unreadable(let line): line
    case .mistake(let mistake): mistake.line
    }
  }

  /// The closing feedback on an attempt, in the one form that this project writes (13.12).
  public static func allCorrect(in attempt: Attempt) -> Feedback {
    let last = attempt.lastStep ?? .number(1)
    return .correct(
      line: "Step (1) to step (\(last)) are correct. The final response is also correct.")
  }

  /// What a script says when it finds no mistake.
  static func scriptedSuccess(lastStep: StepLabel) -> Feedback {
    .correct(line: "Step (1) to (\(lastStep)) are correct. The final response is also correct.")
  }

  /// What a script says about a mistake; `previous` is the label of the line before, if any.
  static func scripted(
    step: StepLabel, part: String, reason: String, after previous: StepLabel?
  ) -> Feedback {
    let opening =
      switch previous {
      case nil: ""
      case .some(.number(1)): "Step (1) is correct. "
      case .some(let label): "Step (1) to (\(label)) are correct. "
      }
    return Feedback(
      parsing: opening + "In step (\(step)) the part \" \(part) \" is incorrect. "
        + "This is because \(reason).")
  }
}

extension Mistake {
  init?(parsing line: String) {
    guard !line.has("ERROR"), !line.has("\n"), line.has("because"),
      let step = Mistake.step(in: line), let part = Mistake.quotedPart(in: line)
    else { return nil }
    self.init(step: step, quotedPart: part, line: line)
  }

  private static func step(in line: String) -> StepLabel? {
    if line.has("In step (Final response) the part") { return .finalResponse }
    return StepLabel.first(in: line, between: "In step (", and: ") the part")
  }

  private static func quotedPart(in line: String) -> String? {
    guard let opening = line.firstRange(of: "the part \""),
      let closing = line[opening.upperBound...].lastRange(of: "\" is incorrect")
    else { return nil }
    return String(line[opening.upperBound..<closing.lowerBound])
  }

  /// Whether both name the same step, and one's words hold the other's.
  public func isSame(as other: Mistake) -> Bool {
    step == other.step && (part.has(other.part) || other.part.has(part))
  }
}
