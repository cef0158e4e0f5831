// How the questions are made (9.2, 9.6): lists of two to twenty of the project's own words.

public import Boundary

extension WordSorting {
  /// The number of words in a list.
  public struct Shape: CountedShape {
    public let count: Int

    public init(count: Int) {
      self.count = count
    }

    public static let letter: Character = "w"
    public static let example = "w5: five words"

    public var publishedCell: Cell {
      let names = [(2, 3), (4, 7), (8, 10), (11, 15), (16, 20)]
      let range = names.first { $0.1 >= count } ?? (21, 99)
      return Cell(name: "w\(range.0)-\(range.1)", isSeen: count <= 7)
    }
  }

  public static let questionStream = "word sorting questions"

  public static let defaults = TaskDefaults(
    seen: (2...7).map { "w\($0)" }, unseen: (8...20).map { "w\($0)" }, training: 433,
    publishedTraining: 433, validation: 40, testPerShape: 20, maxWords: 512, maxDataLength: 120,
    minDataLength: 60, maxNewTokens: 1024, maxAnswerTokens: 128)

  public func draw(
    _ shape: Shape, cell: Cell, random: inout RandomStream
  ) throws(InputError) -> Question? {
    guard (2...40).contains(shape.count) else {
      throw InputError(
        .shapeRange, at: .init(entry: shape.name), found: "\(shape.count) words",
        allowed: "2 to 40 words")
    }
    let words = random.sample(shape.count, of: Self.vocabulary)
    let sorted = words.sorted(by: Self.precedes)
    // A word that another one begins with would end before the two differ.
    guard !zip(sorted, sorted.dropFirst()).contains(where: { $1.startsWith($0) }) else {
      return nil
    }
    return question(sorting: words, id: "", cell: cell)
  }

  public func shape(of question: Question) -> Shape? {
    question.listedWords.map { Shape(count: $0.count) }
  }

  public func isPossible(_ gold: String, for question: Question) -> Bool {
    gold.words.map(String.init) == question.listedWords?.sorted(by: Self.precedes)
  }

  /// "Sort the following words alphabetically: List: …", on one line.
  public func block(bigBench input: String) -> String {
    guard let list = input.firstRange(of: "List:") else { return "Q: " + input }
    return Self.opening + String(input[list.upperBound...]).words.joined(separator: " ")
  }

  /// The words without their order.
  public func identity(of question: Question) -> String {
    question.listedWords?.sorted(by: Self.precedes).joined(separator: " ") ?? question.block
  }
}
