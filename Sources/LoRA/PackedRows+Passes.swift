import QuantKernels

extension PackedRows {
  /// Tokens that make a pass: weights become floats once for so many, and what a layer makes of them
  /// stays in the caches from one step to the next.
  static let passTokens = 512

  /// Rows of a micro-batch in passes of at least `passTokens` tokens, the last but for it; what is kept for
  /// the backward pass is then a pass', not a micro-batch's.
  ///
  /// Rows that begin alike stay together, so that what they have in common is computed once.
  static func passes(
    _ rows: [TrainingRow], coefficients: [[Double]], sharing: Bool = true
  ) -> [PackedRows] {
    var passes: [[Int]] = [[]]
    var tokens = 0
    for group in groups(of: rows, sharing: sharing) {
      if tokens >= passTokens {
        passes.append([])
        tokens = 0
      }
      passes[passes.count - 1] += group
      tokens += group.reduce(0) { $0 + rows[$1].tokens.count }
    }
    return passes.map { pass in
      PackedRows(
        pass.map { rows[$0] }, coefficients: pass.map { coefficients[$0] }, sharing: sharing)
    }
  }

  /// The most tokens that a pass over any `batch` of these rows may have.
  static func mostTokensOfPass(_ rows: [TrainingRow], batch: Int, sharing: Bool) -> Int {
    func longest(_ rows: [Int]) -> Int {
      rows.sorted(by: >).prefix(batch).reduce(0, +)
    }
    let counts = rows.map(\.tokens.count)
    let group = groups(of: rows, sharing: sharing).map { longest($0.map { counts[$0] }) }.max()
    return min(longest(counts), passTokens - 1 + (group ?? 0))
  }

  /// The rows whose first page is the same, in the order of the first of each.
  private static func groups(of rows: [TrainingRow], sharing: Bool) -> [[Int]] {
    guard sharing else { return rows.indices.map { [$0] } }
    var groups: [[Int]] = []
    var places: [ArraySlice<Int>: Int] = [:]
    for (index, row) in rows.enumerated() {
      let page = row.tokens.prefix(KeyValueStore.pageLength)
      if let place = places[page] {
        groups[place].append(index)
      } else {
        places[page] = groups.count
        groups.append([index])
      }
    }
    return groups
  }
}
