/// A text on its way to tokens: a linked list of symbols, and a heap of the pairs that may join.
///
/// Time is n log n in the text's length and no step recurses, so a megabyte of one letter is as
/// good as a novel.
struct SymbolList {
  private static let none = -1

  /// By position of the symbol's first character; a joined symbol keeps its left part's place.
  private var symbols: [MergeTable.Symbol] = []
  /// Offset of each symbol's first byte, and one more for the end.
  private var starts: [Int] = []
  private var next: [Int] = []
  private var previous: [Int] = []
  /// Keys `rank << 32 | left`: the best rank first, the leftmost first within a rank.
  private var heap = MinimumHeap()

  init(_ bytes: [UInt8], _ merges: MergeTable) {
    for character in Characters(bytes[...]) {
      symbols.append(merges.symbol(bytes[character]))
      starts.append(character.lowerBound)
    }
    starts.append(bytes.count)
    next = symbols.indices.map { $0 + 1 < symbols.count ? $0 + 1 : Self.none }
    previous = symbols.indices.map { $0 - 1 }
  }

  /// Joins the best pair until there is none.
  mutating func mergeAll(_ merges: MergeTable) {
    for left in symbols.indices.dropLast() { offer(left, merges) }
    while let key = heap.popFirst() {
      let left = Int(key & 0xFFFF_FFFF)
      // The entry may be older than its symbols. Equal keys are equally good, so it is enough that
      // what stands here now has the rank that was offered.
      guard let right = right(of: left),
        let joined = merges.join(symbols[left], symbols[right]), joined.rank == key >> 32
      else { continue }
      symbols[left] = joined.symbol
      symbols[right] = MergeTable.unknown
      next[left] = next[right]
      next[right] = Self.none
      if let after = self.right(of: left) { previous[after] = left }
      if previous[left] != Self.none { offer(previous[left], merges) }
      offer(left, merges)
    }
  }

  /// Visits what is left, in order, with the bytes each symbol covers.
  func forEach(_ body: (MergeTable.Symbol, Range<Int>) -> Void) {
    var position = symbols.isEmpty ? Self.none : 0
    while position != Self.none {
      let after = next[position]
      body(
        symbols[position],
        starts[position]..<starts[after == Self.none ? symbols.count : after])
      position = after
    }
  }

  private func right(of left: Int) -> Int? { next[left] == Self.none ? nil : next[left] }

  private mutating func offer(_ left: Int, _ merges: MergeTable) {
    guard let right = right(of: left), let joined = merges.join(symbols[left], symbols[right])
    else { return }
    heap.insert(UInt64(joined.rank) << 32 | UInt64(left))
  }
}
