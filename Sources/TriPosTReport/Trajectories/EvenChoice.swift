/// Chooses so many of a group, evenly over its order, as they come by.
struct EvenChoice {
  private let wanted: Int
  private let total: Int
  private var seen = 0

  /// - Parameters:
  ///   - wanted: How many to choose; all, where there are no more.
  ///   - total: How many will come.
  init(_ wanted: Int, of total: Int) {
    self.total = max(1, total)
    self.wanted = min(wanted, self.total)
  }

  /// Whether the next one is chosen.
  mutating func takesNext() -> Bool {
    let place = min(seen, total - 1)
    seen += 1
    // The middle one of each stretch, so that neither end is favoured.
    let (product, half) = (place * wanted, wanted / 2)
    return seen <= total && (product + half) / total != (product + half + wanted) / total
  }
}
