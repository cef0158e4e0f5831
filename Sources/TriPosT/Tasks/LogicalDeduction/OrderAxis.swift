// What objects can be ordered by, and how that is said.

/// A direction that objects are ordered in, from its low end to its high one.
enum OrderAxis: CaseIterable, Sendable {
  case place, rank, age, price

  /// How the ends are called in a pattern: `(left)`, `(right)`.
  var ends: (low: String, high: String) {
    switch self {
    case .place: ("left", "right")
    case .rank: ("above", "below")
    case .age: ("oldest", "newest")
    case .price: ("cheapest", "most expensive")
    }
  }

  /// Between an object and one that is nearer to the high end, or to the low end.
  var comparisons: (lower: String, higher: String) {
    switch self {
    case .place: ("to the left of", "to the right of")
    case .rank: ("above", "below")
    case .age: ("older than", "newer than")
    case .price: ("less expensive than", "more expensive than")
    }
  }

  /// What the predicate begins with: "is", "finished".
  var verb: String {
    switch self {
    case .place, .age: "is"
    case .rank: "finished"
    case .price: "are"
    }
  }

  /// The place that is so many from an end, without article: "second from the left", "last".
  func phrase(_ place: OrderPlace) -> String {
    let ordinal = ordinals[place.steps]
    switch (self, place.steps, place.isFromLow) {
    case (.place, 0, true): return "leftmost"
    case (.place, 0, false): return "rightmost"
    case (.place, _, let isLow): return "\(ordinal) from the \(isLow ? "left" : "right")"
    case (.rank, _, true): return ordinal
    case (.rank, 0, false): return "last"
    case (.rank, _, false): return "\(ordinal)-to-last"
    case (.age, 0, let isLow), (.price, 0, let isLow): return isLow ? ends.low : ends.high
    case (.age, _, let isLow), (.price, _, let isLow):
      return "\(ordinal)-\(isLow ? ends.low : ends.high)"
    }
  }

  /// The place that a phrase means; nil when it means none.
  func place(_ phrase: String) -> OrderPlace? {
    for steps in 0..<OrderTable.sizes.upperBound {
      for isFromLow in [true, false] {
        let place = OrderPlace(steps: steps, isFromLow: isFromLow)
        if self.phrase(place) == phrase { return place }
      }
    }
    return nil
  }
}

/// A place counted from one end.
struct OrderPlace: Equatable {
  /// 0 is the end itself.
  let steps: Int
  let isFromLow: Bool

  init(steps: Int, isFromLow: Bool) {
    self.steps = steps
    self.isFromLow = isFromLow
  }

  /// Counted from the low end.
  func index(of size: Int) -> Int { isFromLow ? steps : size - 1 - steps }
}
