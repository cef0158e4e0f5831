import QuantKernels

/// The products of a forward pass with the updates of adapters beside the weights.
///
/// The rows of a batch may be of several adapters: they share the product with the weights, and each
/// adapter gets its own rows. A row's results depend on its own adapter alone, in the same bits
/// whatever the others are.
final class AdaptedProjections {
  private let stacks: [LowRankUpdates]
  /// The rows of the batch by the stack that applies to them.
  private var groups: [(stack: LowRankUpdates, rows: [Int])] = []
  private var rowCount = 0
  /// Scratch `[rows, rank]` for each of the updates of one projection, by rank.
  private let hidden: [[Int: Matrix]]
  /// Scratch `[rows, width]`, one for each purpose and width.
  private var scratch: [String: Matrix] = [:]
  private var inputs: [Int: Activations] = [:]

  /// - Parameters:
  ///   - model: The weights that the updates are for.
  ///   - stacks: What a batch's rows choose from.
  init(_ model: LlamaModel, stacks: [LowRankUpdates]) {
    self.stacks = stacks
    for (site, updates) in stacks.joined() {
      for update in updates {
        update.attach(to: model.weights.layers[site.layer][site.projection])
      }
    }
    let ranks = Set(stacks.joined().flatMap(\.value).map(\.rank))
    let most = stacks.joined().map(\.value.count).max() ?? 0
    hidden = (0..<most).map { _ in
      .init(uniqueKeysWithValues: ranks.map { ($0, Matrix(rows: 0, columns: $0)) })
    }
  }

  /// Takes note of which stack each row of the next products is of.
  func begin(_ adapters: [Int]) {
    rowCount = adapters.count
    groups = stacks.indices.compactMap { index in
      guard !stacks[index].isEmpty else { return nil }
      let rows = adapters.indices.filter { adapters[$0] == index }
      return rows.isEmpty ? nil : (stacks[index], rows)
    }
  }

  /// y = W·x with the updates of each row's stack, or y += that.
  ///
  /// - Parameters:
  ///   - values: `[rows, inputs]`.
  ///   - x: The same, loaded.
  ///   - w: `[outputs, inputs]`.
  ///   - site: Where W belongs.
  ///   - y: `[rows, outputs]`; resized unless `adding`.
  ///   - adding: Whether y keeps what it holds.
  func project(
    _ values: Matrix, _ x: Activations, _ w: WeightMatrix, at site: ProjectionSite, into y: Matrix,
    adding: Bool
  ) {
    let parts = groups.compactMap { group in
      group.stack[site].map { (updates: $0, rows: group.rows) }
    }
    if let only = parts.first, only.rows.count == rowCount {
      return apply(only.updates, x, w, into: y, adding: adding)
    }
    // Where magnitudes scale W·x, those rows have a product of their own, begun from what y held.
    var own: [(rows: [Int], y: Matrix)] = []
    for part in parts where Self.scales(part.updates) {
      let target = Matrix(rows: part.rows.count, columns: w.rows)
      if adding { gather(part.rows, of: y, into: target) }
      apply(part.updates, input(part.rows, of: values), w, into: target, adding: adding)
      own.append((part.rows, target))
    }
    multiply(x, w, into: y, adding: adding)
    for (rows, target) in own { scatter(target, to: rows, of: y) }
    for part in parts where !Self.scales(part.updates) {
      let target = space("output", w.rows)
      gather(part.rows, of: y, into: target)
      addUpdates(part.updates, input(part.rows, of: values), to: target)
      scatter(target, to: part.rows, of: y)
    }
  }

  private static func scales(_ updates: [LowRankUpdate]) -> Bool {
    updates.contains { $0.magnitude != nil }
  }

  private func apply(
    _ updates: [LowRankUpdate], _ x: Activations, _ w: WeightMatrix, into y: Matrix, adding: Bool
  ) {
    guard Self.scales(updates) else {
      let terms = updates.enumerated().map { $1.term(x, hidden: hidden($0, rank: $1.rank)) }
      return multiply(x, w, into: y, adding: adding, then: terms)
    }
    let sum = space("sum", w.rows)
    multiply(x, w, into: sum)
    addUpdates(updates, x, to: sum)
    if adding { add(sum, to: y) } else { y.copy(from: sum) }
  }

  private func addUpdates(_ updates: [LowRankUpdate], _ x: Activations, to y: Matrix) {
    for (index, update) in updates.enumerated() {
      update.add(x, hidden: hidden(index, rank: update.rank), to: y)
      if let direction = update.direction { scaleColumns(y, by: direction.gains, into: y) }
    }
  }

  private func hidden(_ index: Int, rank: Int) -> Matrix {
    guard let hidden = hidden[index][rank] else { preconditionFailure("an unknown rank") }
    return hidden
  }

  private func space(_ purpose: String, _ width: Int) -> Matrix {
    let key = "\(purpose) \(width)"
    if let matrix = scratch[key] { return matrix }
    let matrix = Matrix(rows: 0, columns: width)
    scratch[key] = matrix
    return matrix
  }

  private func input(_ rows: [Int], of values: Matrix) -> Activations {
    let gathered = space("input", values.columns)
    gather(rows, of: values, into: gathered)
    let x = inputs[values.columns] ?? Activations(columns: values.columns)
    inputs[values.columns] = x
    x.load(gathered)
    return x
  }

  private func gather(_ rows: [Int], of source: Matrix, into target: Matrix) {
    target.resize(rows: rows.count)
    for (place, row) in rows.enumerated() { target.copyRow(place, from: source, row: row) }
  }

  private func scatter(_ source: Matrix, to rows: [Int], of target: Matrix) {
    for (place, row) in rows.enumerated() { target.copyRow(row, from: source, row: place) }
  }
}
