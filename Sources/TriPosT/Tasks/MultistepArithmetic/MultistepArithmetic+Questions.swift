// How the questions are made (9.1, 9.6).

public import Boundary

extension MultistepArithmetic {
  /// The shape of an expression: `depths` sub-expressions in one another, around groups of numbers.
  public struct Shape: QuestionShape {
    /// Numbers in a group.
    public let length: Int

    /// [2, 2] is two brackets of two groups each.
    public let depths: [Int]

    public init(length: Int, depths: [Int]) {
      self.length = length
      self.depths = depths
    }

    /// Reads a name such as `l3d22`.
    public init?(name: String) {
      let parts = name.dropFirst().split(separator: "d", omittingEmptySubsequences: false)
      guard name.first == "l", parts.count == 2, let length = Int(parts[0]) else { return nil }
      let depths = parts[1].compactMap(\.wholeNumberValue)
      guard !depths.isEmpty, depths.count == parts[1].count else { return nil }
      self.init(length: length, depths: depths)
      guard self.name == name else { return nil }
    }

    /// "l3d22".
    public var name: String { "l\(length)d" + depths.map(String.init).joined() }

    public static let example = "l3d22: 3 numbers in 2 times 2 groups"

    /// How many groups there are; each needs a letter of its own.
    public var groupCount: Int { depths.reduce(1) { $0.multipliedReportingOverflow(by: $1).0 } }

    /// 5 or 6 numbers in eight groups are in none of the published totals.
    public var publishedCell: Cell {
      let isShort = length <= 4
      return Cell(
        name: (isShort ? "l3-4d" : "l5-6d") + depths.map(String.init).joined(),
        isSeen: isShort && depths.count < 3, isPublished: isShort || depths.count < 3)
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
        shape, cell: shape.publishedCell, training: counts[0], validation: counts[1], test: 30)
    } + harder.map { Portion($0, cell: $0.publishedCell, test: 30) }
  }()

  public static let questionStream = "arithmetic questions"

  public static let defaults = TaskDefaults(
    seen: ["l3d2", "l4d2", "l3d22", "l4d22"],
    unseen: ["l3d222", "l4d222", "l5d2", "l6d2", "l5d22", "l6d22", "l5d222", "l6d222"],
    training: 600, publishedTraining: 550, validation: 50, testPerShape: 30, maxWords: 512,
    maxDataLength: 200, minDataLength: 60, maxNewTokens: 512)

  /// The text between `Q: ` and ` =`.
  public func identity(of question: Question) -> String { question.expression ?? question.block }

  public func draw(
    _ shape: Shape, cell: Cell, random: inout RandomStream
  ) throws(InputError) -> Question? {
    guard (2...12).contains(shape.length), (1...4).contains(shape.depths.count),
      shape.depths.allSatisfy({ (2...26).contains($0) }), shape.groupCount <= 26
    else {
      throw InputError(
        .shapeRange, at: .init(entry: shape.name), found: "\(shape.groupCount) groups",
        allowed: "2 to 26 groups of 2 to 12 numbers, nested at most 4 deep")
    }
    return question(Self.expression(of: shape, random: &random), id: "", cell: cell)
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

extension MultistepArithmetic {
  public func isPossible(_ gold: String, for question: Question) -> Bool {
    question.expression.flatMap { Arithmetic.value(of: $0) }.map {
      isCorrect("\($0)", to: question)
    }
      ?? false
  }

  /// By the first group's numbers, and how many brackets each bracket holds on every level.
  public func shape(of question: Question) -> Shape? {
    guard let expression = question.expression, let reading = ExpressionShape(expression) else {
      return nil
    }
    return Shape(length: reading.length, depths: reading.depths)
  }
}

/// What a regular nesting of brackets looks like.
private struct ExpressionShape {
  var length = 0
  var depths: [Int] = []

  /// Nil when brackets of one level hold different numbers of parts.
  init?(_ expression: String) {
    // Open brackets, outermost first: how many brackets each holds so far.
    var open: [Int] = []
    var held: [Int: Int] = [:]
    var lengths: Set<Int> = []
    var numbers = 0
    var previous: UInt8 = 0
    for byte in expression.utf8 {
      switch byte {
      case UInt8(ascii: "("):
        if !open.isEmpty { open[open.count - 1] += 1 }
        open.append(0)
        numbers = 0
      case UInt8(ascii: ")"):
        guard let count = open.popLast() else { return nil }
        if count == 0 {
          lengths.insert(numbers)
        } else {
          guard held.updateValue(count, forKey: open.count) ?? count == count else { return nil }
        }
      default:
        if isDigit(byte), !isDigit(previous) { numbers += 1 }
      }
      previous = byte
    }
    guard open.isEmpty, lengths.count == 1, let only = lengths.first, !held.isEmpty else {
      return nil
    }
    length = only
    depths = held.keys.sorted().compactMap { held[$0] }
  }
}
