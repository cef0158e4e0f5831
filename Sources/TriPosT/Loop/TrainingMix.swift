public import Boundary

/// Collects the training texts of one iteration and balances them (docs/tripost.md, section 6).
///
/// Passes are added until there are enough; the ground truth joins at the end.
public struct TrainingMix: Sendable {
  public struct Options: Equatable, Sendable {
    /// Texts with an update for each text without one (rho); zero or less takes all there are.
    public var ratio = 1.5

    /// Weight of feedback and update (w).
    public var sectionWeight = 1.5

    /// Tokens above which a text is not trained on.
    public var lengthLimit = 1024
    public var compatibility = Compatibility.clean

    public init() {}

    /// The ratio that makes updates a share p of the texts, when nothing runs short (6.3).
    public static func ratio(forShare p: Double) -> Double { 2 * p / (1 - p) }
  }

  /// How many texts of which kind the last `texts` gave.
  public struct Counts: Equatable, Sendable {
    public var improvements = 0
    public var others = 0
    public var groundTruths = 0
    /// Left out because of their length.
    public var tooLong = 0

    public var total: Int { improvements + others + groundTruths }

    /// The share of texts with an update (p); zero when there is no text.
    public var share: Double { total == 0 ? 0 : Double(improvements) / Double(total) }
  }

  public let options: Options
  public private(set) var counts = Counts()
  private var seen: Set<String> = []
  private var pool: [Item] = []
  private var trajectories = 0
  private var othersTaken = 0

  public init(options: Options = Options()) {
    self.options = options
  }

  /// Texts so far, without ground truth; collecting stops at a number of these.
  public var count: Int { pool.count }

  /// Adds what a pass over the questions gave, its balance included.
  ///
  /// - Parameters:
  ///   - pass: The trajectories that the editor kept; those that were there before are left out.
  ///   - random: Decides which of too many texts without an update are taken.
  ///   - length: The tokens of a text.
  public mutating func add(
    _ pass: [Trajectory], random: inout RandomStream, length: (String) -> Int
  ) {
    var improvements: [Item] = []
    var others: [Item] = []
    for trajectory in pass where seen.insert(trajectory.description).inserted {
      trajectories += 1
      for item in items(of: trajectory) {
        if options.compatibility.dropBeforeBalance, isTooLong(item, length) { continue }
        if item.kind == .improvement { improvements.append(item) } else { others.append(item) }
      }
    }
    let wanted =
      options.ratio > 0
      ? (Double(improvements.count) / options.ratio).rounded(.up) : Double(others.count)
    let taken = random.sample(Int(min(wanted, Double(others.count))), of: others)
    pool += improvements + taken
    othersTaken += taken.count
  }

  /// The texts to train on, shuffled: all that was collected, and as many solutions as there are
  /// texts without an update.
  ///
  /// - Parameters:
  ///   - questions: Whose solutions may be taken, unless the student wrote the same text.
  ///   - task: Knows the solutions.
  ///   - random: Chooses the solutions and the order.
  ///   - length: The tokens of a text.
  /// - Returns: The texts with their weights, in the order in which they are written down.
  public mutating func texts(
    withGroundTruthOf questions: [Question], task: some ReasoningTask,
    random: inout RandomStream, length: (String) -> Int
  ) -> [TrainingText] {
    var solutions: [Item] = []
    for question in questions {
      guard let solution = task.groundTruth(for: question) else { continue }
      let item = Item(
        id: question.id + "/truth", text: solution.description, kind: .groundTruth, weight: nil)
      let isDropped = options.compatibility.dropBeforeBalance && isTooLong(item, length)
      if !isDropped, !seen.contains(item.text) { solutions.append(item) }
    }
    var chosen = pool + random.sample(min(othersTaken, solutions.count), of: solutions)
    if !options.compatibility.dropBeforeBalance {
      chosen = chosen.filter { !isTooLong($0, length) }
    }
    random.shuffle(&chosen)
    counts.improvements = chosen.count { $0.kind == .improvement }
    counts.others = chosen.count { $0.kind == .other }
    counts.groundTruths = chosen.count { $0.kind == .groundTruth }
    return chosen.map { TrainingText(id: $0.id, segments: segments(of: $0)) }
  }

  private enum Kind { case improvement, other, groundTruth }

  private struct Item {
    let id: String
    let text: String
    let kind: Kind
    /// The weight from the first feedback marker on; nil where no part has a weight of its own.
    let weight: Double?
  }

  /// The marker belongs to the weighted part (7.2).
  private func segments(of item: Item) -> [TrainingText.Segment] {
    guard let weight = item.weight, let marker = item.text.firstRange(of: "\nFeedback:") else {
      return [.init(text: item.text, weight: 1)]
    }
    return [
      .init(
        text: String(item.text[..<marker.lowerBound]),
        weight: options.compatibility.maskBeforeStart ? 0 : 1),
      .init(text: String(item.text[marker.lowerBound...]), weight: weight),
    ]
  }

  /// Cuts a trajectory into single turns: each update as if it followed a first attempt, and the last
  /// attempt with its closing feedback (6.1).
  private func items(of trajectory: Trajectory) -> [Item] {
    let id = "\(trajectory.question.id)/\(trajectories)"
    let question = trajectory.question
    guard let last = trajectory.turns.last else { return [] }
    guard trajectory.updateCount > 0 else {
      let isClosed = last.feedback?.isCorrect == true
      guard isClosed || options.compatibility.keepFeedbackOnly else { return [] }
      return [
        Item(
          id: id + (isClosed ? "/correct" : "/feedback"), text: trajectory.description,
          kind: .other, weight: isClosed ? nil : options.sectionWeight)
      ]
    }
    var items: [Item] = []
    for (index, (turn, next)) in zip(trajectory.turns, trajectory.turns.dropFirst()).enumerated() {
      var update = next
      update.feedback = nil
      items.append(
        Item(
          id: id + "/update-\(index + 1)",
          text: Trajectory(question: question, turns: [turn, update]).description,
          kind: .improvement, weight: options.sectionWeight))
    }
    items.append(
      Item(
        id: id + "/closing", text: Trajectory(question: question, turns: [last]).description,
        kind: .other,
        weight: options.compatibility.weighClosingTurns ? options.sectionWeight : nil))
    return items
  }

  private mutating func isTooLong(_ item: Item, _ length: (String) -> Int) -> Bool {
    guard length(item.text) > options.lengthLimit else { return false }
    counts.tooLong += 1
    return true
  }
}
