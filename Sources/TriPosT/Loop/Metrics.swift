public import Boundary

/// How one question went: which of the attempts were right, the first one first.
public struct QuestionResult: Equatable, Sendable, Identifiable {
  public let id: String
  public let cell: Cell

  /// One element an attempt; empty when the student wrote none.
  public let attempts: [Bool]

  public init(id: String, cell: Cell, attempts: [Bool]) {
    self.id = id
    self.cell = cell
    self.attempts = attempts
  }

  /// Marks every attempt of a trajectory by its answer.
  public init(_ trajectory: Trajectory, task: some ReasoningTask) {
    let question = trajectory.question
    self.init(
      id: question.id, cell: question.cell,
      attempts: trajectory.turns.map { task.isCorrect($0.attempt, to: question) })
  }

  public var isCorrect: Bool { attempts.last ?? false }
  public var wasCorrectAtFirst: Bool { attempts.first ?? false }
  public var hasUpdate: Bool { attempts.count > 1 }
}

/// The counts behind the figures of a set of questions (docs/tripost.md, section 11).
public struct Score: Equatable, Sendable {
  /// Questions.
  public let count: Int

  /// Questions whose last attempt is right.
  public let correct: Int

  /// Questions without an update whose answer is right.
  public let directlyCorrect: Int

  /// Questions whose first attempt is right, updated or not.
  public let correctAtFirst: Int

  /// Questions with at least one update.
  public let updated: Int

  /// Questions with an update, by whether the first and the last attempt are right.
  public let wrongToRight: Int
  public let rightToRight: Int
  public let rightToWrong: Int
  public let wrongToWrong: Int

  /// Updates of attempts that were right.
  public let falseAlarms: Int

  public init(_ results: some Sequence<QuestionResult>) {
    let results = Array(results)
    func updates(_ first: Bool, _ last: Bool) -> Int {
      results.count { $0.hasUpdate && $0.wasCorrectAtFirst == first && $0.isCorrect == last }
    }
    count = results.count
    correct = results.count(where: \.isCorrect)
    directlyCorrect = results.count { !$0.hasUpdate && $0.isCorrect }
    correctAtFirst = results.count(where: \.wasCorrectAtFirst)
    updated = results.count(where: \.hasUpdate)
    wrongToRight = updates(false, true)
    rightToRight = updates(true, true)
    rightToWrong = updates(true, false)
    wrongToWrong = updates(false, false)
    falseAlarms = results.reduce(0) { $0 + $1.attempts.dropLast().count { $0 } }
  }

  /// Share of right answers; zero of no questions.
  public var accuracy: Double { share(correct) }

  /// Share of questions that are right without an update.
  public var directAccuracy: Double { share(directlyCorrect) }

  /// Share of questions with an update (SI.Freq).
  public var updateFrequency: Double { share(updated) }

  /// Share of questions that are right with an update (SI.Contrib).
  public var updateContribution: Double { share(correct - directlyCorrect) }

  /// Where the accuracy lies with 95 % confidence.
  public var interval: ClosedRange<Double> { wilsonInterval(correct, of: count) }

  private func share(_ part: Int) -> Double { count == 0 ? 0 : Double(part) / Double(count) }
}

/// The scores of a test: by cell, seen and unseen, and all together.
public struct Scores: Equatable, Sendable {
  /// In the order asked for; cells without questions are left out.
  public let cells: [(cell: Cell, score: Score)]
  public let seen: Score
  public let unseen: Score
  public let all: Score

  /// By task, in the order of first appearance, where there are several.
  public let tasks: [(task: String, seen: Score, unseen: Score, all: Score)]

  /// Unseen and all without the cells that the published totals leave out (13.23).
  public let publishedUnseen: Score
  public let publishedAll: Score

