// The canonical solution (9.4): statements as patterns, combined until one order is left.

extension LogicalDeduction {
  public func rationale(for question: Question) -> Attempt? {
    guard let puzzle = OrderPuzzle(question), let lines = DeductionSteps().solution(of: puzzle)
    else { return nil }
    return Attempt(lines: lines)
  }
}

/// What the lines of a solution have established so far; empty at its beginning.
struct DeductionSteps {
  /// A pattern that no later line has gone into.
  private struct Fact {
    let label: Int
    let pattern: OrderPattern
    let orders: OrderSet
  }

  private var lines: [String] = []
  private var nextLabel = 1
  /// Statements that have a line, by their place in the question.
  private var stated: Set<Int> = []
  private var facts: [Fact] = []
  /// The line that counts the objects.
  private var inventory: Int?
  private var isOrdered = false
  private var isReadOut = false

  init() {}

  /// Takes lines as done, whose patterns have been found right.
  mutating func take(_ line: DeductionLine, of puzzle: OrderPuzzle) {
    let label = line.number ?? nextLabel
    nextLabel = label + 1
    switch line.content {
    case .statement(let text, let pattern, _):
      if let index = puzzle.statements.firstIndex(where: { $0.text == text }) {
        stated.insert(index)
      }
      add(label, pattern, puzzle)
    case .inventory: inventory = label
    case .combination(let sources, let pattern, _):
      facts.removeAll { sources.contains($0.label) }
      add(label, pattern, puzzle)
      isOrdered =
        isOrdered
        || pattern.objects.count == puzzle.names.count && pattern.gaps.allSatisfy { !$0.isOpen }
    case .readOut: isReadOut = true
    case .answer: break
    }
  }

  private mutating func add(_ label: Int, _ pattern: OrderPattern, _ puzzle: OrderPuzzle) {
    facts.append(Fact(label: label, pattern: pattern, orders: pattern.orders(in: puzzle.table)))
  }

  /// The lines that are still to be written; nil when the statements leave several orders, or none.
  func solution(of puzzle: OrderPuzzle) -> [String]? {
    guard let order = puzzle.solution, let (object, option) = puzzle.answer(in: order) else {
      return nil
    }
    var steps = self
    for (index, statement) in puzzle.statements.enumerated() where !stated.contains(index) {
      let label = steps.write(
        "\(statement.text): \"\(puzzle.text(of: statement.pattern))\"")
      steps.add(label, statement.pattern, puzzle)
    }
    let inventory = steps.inventory ?? steps.write("There are in total \(puzzle.inventory)")
    if !isOrdered {
      while steps.combineNext(in: puzzle) {}
      steps.conclude(order, with: inventory, in: puzzle)
    }
    if !isReadOut { steps.write("According to this ordering, \(puzzle.readOut(object))") }
    steps.lines.append(
      "(Final response) \(puzzle.sentence(ofOption: option)) So the answer is "
        + "(\(MultipleChoice.letters[option])).")
    return steps.lines
  }

  @discardableResult
  private mutating func write(_ text: String) -> Int {
    lines.append("(\(nextLabel)) \(text).")
    nextLabel += 1
    return nextLabel - 1
  }

  /// Combines two facts: first such as are both counted from an end, then such as share an object,
  /// then any, as long as together they leave no doubt about the order of what they name.
  private mutating func combineNext(in puzzle: OrderPuzzle) -> Bool {
    guard !facts.contains(where: { $0.orders.count == 1 }) else { return false }
    var best: (rank: Int, first: Int, second: Int, pattern: OrderPattern, orders: OrderSet)?
    for first in facts.indices {
      for second in facts.indices.dropFirst(first + 1) {
        let (a, b) = (facts[first], facts[second])
        let rank =
          a.pattern.isAnchored && b.pattern.isAnchored
          ? 0 : a.pattern.objects.contains(where: b.pattern.objects.contains) ? 1 : 2
        guard best.map({ rank < $0.rank }) ?? true else { continue }
        let orders = a.orders.intersection(b.orders)
        guard
          let pattern = a.pattern.combined(with: b.pattern, allowing: orders, in: puzzle.table)
        else { continue }
        best = (rank, first, second, pattern, orders)
      }
    }
    guard let best else { return false }
    writeCombination(of: [facts[best.first].label, facts[best.second].label], best.pattern, puzzle)
    // The pattern may say less than its sources did; later lines go by what it says.
    facts.remove(at: best.second)
    facts.remove(at: best.first)
    add(nextLabel - 1, best.pattern, puzzle)
    return true
  }

  /// Writes the only order left.
  private mutating func conclude(_ order: Int, with inventory: Int, in puzzle: OrderPuzzle) {
    let objects = puzzle.table.orders[order]
    let pattern = OrderPattern(
      objects: objects,
      gaps: Array(repeating: .exactly(0), count: objects.count + 1))
    let needed = facts.first { $0.orders.count == 1 }.map { [$0] } ?? facts
    writeCombination(of: needed.map(\.label) + [inventory], pattern, puzzle)
  }

  private mutating func writeCombination(
    of labels: [Int], _ pattern: OrderPattern, _ puzzle: OrderPuzzle
  ) {
    let names = labels.sorted().map { "(\($0))" }
    let list = names.dropLast().joined(separator: ", ") + " and " + (names.last ?? "")
    write(
      "Combining \(list) we get the following ordering: \"\(puzzle.text(of: pattern))\"")
  }
}
