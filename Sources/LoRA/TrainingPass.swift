import Boundary
import GGUF
import Llama
package import QuantKernels

/// The gradients of an adapter, one of each a part, in the parts' order.
package final class AdapterGradients {
  package let a: [Matrix]
  package let b: [Matrix]
  /// Of DoRA's magnitudes; nil where there are none.
  package let magnitude: [Matrix?]

  init(_ adapter: Adapter) {
    func like(_ matrix: Matrix) -> Matrix { Matrix(rows: matrix.rows, columns: matrix.columns) }
    a = adapter.parts.map { like($0.update.a) }
    b = adapter.parts.map { like($0.update.b) }
    magnitude = adapter.parts.map { $0.update.magnitude.map(like) }
  }

  /// All of one part, as `Adapter.Part.parameters` has them.
  func ofPart(_ index: Int) -> [Matrix] {
    [a[index], b[index]] + (magnitude[index].map { [$0] } ?? [])
  }

  func clear() {
    for matrix in a.indices.flatMap(ofPart) { matrix.fill(0) }
  }
}

/// Forward and backward over a packed batch, with the scratch space of both.
///
/// The forward pass is the sampler's, kernel by kernel, so that a model is trained on the numbers
/// that it samples with. Backward is in `Backward.swift`.
final class TrainingPass {
  let model: LlamaModel
  let adapter: Adapter
  let shape: LlamaConfiguration
  let dropout: Float
  /// The part of each site and its place in the adapter.
  let places: [ProjectionSite: Int]
  /// Gradients stop here: the first layer with an update.
  let firstTrained: Int
  /// The state before each layer and after the last, this only where there is a target.
  let states: [Matrix]
  /// What each layer's backward pass needs; layers whose activations wait elsewhere, or are made
  /// again, share their matrices.
  let kept: [LayerActivations]
  /// Where activations wait in bfloat16, by layer.
  private var waiting: [Int: RoundedActivations] = [:]
  private let firstKept: Int
  /// Whether activations that wait are rounded; those that are made again are then rounded, too.
  private let rounds: Bool

  let normed: Matrix
  let gated: Matrix
  let widthInput: Activations
  private let queryInput: Activations
  private let feedForwardInput: Activations
  let products = BackwardProducts()
  let updateProducts = BackwardProducts()
  /// What gradients are multiplied in; nil follows the weights.
  let backward: BackwardPrecision?
  private var store: KeyValueStore
  private let dropped: [Int: (values: Matrix, input: Activations)]

  // Gradients at what their names say.
  let dState: Matrix
  let dNormed: Matrix
  let dAttended: Matrix
  let dQuery: Matrix
  let dKey: Matrix
  let dValue: Matrix
  let dGated: Matrix
  let dGate: Matrix
  let dUp: Matrix
  let selected: Matrix
  let dSelected: Matrix
  let logits: Matrix
  let dHidden: [Int: Matrix]
  let dUnscaled: [Int: Matrix]

