/// A way to teach: what the student learns from in each round, and from which adapter a round starts
/// (docs/tripost.md, 10).
///
/// A file beside this one describes each. The loop does the same for all of them: stages on record,
/// training, tests, costs.
public struct Method: Sendable {
  /// In settings and folders: "tripost".
  public let name: String
  /// In tables: "TriPosT".
  public let label: String
  var opening = Opening.rationales
  var rounds = Rounds.none
  var material = Material.none
  var start = Start.latest
  /// How the student is tested after each round; the first is what tables show.
  var tests: [EvaluationMode] = [.single]
  /// Settings where a user sets nothing, by key.
  var defaults: [String: Setting.Value] = [:]
  /// Settings that have to be so, or it would be another method.
  var fixed: [String: Setting.Value] = [:]

  /// What comes before the first round.
  enum Opening: Equatable, Sendable {
    /// Ground-truth rationales; the student then is M_0, the same one for all methods with this opening.
    case rationales
    /// Answers without steps.
    case answers
    /// Nothing is trained: the base is tested, with written-out solutions in its prompt.
    case prompt
  }

  enum Rounds: Sendable {
    case none, one
    /// As many as `iterations` says.
    case all

    func count(of iterations: Int) -> Int {
      switch self {
      case .none: 0
      case .one: min(1, iterations)
      case .all: iterations
      }
    }
  }

  /// What a round's texts are made of.
  enum Material: Sendable {
    /// There are none: nothing is trained.
    case none
    /// Attempts, judged and repaired by critic and improver, in turns.
    case trajectories(of: Author)
    /// The student's own attempts that are right.
    case samples(Samples)
    /// Ground-truth rationales, as many tokens as another run trained on.
    case rationales
  }

  /// Whose attempts are judged and repaired.
  enum Author: Sendable { case student, demonstrator }

  /// Which adapter a round goes on from.
  enum Start: Sendable {
    case latest
    /// M_0, every time.
    case opening
  }
}

extension Method: CaseIterable, RawRepresentable, Equatable {
  /// In the order of tables.
  public static let allCases: [Method] = [
    fewShot, answerOnly, ftRationale, selfImprovePrompting, lmsi, star, rest, ftSIDemo, rationale,
    tripost, triPosTNoWeights, triPosTNoBalance, triPosTNoInteraction,
  ]

  public var rawValue: String { name }

  public init?(rawValue: String) {
    guard let method = Self.allCases.first(where: { $0.name == rawValue }) else { return nil }
    self = method
  }

  public static func == (a: Method, b: Method) -> Bool { a.name == b.name }
}

extension Method {
  /// Whether a critic has a part in it; an improver only where there are trajectories.
  var isJudged: Bool {
    if case .trajectories = material { return true }
    return tests.contains(where: \.asksDemonstrator)
  }

  /// Whether somebody has to make mistakes for it.
  var asksDemonstrator: Bool {
    if case .trajectories(of: .demonstrator) = material { return true }
    return tests.contains(where: \.asksDemonstrator)
  }

  /// Why such a method is not for a task of the user's.
  static let needsDemonstrator =
    "needs mistakes to show, which are made for the program's own tasks alone"

  /// The rows of its tests in tables: of the opening, and of a round.
  package func label(iteration: Int, mode: EvaluationMode) -> String {
    if iteration == 0 { return opening == .rationales ? Self.ftRationale.label : label }
    let round: String
    if case .all = rounds { round = "\(label) t = \(iteration)" } else { round = label }
    return mode == tests.first ? round : "\(round), \(mode.label)"
  }
}
