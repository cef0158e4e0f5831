// Sets of the orders that up to seven objects can be in; seven have 5,040.

/// Some of the orders of an `OrderTable`, a bit for each.
struct OrderSet: Equatable {
  private var bits: [UInt64]

  init(count: Int) {
    bits = [UInt64](repeating: 0, count: (count + 63) / 64)
  }

  mutating func insert(_ order: Int) { bits[order / 64] |= 1 << UInt64(order % 64) }

  mutating func formUnion(_ other: OrderSet) {
    for index in bits.indices { bits[index] |= other.bits[index] }
  }

  func intersection(_ other: OrderSet) -> OrderSet {
    var result = self
    for index in bits.indices { result.bits[index] &= other.bits[index] }
    return result
  }

  func isSubset(of other: OrderSet) -> Bool {
    zip(bits, other.bits).allSatisfy { $0 & ~$1 == 0 }
  }

  func contains(_ order: Int) -> Bool { bits[order / 64] >> UInt64(order % 64) & 1 == 1 }

  var count: Int { bits.reduce(0) { $0 + $1.nonzeroBitCount } }

  /// The number of the first order in the set.
  var first: Int? {
    bits.firstIndex { $0 != 0 }.map { $0 * 64 + bits[$0].trailingZeroBitCount }
  }
}

/// All orders of some objects, and which of them have an object in a place.
struct OrderTable: Sendable {
  /// Objects.
  let size: Int
  /// By number, the objects of an order from its low end on.
  let orders: [[Int]]
  /// Every order.
  let all: OrderSet
  /// By object and place.
  private let placed: [[OrderSet]]
  /// By two objects: the orders in which the first one stands before the second.
  private(set) var before: [[OrderSet]] = []

  static let sizes = 2...7

  /// - Precondition: The size is one of `sizes`.
  static func of(_ size: Int) -> OrderTable { tables[size - sizes.lowerBound] }

  private static let tables = sizes.map(OrderTable.init)

  private init(_ size: Int) {
    var orders: [[Int]] = [[]]
    for object in 0..<size {
      orders = orders.flatMap { order in
        (0...order.count).map { Array(order[..<$0]) + [object] + Array(order[$0...]) }
      }
    }
    let none = OrderSet(count: orders.count)
    var placed = [[OrderSet]](
      repeating: [OrderSet](repeating: none, count: size), count: size)
    var all = none
    for (number, order) in orders.enumerated() {
      all.insert(number)
      for (place, object) in order.enumerated() { placed[object][place].insert(number) }
    }
    self.size = size
    self.orders = orders
    self.all = all
    self.placed = placed
    before = (0..<size).map { first in
      (0..<size).map { separating(first, $0, by: .any) }
    }
  }

  /// The orders that have an object in one of these places.
  func placing(_ object: Int, in places: some Sequence<Int>) -> OrderSet {
    var result = OrderSet(count: orders.count)
    for place in places where place >= 0 && place < size {
      result.formUnion(placed[object][place])
    }
    return result
  }

  /// The orders in which so many objects stand between one and a later one.
  func separating(_ first: Int, _ second: Int, by gap: OrderPattern.Gap) -> OrderSet {
    var result = OrderSet(count: orders.count)
    for place in 0..<size {
      for other in stride(from: place + 1 + gap.least, to: size, by: 1) {
        guard gap.isOpen || other == place + 1 + gap.least else { break }
        result.formUnion(placed[first][place].intersection(placed[second][other]))
      }
    }
    return result
  }
}

/// What is known of an order: some of the objects from its low end on, and what is between them.
struct OrderPattern: Equatable {
  /// How many other objects there are between two, or between an end and an object.
  struct Gap: Equatable {
    /// Exactly this many, or at least this many in an open gap.
    var least: Int
    var isOpen: Bool

    static let any = Gap(least: 0, isOpen: true)
    static func exactly(_ count: Int) -> Gap { Gap(least: count, isOpen: false) }
  }

  let objects: [Int]
  /// Before, between and after the objects: one more than there are objects.
  let gaps: [Gap]

  /// Whether it says how far an object is from an end.
  var isAnchored: Bool {
    !objects.isEmpty && (gaps.first?.isOpen == false || gaps.last?.isOpen == false)
  }

  /// The orders that it allows; none when it names an object twice.
  func orders(in table: OrderTable) -> OrderSet {
    guard let first = objects.first, let last = objects.last, let low = gaps.first,
      let high = gaps.last
    else {
      let least = gaps.first?.least ?? 0
      let fits = gaps.first?.isOpen == false ? least == table.size : least <= table.size
      return fits ? table.all : OrderSet(count: table.orders.count)
    }
    let end = table.size - 1
    var set = table.placing(
      first, in: low.isOpen ? Array(low.least..<max(low.least, end + 1)) : [low.least]
    )
    .intersection(
      table.placing(
        last, in: high.isOpen ? Array(0..<max(0, end + 1 - high.least)) : [end - high.least]))
    for (pair, gap) in zip(zip(objects, objects.dropFirst()), gaps.dropFirst()) {
      set = set.intersection(
        gap == .any
          ? table.before[pair.0][pair.1] : table.separating(pair.0, pair.1, by: gap))
    }
    return set
  }

  /// What two patterns say together, as far as a pattern can say it.
  ///
  /// - Parameters:
  ///   - other: The other pattern.
  ///   - orders: The orders that both allow.
  ///   - table: Of all objects.
  /// - Returns: The pattern, or nil when the order of all objects named is not certain.
  func combined(with other: OrderPattern, allowing orders: OrderSet, in table: OrderTable)
    -> OrderPattern?
  {
    guard let example = orders.first else { return nil }
    let chain = table.orders[example].filter { objects.contains($0) || other.objects.contains($0) }
    for (first, second) in zip(chain, chain.dropFirst()) {
      guard orders.isSubset(of: table.before[first][second]) else { return nil }
    }
    let distances = ExactDistances([self, other], size: table.size)
    let nodes = [distances.low] + chain + [distances.high]
    return OrderPattern(
      objects: chain,
      gaps: zip(nodes, nodes.dropFirst()).map { first, second in
        distances.distance(first, second).map { .exactly($0 - 1) } ?? .any
      })
  }
}

/// The places that are a known number apart: objects, and the places just before and after all.
private struct ExactDistances {
  let low: Int
  let high: Int
  private var neighbours: [[(node: Int, distance: Int)]]

  init(_ patterns: [OrderPattern], size: Int) {
    low = size
    high = size + 1
    neighbours = Array(repeating: [], count: size + 2)
    for pattern in patterns {
      let nodes = [low] + pattern.objects + [high]
      for (pair, gap) in zip(zip(nodes, nodes.dropFirst()), pattern.gaps) where !gap.isOpen {
        neighbours[pair.0].append((pair.1, gap.least + 1))
        neighbours[pair.1].append((pair.0, -gap.least - 1))
      }
    }
  }

  /// From one to the other, or nil when it is not known.
  func distance(_ first: Int, _ second: Int) -> Int? {
    var found = [first: 0]
    var pending = [first]
    while let node = pending.popLast(), let sum = found[node] {
      for (next, distance) in neighbours[node] where found[next] == nil {
        found[next] = sum + distance
        pending.append(next)
      }
    }
    return found[second]
  }
}