  /// - Parameters:
  ///   - model: The frozen base.
  ///   - adapter: What is trained.
  ///   - keptLayers: The topmost layers whose activations wait for their backward pass. Of the others
  ///     only the state before them does; they run forward again when their turn comes: the same
  ///     bits for up to a third more time and a fraction of the memory.
  ///   - dropout: The share of each update's input that is zeroed.
  ///   - backward: What gradients are multiplied in; nil is f32 for weights that are, bf16 for others.
  init(
    _ model: LlamaModel, _ adapter: Adapter, keptLayers: Int = .max, dropout: Float = 0,
    backward: BackwardPrecision? = nil
  ) {
    let shape = model.configuration
    (self.model, self.adapter, self.shape) = (model, adapter, shape)
    (self.dropout, self.backward) = (dropout, backward)
    for part in adapter.parts {
      part.update.attach(to: model.weights.layers[part.site.layer][part.site.projection])
    }
    places = .init(uniqueKeysWithValues: adapter.parts.enumerated().map { ($1.site, $0) })
    firstTrained = adapter.parts.first?.site.layer ?? shape.layers
    states = (0...shape.layers).map { _ in Matrix(rows: 0, columns: shape.width) }

    func ranks(_ layer: Int) -> [Projection: Int] {
      .init(
        uniqueKeysWithValues: adapter.parts.filter { $0.site.layer == layer }.map {
          ($0.site.projection, $0.update.rank)
        })
    }
    let (shared, firstTrained) = (LayerActivations(shape, ranks: [:]), firstTrained)
    let firstKept = max(firstTrained, shape.layers - min(keptLayers, shape.layers))
    let rounds = Self.roundsActivations(model, backward)
    kept = (0..<shape.layers).map { layer in
      LayerActivations(
        shape, ranks: ranks(layer), sharing: rounds || layer < firstKept ? shared : nil)
    }
    (self.firstKept, self.rounds) = (firstKept, rounds)
    if rounds {
      // The last layer's are still there when its backward pass begins.
      for layer in firstKept..<max(firstKept, shape.layers - 1) {
        waiting[layer] = RoundedActivations(kept[layer])
      }
    }

    normed = Matrix(rows: 0, columns: shape.width)
    gated = Matrix(rows: 0, columns: shape.feedForward)
    widthInput = Activations(columns: shape.width)
    queryInput = Activations(columns: shape.queryWidth)
    feedForwardInput = Activations(columns: shape.feedForward)
    store = KeyValueStore(
      layers: 1, kvHeads: shape.kvHeads, headSize: shape.headSize, pages: 1)
    let widths = Set([shape.width, shape.queryWidth, shape.feedForward])
    dropped = .init(
      uniqueKeysWithValues: widths.map {
        ($0, (Matrix(rows: 0, columns: $0), Activations(columns: $0)))
      })

    dState = Matrix(rows: 0, columns: shape.width)
    dNormed = Matrix(rows: 0, columns: shape.width)
    dAttended = Matrix(rows: 0, columns: shape.queryWidth)
    dQuery = Matrix(rows: 0, columns: shape.queryWidth)
    dKey = Matrix(rows: 0, columns: shape.kvWidth)
    dValue = Matrix(rows: 0, columns: shape.kvWidth)
    dGated = Matrix(rows: 0, columns: shape.feedForward)
    dGate = Matrix(rows: 0, columns: shape.feedForward)
    dUp = Matrix(rows: 0, columns: shape.feedForward)
    selected = Matrix(rows: 0, columns: shape.width)
    dSelected = Matrix(rows: 0, columns: shape.width)
    logits = Matrix(rows: 0, columns: model.weights.output.rows)
    dUnscaled = .init(
      uniqueKeysWithValues: Set([shape.width, shape.queryWidth, shape.kvWidth, shape.feedForward])
        .map { ($0, Matrix(rows: 0, columns: $0)) })
    dHidden = .init(
      uniqueKeysWithValues: Set(adapter.parts.map(\.update.rank)).map {
        ($0, Matrix(rows: 0, columns: $0))
      })
  }

  /// Adds the gradients of Σ coefficient · cross-entropy to `gradients`.
  ///
  /// - Parameters:
  ///   - rows: A micro-batch, or some of its rows.
  ///   - gradients: Of the adapter's parts; added to.
  ///   - dropoutKey: Names the random numbers of this pass; unused where dropout is 0.
  /// - Returns: The sum.
  func run(
    _ rows: PackedRows, into gradients: AdapterGradients, dropoutKey: UInt64 = 0
  ) -> Double {
    guard !rows.targets.isEmpty else { return 0 }
    forward(rows, dropoutKey: dropoutKey)
    let loss = backwardHead(rows)
    backwardLayers(rows, into: gradients, dropoutKey: dropoutKey)
    return loss
  }

  /// Runs the tokens through all layers, up to `states.last`.
  func forward(_ rows: PackedRows, dropoutKey: UInt64 = 0) {
    let first = states[0]
    first.resize(rows: rows.tokens.count)
    for (row, token) in rows.tokens.enumerated() {
      model.weights.tokenEmbedding.copyRow(token, into: first, row: row)
    }
    if store.pages < rows.pages {
      store = KeyValueStore(
        layers: 1, kvHeads: shape.kvHeads, headSize: shape.headSize, pages: rows.pages)
    }
    for layer in 0..<shape.layers {
      forward(layer, rows, dropoutKey: dropoutKey)
      feedForward(layer, dropoutKey: dropoutKey)
      waiting[layer]?.store(kept[layer])
    }
  }

  /// Brings back what a layer's backward pass needs, wherever it is.
  func recall(_ layer: Int, _ rows: PackedRows, dropoutKey: UInt64) {
    guard layer < shape.layers - 1 else { return }
    if let waiting = waiting[layer] { return waiting.load(into: kept[layer]) }
    guard layer < firstKept else { return }
    forward(layer, rows, dropoutKey: dropoutKey)
    if rounds { kept[layer].lent.forEach(roundToBFloat16) }
  }

