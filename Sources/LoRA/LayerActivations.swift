import Llama
import QuantKernels

/// What one layer's forward pass leaves for its backward pass; every matrix has a row a token.
///
/// Normalised states and the gated product are made again from these, which costs less than keeping
/// them.
final class LayerActivations {
  let query: Matrix
  let key: Matrix
  let value: Matrix
  let attended: Matrix
  /// The state between attention and feed-forward.
  let middle: Matrix
  let gate: Matrix
  let up: Matrix
  /// A·x of each update; `[tokens, rank]`.
  let hidden: [Projection: Matrix]
  /// W·x + scale · B·A·x of each update with magnitudes; `[tokens, outputs]`.
  let unscaled: [Projection: Matrix]

  /// Room for one layer; `other` lends its matrices to a layer that never needs them at the same
  /// time, but for `hidden` and what the last product leaves, which no second run makes again.
  init(
    _ shape: LlamaConfiguration, ranks: [Projection: Int], sharing other: LayerActivations? = nil
  ) {
    query = other?.query ?? Matrix(rows: 0, columns: shape.queryWidth)
    key = other?.key ?? Matrix(rows: 0, columns: shape.kvWidth)
    value = other?.value ?? Matrix(rows: 0, columns: shape.kvWidth)
    attended = other?.attended ?? Matrix(rows: 0, columns: shape.queryWidth)
    middle = other?.middle ?? Matrix(rows: 0, columns: shape.width)
    gate = other?.gate ?? Matrix(rows: 0, columns: shape.feedForward)
    up = other?.up ?? Matrix(rows: 0, columns: shape.feedForward)
    hidden = ranks.mapValues { Matrix(rows: 0, columns: $0) }
    var unscaled = other?.unscaled ?? [:]
    for projection in Projection.allCases where other == nil || projection == .down {
      unscaled[projection] = Matrix(rows: 0, columns: shape.dimensions(of: projection).outputs)
    }
    self.unscaled = unscaled
  }

  /// What layers can lend each other.
  var lent: [Matrix] {
    [query, key, value, attended, middle, gate, up]
      + Projection.allCases.filter { $0 != .down }.compactMap { unscaled[$0] }
  }
}

/// A layer's activations while they wait for their backward pass, rounded to bfloat16.
///
/// What no second run makes again stays in floats, beside these.
final class RoundedActivations {
  private let parts: [BFloat16Matrix]

  init(_ layer: LayerActivations) {
    parts = layer.lent.map { BFloat16Matrix(columns: $0.columns) }
  }

  func store(_ layer: LayerActivations) {
    for (part, matrix) in zip(parts, layer.lent) { part.store(matrix) }
  }

  func load(into layer: LayerActivations) {
    for (part, matrix) in zip(parts, layer.lent) { part.load(into: matrix) }
  }
}
