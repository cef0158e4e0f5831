// How the questions are made (9.4, 9.6): a hidden order, and just enough statements to find it.

public import Boundary

extension LogicalDeduction {
  /// The number of objects.
  public struct Shape: CountedShape {
    public let count: Int

    public init(count: Int) {
      self.count = count
    }

    public static let letter: Character = "o"
    public static let example = "o5: five objects"

    public var publishedCell: Cell { Cell(name: name, isSeen: count <= 5) }
  }

  public static let questionStream = "logical deduction questions"

  public static let defaults = TaskDefaults(
    seen: ["o3", "o5"], unseen: ["o7"], training: 360, publishedTraining: 360, validation: 40,
    testPerShape: 50, maxWords: 900, maxDataLength: 80, minDataLength: 20, maxNewTokens: 1024)

  public func draw(
    _ shape: Shape, cell: Cell, random: inout RandomStream
  ) throws(InputError) -> Question? {
    guard (3...7).contains(shape.count) else {
      throw InputError(
        .shapeRange, at: .init(entry: shape.name), found: "\(shape.count) objects",
        allowed: "3 to 7 objects")
    }
    let scene = OrderScene.all[random.below(OrderScene.all.count)]
    let names = random.sample(shape.count, of: scene.objects)
    let table = OrderTable.of(names.count)
    let order = random.below(table.orders.count)
    let statements = Self.statements(order, names, scene, table, &random)
    let index = random.below(names.count)
    let asked = Self.phrase(index, of: names.count, scene.axis, &random)
    var options = Array(names.indices)
    random.shuffle(&options)
    let number = ["three", "four", "five", "six", "seven"][names.count - 3]
    let list = names.map { scene.listed($0) }
    let story =
      "The following paragraphs each describe a set of \(number) objects arranged in a fixed order. "
      + OrderPuzzle.opening + "\(scene.opening) \(number) \(scene.noun): "
      + list.dropLast().joined(separator: ", ") + ", and \(list[list.count - 1])."
      + statements.map { " \($0)." }.joined()
    let choice = MultipleChoice(
      text: story,
      options: options.map { "\(scene.subject(names[$0])) \(scene.axis.verb) \(asked)." })
    guard let answer = options.firstIndex(of: table.orders[order][index]) else { return nil }
    return Question(
      id: "", block: choice.block, hint: hint, gold: MultipleChoice.letters[answer], cell: cell)
  }

  /// True statements in random order, none of which could be left out.
  private static func statements(
    _ order: Int, _ names: [String], _ scene: OrderScene, _ table: OrderTable,
    _ random: inout RandomStream
  ) -> [String] {
    let objects = table.orders[order]
    var chosen: [(text: String, orders: OrderSet)] = []
    var left = table.all
    while left.count > 1 {
      let place = random.below(objects.count)
      var text: String
      // Two in three compare two objects.
      if random.below(3) > 0 {
        let other = random.below(objects.count)
        guard other != place else { continue }
        let words = scene.axis.comparisons
        text =
          "\(scene.subject(names[objects[place]])) \(scene.axis.verb) "
          + "\(place < other ? words.lower : words.higher) \(scene.object(names[objects[other]]))"
      } else {
        text =
          "\(scene.subject(names[objects[place]])) \(scene.axis.verb) "
          + phrase(place, of: objects.count, scene.axis, &random)
      }
      guard let pattern = OrderSentence(text, names, scene.axis)?.pattern else { continue }
      let orders = pattern.orders(in: table)
      guard !left.isSubset(of: orders) else { continue }
      left = left.intersection(orders)
      chosen.append((text, orders))
    }
    for index in chosen.indices.reversed() {
      let others = chosen.indices.filter { $0 != index }
        .reduce(table.all) { $0.intersection(chosen[$1].orders) }
      if others.count == 1 { chosen.remove(at: index) }
    }
    random.shuffle(&chosen)
    return chosen.map(\.text)
  }

  /// A place in words, counted from the nearer end; from either one in the middle.
  private static func phrase(
    _ index: Int, of size: Int, _ axis: OrderAxis, _ random: inout RandomStream
  ) -> String {
    let (low, high) = (index, size - 1 - index)
    let isFromLow = low == high ? random.below(2) == 0 : low < high
    let phrase = axis.phrase(OrderPlace(steps: min(low, high), isFromLow: isFromLow))
    return axis == .rank ? phrase : "the \(phrase)"
  }

  public func shape(of question: Question) -> Shape? {
    MultipleChoice(question).map { Shape(count: $0.options.count) }
  }
}

/// Things that stand in an order, and how they are spoken of.
struct OrderScene {
  let axis: OrderAxis
  let opening: String
  let noun: String
  let objects: [String]

  /// "a red cup", "an oak"; people and wares have no article in a list.
  func listed(_ name: String) -> String {
    switch axis {
    case .rank, .price: name
    case .place, .age: ("aeiou".contains(name.prefix(1)) ? "an " : "a ") + name
    }
  }

  func subject(_ name: String) -> String { axis == .rank ? name : "The \(name)" }

  func object(_ name: String) -> String { axis == .rank ? name : "the \(name)" }

  static let all: [OrderScene] = [
    OrderScene(
      axis: .place, opening: "On a desk, there are", noun: "cups",
      objects: ["red", "blue", "green", "white", "orange", "yellow", "purple", "brown", "silver"]
        .map { $0 + " cup" }),
    OrderScene(
      axis: .place, opening: "Along a lane, there are", noun: "trees",
      objects: [
        "oak", "elm", "birch", "maple", "willow", "chestnut", "alder", "cherry tree", "fir",
      ]),
    OrderScene(
      axis: .rank, opening: "In a race, there were", noun: "runners",
      objects: ["Ivy", "Max", "Zoe", "Ned", "Kim", "Lou", "Tom", "Una", "Gus", "Pia", "Ray", "Bea"]),
    OrderScene(
      axis: .age, opening: "In a museum, there are", noun: "machines",
      objects: [
        "loom", "press", "lathe", "steam engine", "crane", "pump", "plough", "organ", "turbine",
      ]),
    OrderScene(
      axis: .price, opening: "A market stall sells", noun: "vegetables",
      objects: [
        "carrots", "leeks", "onions", "turnips", "beans", "peppers", "radishes", "artichokes",
        "sweet potatoes",
      ]),
  ]
}