  public init(_ results: [QuestionResult], cells: [Cell]) {
    self.cells = cells.compactMap { cell in
      let score = Score(results.filter { $0.cell == cell })
      return score.count == 0 ? nil : (cell, score)
    }
    seen = Score(results.filter(\.cell.isSeen))
    unseen = Score(results.filter { !$0.cell.isSeen })
    all = Score(results)
    let names = results.reduce(into: [String]()) {
      if !$1.cell.task.isEmpty, !$0.contains($1.cell.task) { $0.append($1.cell.task) }
    }
    tasks = names.map { name in
      let own = results.filter { $0.cell.task == name }
      return (
        name, Score(own.filter(\.cell.isSeen)), Score(own.filter { !$0.cell.isSeen }), Score(own)
      )
    }
    publishedUnseen = Score(results.filter { !$0.cell.isSeen && $0.cell.isPublished })
    publishedAll = Score(results.filter(\.cell.isPublished))
  }

  public static func == (a: Scores, b: Scores) -> Bool {
    a.all == b.all && a.seen == b.seen && a.unseen == b.unseen
      && a.publishedUnseen == b.publishedUnseen && a.publishedAll == b.publishedAll
      && a.cells.elementsEqual(b.cells) { $0.cell == $1.cell && $0.score == $1.score }
      && a.tasks.elementsEqual(b.tasks, by: ==)
  }
}

/// The difference in accuracy between two runs over the same questions.
public struct PairedDifference: Equatable, Sendable {
  public let count: Int

  /// Questions that only the first run, or only the second, has right.
  public let onlyFirst: Int
  public let onlySecond: Int

  /// Where the difference lies with 95 % confidence: the middle of the differences that questions
  /// drawn with replacement give.
  public let interval: ClosedRange<Double>

  /// Second minus first, as a share of the questions.
  public var difference: Double {
    count == 0 ? 0 : Double(onlySecond - onlyFirst) / Double(count)
  }

  /// - Parameters:
  ///   - first: One element a question: whether its answer is right.
  ///   - second: The same questions in the same order.
  ///   - random: Draws the questions.
  ///   - samples: How often the questions are drawn.
  /// - Precondition: Both have the same number of questions.
  public init(_ first: [Bool], _ second: [Bool], random: RandomStream, samples: Int = 2000) {
    precondition(
      first.count == second.count, "\(first.count) results beside \(second.count)")
    precondition(samples > 0, "no samples")
    let changes = zip(first, second).map { ($1 ? 1 : 0) - ($0 ? 1 : 0) }
    count = changes.count
    onlyFirst = changes.count { $0 < 0 }
    onlySecond = changes.count { $0 > 0 }
    guard count > 0 else {
      interval = 0...0
      return
    }
    interval = bootstrapInterval(
      ofMean: changes.map(Double.init), random: random, samples: samples)
  }
}

/// Where a mean lies with 95 % confidence: the middle of the means that values drawn with replacement give.
///
/// - Precondition: There are values and samples.
func bootstrapInterval(
  ofMean values: [Double], random: RandomStream, samples: Int
) -> ClosedRange<Double> {
  var random = random
  let sums = (0..<samples).map { _ in
    (0..<values.count).reduce(0.0) { sum, _ in sum + values[random.below(values.count)] }
  }.sorted()
  let outside = samples / 40
  let count = Double(values.count)
  return (sums[outside] / count)...(sums[samples - 1 - outside] / count)
}

/// Where a share lies with 95 % confidence, when `part` of `count` draws have a property.
///
/// Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
public func wilsonInterval(_ part: Int, of count: Int) -> ClosedRange<Double> {
  guard count > 0 else { return 0...1 }
  let z = 1.959_963_984_540_054  // the 97.5 % point of the normal distribution
  let n = Double(count)
  let share = Double(part) / n
  let middle = share + z * z / (2 * n)
  let width = z * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
  let scale = 1 + z * z / n
  return max(0, (middle - width) / scale)...min(1, (middle + width) / scale)
}
