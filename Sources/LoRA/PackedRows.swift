import QuantKernels

/// Rows laid one behind the other as one sequence of tokens, each with positions of its own from 0.
///
/// What comes after a row's last target is left out: nothing that is trained on depends on it. A
/// beginning that several rows have in common lies there once, in whole pages, and they go on from it.
struct PackedRows {
  private(set) var tokens: [Int] = []
  private(set) var positions: [Int] = []
  /// What lies where; one that others go on from comes before them.
  private(set) var sequences: [AttentionSequence] = []
  /// The places whose next token is trained on, ascending.
  private(set) var outputs: [Int] = []
  /// What is trained on there: the number of the output, the token and the factor of its cross-entropy.
  ///
  /// Rows that part after a common beginning want several tokens of one place.
  private(set) var targets: [(output: Int, token: Int, coefficient: Double)] = []
  /// What attention sees: each stretch has pages of its own.
  private(set) var places = AttentionPlaces()
  private(set) var pages = 0

  /// Packs rows with their coefficients: one list a row, one number a token.
  ///
  /// - Parameters:
  ///   - rows: Of a micro-batch.
  ///   - coefficients: As many lists.
  ///   - sharing: Whether common beginnings lie there once.
  init(_ rows: [TrainingRow], coefficients: [[Double]], sharing: Bool = true) {
    let parts = zip(rows, coefficients).compactMap { row, factors -> Part? in
      guard let last = factors.lastIndex(where: { $0 != 0 }), last > 0 else { return nil }
      return Part(row: row, factors: factors, count: last)
    }
    var wanted: [Target] = []
    lay(parts, after: Stem(), sharing: sharing, into: &wanted)
    take(wanted)
  }

  private typealias Target = (place: Int, token: Int, coefficient: Double)

  /// A row up to its last target, and the factors of its tokens.
  private struct Part {
    let row: TrainingRow
    let factors: [Double]
    let count: Int

    /// Some tokens, or nil where the row is shorter.
    func tokens(_ range: Range<Int>) -> ArraySlice<Int>? {
      range.upperBound <= count ? row.tokens[range] : nil
    }
  }

  /// A beginning that is there already.
  private struct Stem {
    var count = 0
    var ranges: [Range<Int>] = []
    var table: [Int32] = []

    /// Where a position of it lies.
    func place(_ position: Int) -> Int {
      var left = position
      for range in ranges {
        if left < range.count { return range.lowerBound + left }
        left -= range.count
      }
      preconditionFailure("position \(position) of \(count)")
    }
  }

  /// Lays rows that have a stem in common, in their order but for those that go on together.
  private mutating func lay(
    _ parts: [Part], after stem: Stem, sharing: Bool, into targets: inout [Target]
  ) {
    let page = KeyValueStore.pageLength
    var left = parts
    while let first = left.first {
      var together = [first]
      var end = stem.count
      if sharing, let next = first.tokens(end..<end + page) {
        together = left.filter { $0.tokens(end..<end + page) == next }
      }
      if together.count > 1 {
        while let next = first.tokens(end..<end + page),
          together.allSatisfy({ $0.tokens(end..<end + page) == next })
        {
          end += page
        }
        left.removeAll { $0.tokens(stem.count..<end) == first.tokens(stem.count..<end) }
        lay(together, after: grown(stem, by: first, to: end), sharing: true, into: &targets)
      } else {
        left.removeFirst()
        let whole = grown(stem, by: first, to: first.count)
        for index in 1...first.count where first.factors[index] != 0 {
          targets.append((whole.place(index - 1), first.row.tokens[index], first.factors[index]))
        }
      }
    }
  }

  /// Appends a part's tokens up to `end`.
  private mutating func grown(_ stem: Stem, by part: Part, to end: Int) -> Stem {
    guard end > stem.count else { return stem }
    let (start, count) = (tokens.count, end - stem.count)
    tokens += part.row.tokens[stem.count..<end]
    positions += stem.count..<end
    sequences.append(AttentionSequence(rows: start..<start + count, after: stem.ranges))
    let newPages = (count + KeyValueStore.pageLength - 1) / KeyValueStore.pageLength
    let table = stem.table + (pages..<pages + newPages).map { Int32($0) }
    places.add(rows: count, from: stem.count, table: table)
    pages += newPages
    return Stem(count: end, ranges: stem.ranges + [start..<start + count], table: table)
  }

  /// In the order of places; what several rows want of one place is one target.
  private mutating func take(_ wanted: [Target]) {
    let order = wanted.indices.sorted {
      (wanted[$0].place, wanted[$0].token, $0) < (wanted[$1].place, wanted[$1].token, $1)
    }
    for index in order {
      let (place, token, coefficient) = wanted[index]
      if outputs.last != place { outputs.append(place) }
      if let last = targets.last, last.output == outputs.count - 1, last.token == token {
        targets[targets.count - 1].coefficient += coefficient
      } else {
        targets.append((outputs.count - 1, token, coefficient))
      }
    }
  }
}
