public import QuantKernels

/// The rows of one pass: tokens of one or more sequences, and where each stands.
public struct Batch: Sendable {
  public private(set) var tokens: [Int] = []
  public private(set) var positions: [Int] = []
  public private(set) var places = AttentionPlaces()
  /// Which of the pass's stacks of updates applies to each row.
  public private(set) var adapters: [Int] = []
  /// The rows whose logits are wanted, ascending.
  public private(set) var outputRows: [Int] = []

  public init() {}

  public var count: Int { tokens.count }

  /// Adds consecutive tokens of one sequence.
  ///
  /// - Parameters:
  ///   - tokens: At least one.
  ///   - position: Where the first of them stands in its sequence.
  ///   - table: The sequence's pages, enough for the last token.
  ///   - adapter: Which of the pass's stacks of updates applies to them.
  ///   - outputs: Which of the added tokens' logits are wanted, as offsets into `tokens`.
  public mutating func add(
    _ tokens: ArraySlice<Int>, at position: Int, table: [Int32], adapter: Int = 0,
    outputs: some Sequence<Int>
  ) {
    outputRows += outputs.map { self.tokens.count + $0 }
    self.tokens += tokens
    positions += position..<position + tokens.count
    adapters += repeatElement(adapter, count: tokens.count)
    places.add(rows: tokens.count, from: position, table: table)
  }
}

/// The forward pass of a model over a batch, with its scratch space.
///
/// A row's results depend on its own sequence alone: not on the other rows, nor on how a sequence is cut
/// into passes.
public final class ForwardPass {
  private let model: LlamaModel
  private let state: Matrix
  private let normed: Matrix
  private let input: Activations
  private let query: Matrix
  private let key: Matrix
  private let value: Matrix
  private let attended: Matrix
  private let attendedInput: Activations
  private let gate: Matrix
  private let up: Matrix
  private let gated: Matrix
  private let gatedInput: Activations
  private let projections: AdaptedProjections

  /// - Parameters:
  ///   - model: The weights.
  ///   - updates: What a batch's rows choose from: stacks of updates, applied beside the weights.
  public init(_ model: LlamaModel, updates: [LowRankUpdates] = []) {
    let shape = model.configuration
    self.model = model
    state = Matrix(rows: 0, columns: shape.width)
    normed = Matrix(rows: 0, columns: shape.width)
    input = Activations(columns: shape.width)
    query = Matrix(rows: 0, columns: shape.queryWidth)
    key = Matrix(rows: 0, columns: shape.kvWidth)
    value = Matrix(rows: 0, columns: shape.kvWidth)
    attended = Matrix(rows: 0, columns: shape.queryWidth)
    attendedInput = Activations(columns: shape.queryWidth)
    gate = Matrix(rows: 0, columns: shape.feedForward)
    up = Matrix(rows: 0, columns: shape.feedForward)
    gated = Matrix(rows: 0, columns: shape.feedForward)
    gatedInput = Activations(columns: shape.feedForward)
    projections = AdaptedProjections(model, stacks: updates)
  }

  /// Bytes of the scratch space for passes of at most so many rows, whose logits are not counted.
  static func scratchBytes(_ shape: LlamaConfiguration, rows: Int) -> Int {
    let floats = 3 * shape.width + 2 * shape.queryWidth + 2 * shape.kvWidth + 3 * shape.feedForward
    // A matrix that grows stands beside its old self.
    let growing = max(shape.feedForward, shape.width, shape.queryWidth)
    let inputs = shape.width + shape.queryWidth + shape.feedForward
    return rows
      * ((floats + growing) * MemoryLayout<Float>.stride
        + Activations.quantizedBytes(columns: inputs))
  }

  /// Runs the batch, stores its keys and values, and computes the wanted logits.
  ///
  /// - Parameters:
  ///   - batch: At least one row.
  ///   - store: Where the batch's sequences keep their keys and values.
  ///   - logits: Resized; `[outputRows, vocabulary]`.
  public func run(_ batch: Batch, store: KeyValueStore, logits: Matrix) {
    let shape = model.configuration
    projections.begin(batch.adapters)
    state.resize(rows: batch.count)
    for (row, token) in batch.tokens.enumerated() {
      model.weights.tokenEmbedding.copyRow(token, into: state, row: row)
    }
    let scale = 1 / Float(shape.headSize).squareRoot()
    for (index, layer) in model.weights.layers.enumerated() {
      rmsNorm(state, weight: layer.attentionNorm, epsilon: shape.epsilon, into: normed)
      input.load(normed)
      project(.query, index, normed, input, into: query)
      project(.key, index, normed, input, into: key)
      project(.value, index, normed, input, into: value)
      rotate(query, heads: shape.heads, positions: batch.positions, table: model.rotary)
      rotate(key, heads: shape.kvHeads, positions: batch.positions, table: model.rotary)
      store.write(layer: index, keys: key, values: value, for: batch.places)
      attend(
        queries: query, heads: shape.heads, store: store, layer: index, places: batch.places,
        scale: scale, into: attended)
      if index == model.weights.layers.count - 1 { keepOutputRows(of: batch) }
      attendedInput.load(attended)
      project(.attentionOutput, index, attended, attendedInput, into: state, adding: true)

      rmsNorm(state, weight: layer.feedForwardNorm, epsilon: shape.epsilon, into: normed)
      input.load(normed)
      project(.gate, index, normed, input, into: gate)
      project(.up, index, normed, input, into: up)
      swiGLU(gate: gate, up: up, into: gated)
      gatedInput.load(gated)
      project(.down, index, gated, gatedInput, into: state, adding: true)
    }
    rmsNorm(state, weight: model.weights.outputNorm, epsilon: shape.epsilon, into: normed)
    input.load(normed)
    multiply(input, model.weights.output, into: logits)
  }

  /// Drops the rows whose logits nobody wants, once their keys and values are stored in the last layer.
  private func keepOutputRows(of batch: Batch) {
    guard batch.outputRows.count < batch.count else { return }
    attended.keep(rows: batch.outputRows)
    state.keep(rows: batch.outputRows)
    projections.begin(batch.outputRows.map { batch.adapters[$0] })
  }

  private func project(
    _ projection: Projection, _ layer: Int, _ values: Matrix, _ x: Activations, into y: Matrix,
    adding: Bool = false
  ) {
    projections.project(
      values, x, model.weights.layers[layer][projection],
      at: ProjectionSite(layer: layer, projection: projection), into: y, adding: adding)
  }
}