  /// A layer up to its gate and up: all that backward needs.
  func forward(_ layer: Int, _ rows: PackedRows, dropoutKey: UInt64) {
    let weights = model.weights.layers[layer]
    let (state, kept) = (states[layer], kept[layer])
    rmsNorm(state, weight: weights.attentionNorm, epsilon: shape.epsilon, into: normed)
    widthInput.load(normed)
    project(.query, layer, widthInput, normed, into: kept.query, dropoutKey: dropoutKey)
    project(.key, layer, widthInput, normed, into: kept.key, dropoutKey: dropoutKey)
    project(.value, layer, widthInput, normed, into: kept.value, dropoutKey: dropoutKey)
    rotate(kept.query, heads: shape.heads, positions: rows.positions, table: model.rotary)
    rotate(kept.key, heads: shape.kvHeads, positions: rows.positions, table: model.rotary)
    store.write(layer: 0, keys: kept.key, values: kept.value, for: rows.places)
    attend(
      queries: kept.query, heads: shape.heads, store: store, layer: 0, places: rows.places,
      scale: attentionScale, into: kept.attended)
    kept.middle.copy(from: state)
    if layer == shape.layers - 1 {
      // No target depends on the rest of the other rows.
      kept.attended.keep(rows: rows.outputs)
      kept.middle.keep(rows: rows.outputs)
    }
    queryInput.load(kept.attended)
    project(
      .attentionOutput, layer, queryInput, kept.attended, into: kept.middle, adding: true,
      dropoutKey: dropoutKey)

    rmsNorm(kept.middle, weight: weights.feedForwardNorm, epsilon: shape.epsilon, into: normed)
    widthInput.load(normed)
    project(.gate, layer, widthInput, normed, into: kept.gate, dropoutKey: dropoutKey)
    project(.up, layer, widthInput, normed, into: kept.up, dropoutKey: dropoutKey)
  }

  /// The rest of a layer, into the next state.
  private func feedForward(_ layer: Int, dropoutKey: UInt64) {
    let kept = kept[layer]
    swiGLU(gate: kept.gate, up: kept.up, into: gated)
    feedForwardInput.load(gated)
    states[layer + 1].copy(from: kept.middle)
    project(
      .down, layer, feedForwardInput, gated, into: states[layer + 1], adding: true,
      dropoutKey: dropoutKey)
  }

  var attentionScale: Float { 1 / Float(shape.headSize).squareRoot() }

  private func project(
    _ projection: Projection, _ layer: Int, _ x: Activations, _ values: Matrix, into y: Matrix,
    adding: Bool = false, dropoutKey: UInt64
  ) {
    let weight = model.weights.layers[layer][projection]
    let site = ProjectionSite(layer: layer, projection: projection)
    guard let place = places[site], let hidden = kept[layer].hidden[projection] else {
      return multiply(x, weight, into: y, adding: adding)
    }
    let update = adapter.parts[place].update
    let input = dropout > 0 ? dropped(values, at: site, dropoutKey).input : x
    let term = update.term(input, hidden: hidden)
    guard let direction = update.direction, let unscaled = kept[layer].unscaled[projection] else {
      return multiply(x, weight, into: y, adding: adding, then: [term])
    }
    multiply(x, weight, into: unscaled, then: [term])
    scaleColumns(unscaled, by: direction.gains, into: y, adding: adding)
  }

  func precision(of weight: WeightMatrix) -> BackwardPrecision {
    Self.precision(of: weight, backward)
  }

  var outputPrecision: BackwardPrecision {
    Self.precision(of: model.weights.output, backward, isOutput: true)
  }

  /// What gradients are multiplied in on their way through a weight; never int8 through the output's.
  ///
  /// The gradient at the logits is large at one token and small at all others, which a scale shared with it
  /// would round to 0.
  static func precision(
    of weight: WeightMatrix, _ wanted: BackwardPrecision?, isOutput: Bool = false
  ) -> BackwardPrecision {
    let chosen = wanted ?? (weight.type == .f32 ? .f32 : .bf16)
    return chosen == .int8 && isOutput ? .bf16 : chosen
  }

  /// Gradients that are rounded on their way lose nothing more from activations that are.
  static func roundsActivations(_ model: LlamaModel, _ backward: BackwardPrecision?) -> Bool {
    model.weights.layers.contains { layer in
      Projection.allCases.contains { precision(of: layer[$0], backward) != .f32 }
    }
  }

  /// The input of an update with its share of zeros; the same in both directions.
  func dropped(
    _ x: Matrix, at site: ProjectionSite, _ key: UInt64
  ) -> (values: Matrix, input: Activations) {
    guard let space = dropped[x.columns] else { preconditionFailure("no input is that wide") }
    dropOut(x, rate: dropout, key: siteKey(site, key), into: space.values)
    space.input.load(space.values)
    return space
  }

  func siteKey(_ site: ProjectionSite, _ key: UInt64) -> UInt64 {
    let projection = Projection.allCases.firstIndex(of: site.projection) ?? 0
    var random = RandomStream(seed: key, "dropout", site.layer, projection)
    return random.next()
  }
}
