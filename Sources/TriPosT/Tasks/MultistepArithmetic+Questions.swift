// How the questions are made (9.1, 9.6), and which of them may be trained on.
//
// Besides the published rules there is this project's own: the first byte h of the SHA-256 of an
// expression says where it may be used, so that no set can meet another, whatever the seed, and a
// model can be pretrained on everything with h >= 0x40.

import Boundary

extension MultistepArithmetic {
  /// The shape of an expression: `depths` sub-expressions in one another, around groups of numbers.
  public struct Shape: Hashable, Sendable {
    /// Numbers in a group.
    public let length: Int

    /// [2, 2] is two brackets of two groups each.
    public let depths: [Int]

    public init(length: Int, depths: [Int]) {
      self.length = length
      self.depths = depths
    }

    /// "l3d22".
    public var name: String { "l\(length)d" + depths.map(String.init).joined() }

    /// How many groups there are; each needs a letter of its own.
    public var groupCount: Int { depths.reduce(1) { $0.multipliedReportingOverflow(by: $1).0 } }
  }

  /// How many questions of one shape each set gets.
  public struct Portion: Equatable, Sendable {
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

  /// The published sizes: 550 training, 50 validation and 360 test questions.
  public static let publishedPlan: [Portion] = {
    let practised = [[137, 13], [141, 9], [135, 15], [137, 13]]
    let seen = [[2], [2, 2]].flatMap { depths in
      [3, 4].map { Shape(length: $0, depths: depths) }
    }
    let harder =
      ([3, 4].map { Shape(length: $0, depths: [2, 2, 2]) })
      + [[2], [2, 2], [2, 2, 2]].flatMap { depths in
        [5, 6].map { Shape(length: $0, depths: depths) }
      }
    return zip(seen, practised).map { shape, counts in
      Portion(
        shape, cell: publishedCell(shape), training: counts[0], validation: counts[1], test: 30)
    } + harder.map { Portion($0, cell: publishedCell($0), test: 30) }
  }()

  /// The cell that the published tables count a shape in; 5 or 6 numbers in eight groups are in none
  /// of their totals.
  public static func publishedCell(_ shape: Shape) -> Cell {
    let isShort = shape.length <= 4
    return Cell(
      name: (isShort ? "l3-4d" : "l5-6d") + shape.depths.map(String.init).joined(),
      isSeen: isShort && shape.depths.count < 3,
      isPublished: isShort || shape.depths.count < 3)
  }

  /// The three sets of questions; no expression is in two of them, or twice in one.
  public struct Sets: Equatable, Sendable {
    public var training: [Question] = []
    public var validation: [Question] = []
    public var test: [Question] = []
  }

  /// The set that an expression may be in.
  public enum Use: String, Sendable {
    case training, validation, test

    /// By the first byte of the SHA-256 of the text between `Q: ` and ` =`.
    public init(ofExpression expression: String) {
      let digits = SHA256.hex(of: Array(expression.utf8)).prefix(2)
      switch UInt8(digits, radix: 16) ?? 0 {
      case 0x00..<0x20: self = .test
      case 0x20..<0x40: self = .validation
      default: self = .training
      }
    }
  }

  /// Makes the questions of the plan, the same ones for the same seed.
  ///
  /// - Throws: `InputError` when a shape is out of range or has too few different expressions.
  public func questions(seed: UInt64) throws -> Sets {
    var sets = Sets()
    for (index, portion) in plan.enumerated() {
      try add(portion, random: RandomStream(seed: seed, "arithmetic questions", index), to: &sets)
    }
    return sets
  }

  private func add(_ portion: Portion, random: RandomStream, to sets: inout Sets) throws {
    let shape = portion.shape
    guard (2...12).contains(shape.length), (1...4).contains(shape.depths.count),
      shape.depths.allSatisfy({ (2...26).contains($0) }), shape.groupCount <= 26
    else {
      throw InputError(
        .shapeRange, at: .init(entry: shape.name), found: "\(shape.groupCount) groups",
        allowed: "2 to 26 groups of 2 to 12 numbers, nested at most 4 deep")
    }
    var random = random
    var left: [Use: Int] = [
      .training: portion.training, .validation: portion.validation, .test: portion.test,
    ]
    var known: Set<String> = []
    let total = portion.training + portion.validation + portion.test
    // One expression in eight is for validation and one for the test, so this many are plenty.
    var drawsLeft = 1000 + 100 * total
    while left.values.contains(where: { $0 > 0 }) {
      guard drawsLeft > 0 else {
        throw InputError(
          .questionShortage, at: .init(entry: shape.name), found: "\(total) questions",
          allowed: "a number of different expressions that this shape has")
      }
      drawsLeft -= 1
      let expression = Self.expression(of: shape, random: &random)
      let use = Use(ofExpression: expression)
      guard let wanted = left[use], wanted > 0, known.insert(expression).inserted,
        let question = question(expression, id: "", cell: portion.cell)
      else { continue }
      left[use] = wanted - 1
      switch use {
      case .training: sets.training.append(question.with(id: "training-\(sets.training.count)"))
      case .validation:
        sets.validation.append(question.with(id: "validation-\(sets.validation.count)"))
      case .test: sets.test.append(question.with(id: "test-\(sets.test.count)"))
      }
    }
  }

  /// The question for an expression; nil when two of its groups are the same, which would leave one
  /// without a letter, or when it has no 64-bit value.
  public func question(_ expression: String, id: String, cell: Cell) -> Question? {
    let groups = Arithmetic.innermostBrackets(of: expression)
    guard Set(groups).count == groups.count, let value = Arithmetic.value(of: expression)
    else { return nil }
    return Question(id: id, block: "Q: \(expression) =", hint: hint, gold: "\(value)", cell: cell)
  }

  /// A random expression: numbers from -9 to 9, and + - * between them, all equally likely.
  static func expression(of shape: Shape, random: inout RandomStream) -> String {
    func joined(_ parts: [String]) -> String {
      var text = "(" + (parts.first ?? "")
      for part in parts.dropFirst() { text += [" + ", " - ", " * "][random.below(3)] + part }
      return text + ")"
    }
    func nested(_ depths: ArraySlice<Int>) -> String {
      guard let count = depths.first else {
        return joined((0..<shape.length).map { _ in "\(random.below(19) - 9)" })
      }
      return joined((0..<count).map { _ in nested(depths.dropFirst()) })
    }
    return nested(shape.depths[...])
  }
}

extension InputError.Rule {
  /// A shape that the task cannot make or solve.
  static let shapeRange = Self("TASK-01", exit: .configuration)
  /// More questions asked for than there are.
  static let questionShortage = Self("TASK-02", exit: .configuration)
}

extension Question {
  fileprivate func with(id: String) -> Question {
    Question(id: id, block: block, hint: hint, gold: gold, cell: cell)
  }
}
