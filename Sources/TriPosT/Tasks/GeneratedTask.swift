// How a task makes its own questions, and which of them may be trained on.
//
// Besides the published rules there is this project's own: the first byte h of the SHA-256 of what
// makes a question what it is says where it may be used, so that no set can meet another, whatever
// the seed, and a model can be pretrained on everything with h >= 0x40.

public import Boundary

/// A difficulty of the questions that a task makes.
public protocol QuestionShape: Hashable, Sendable {
  /// For settings: "l3d22".
  var name: String { get }

  /// Reads a name; nil when it is none.
  init?(name: String)

  /// A name and what it stands for, for messages: "l3d22: 3 numbers in 2 times 2 groups".
  static var example: String { get }

  /// Under which name the published tables report it, and whether they count it as seen.
  var publishedCell: Cell { get }
}

/// A difficulty that is a number of something: `w5` for five words.
public protocol CountedShape: QuestionShape {
  /// What its names begin with.
  static var letter: Character { get }

  var count: Int { get }

  init(count: Int)
}

extension CountedShape {
  public var name: String { "\(Self.letter)\(count)" }

  public init?(name: String) {
    guard let count = Int(name.dropFirst()) else { return nil }
    self.init(count: count)
    guard self.name == name else { return nil }
  }
}

/// How many questions of one shape each set gets.
public struct QuestionPortion<Shape: QuestionShape>: Equatable, Sendable {
  public let shape: Shape

  /// Under which name they are reported.
  public let cell: Cell
  public var training: Int
  public var validation: Int
  public var test: Int

  public init(_ shape: Shape, cell: Cell, training: Int = 0, validation: Int = 0, test: Int = 0) {
    self.shape = shape
    self.cell = cell
    self.training = training
    self.validation = validation
    self.test = test
  }
}

/// The three sets of questions of a run.
public struct QuestionSets: Equatable, Sendable {
  public var training: [Question] = []
  public var validation: [Question] = []
  public var test: [Question] = []

  public init() {}
}

/// The set that a question may be in.
public enum QuestionUse: String, CaseIterable, Sendable {
  case training, validation, test

  /// By the first byte of the SHA-256 of a question's identity.
  public init(ofIdentity identity: String) {
    let digits = SHA256.hex(of: Array(identity.utf8)).prefix(2)
    switch UInt8(digits, radix: 16) ?? 0 {
    case 0x00..<0x20: self = .test
    case 0x20..<0x40: self = .validation
    default: self = .training
    }
  }
}

/// A task that makes its own questions, and judges and mends attempts by itself.
public protocol GeneratedTask: ScriptedTask {
  associatedtype Shape: QuestionShape
  typealias Portion = QuestionPortion<Shape>

  /// For files and commands: "word_sorting".
  static var name: String { get }

  /// What the settings are where a user sets nothing.
  static var defaults: TaskDefaults { get }

  /// Names the random stream that questions are drawn from.
  static var questionStream: String { get }

  /// How many questions of which shape there are.
  var plan: [Portion] { get }

  init(plan: [Portion])

  /// Draws a question; nil when this draw gives none.
  ///
  /// - Throws: `InputError` when there are no questions of this shape.
  func draw(_ shape: Shape, cell: Cell, random: inout RandomStream) throws(InputError) -> Question?

  /// The shape of any question of the task; nil when it has none.
  func shape(of question: Question) -> Shape?

  /// Whether a question can have this answer at all; for questions from elsewhere.
  func isPossible(_ gold: String, for question: Question) -> Bool

  /// The question block for the input of a BIG-Bench-Hard example.
  func block(bigBench input: String) -> String

  /// What makes a question what it is: of two with the same identity, one gives the other away.
  func identity(of question: Question) -> String
}

/// The settings that suit a task: what is practised, and the published sizes (docs/tripost.md, 9).
public struct TaskDefaults: Equatable, Sendable {
  public var seen: [String]
  public var unseen: [String]
  /// For the shipped model, and in the published runs.
  public var training: Int
  public var publishedTraining: Int
  public var validation: Int
  public var testPerShape: Int
  /// Words above which an attempt is discarded.
  public var maxWords: Int
  public var maxDataLength: Int
  public var minDataLength: Int
  /// Tokens of the single generation at t = 1.
  public var maxNewTokens: Int
  /// Tokens of an answer without steps.
  public var maxAnswerTokens = 10
}

extension GeneratedTask {
  public var name: String { Self.name }

  public var cells: [Cell] {
    var cells: [Cell] = []
    for portion in plan where !cells.contains(portion.cell) { cells.append(portion.cell) }
    return cells
  }

  public func block(bigBench input: String) -> String { "Q: " + input.trimmed }

  /// The cell of a shape: as in the plan, or else unseen.
  func cell(of shape: Shape) -> Cell {
    if let portion = plan.first(where: { $0.shape == shape }) { return portion.cell }
    let published = shape.publishedCell
    return published.isSeen ? Cell(name: shape.name, isSeen: false) : published
  }

  /// Makes the questions of the plan, the same ones for the same seed.
  ///
  /// - Throws: `InputError` when a shape is out of range or has too few different questions.
  public func questions(seed: UInt64) throws(InputError) -> QuestionSets {
    var sets = QuestionSets()
    for (index, portion) in plan.enumerated() {
      try add(portion, random: RandomStream(seed: seed, Self.questionStream, index), to: &sets)
    }
    return sets
  }

  private func add(
    _ portion: Portion, random: RandomStream, to sets: inout QuestionSets
  ) throws(InputError) {
    var random = random
    var left: [QuestionUse: Int] = [
      .training: portion.training, .validation: portion.validation, .test: portion.test,
    ]
    var known: Set<String> = []
    let total = portion.training + portion.validation + portion.test
    // One question in eight is for validation and one for the test, so this many are plenty.
    var drawsLeft = 1000 + 100 * total
    while left.values.contains(where: { $0 > 0 }) {
      guard drawsLeft > 0 else {
        throw InputError(
          .questionShortage, at: .init(entry: portion.shape.name), found: "\(total) questions",
          allowed: "a number of different questions that this shape has")
      }
      drawsLeft -= 1
      guard let question = try draw(portion.shape, cell: portion.cell, random: &random)
      else { continue }
      let identity = identity(of: question)
      let use = QuestionUse(ofIdentity: identity)
      guard let wanted = left[use], wanted > 0, known.insert(identity).inserted else { continue }
      left[use] = wanted - 1
      sets[use].append(question.with(id: "\(use.rawValue)-\(sets[use].count)"))
    }
  }
}

extension QuestionSets {
  public subscript(use: QuestionUse) -> [Question] {
    get {
      switch use {
      case .training: training
      case .validation: validation
      case .test: test
      }
    }
    set {
      switch use {
      case .training: training = newValue
      case .validation: validation = newValue
      case .test: test = newValue
      }
    }
  }
}

extension InputError.Rule {
  /// A shape that the task cannot make or solve.
  static let shapeRange = Self("TASK-01", exit: .configuration)
  /// More questions asked for than there are.
  static let questionShortage = Self("TASK-02", exit: .configuration)
}
