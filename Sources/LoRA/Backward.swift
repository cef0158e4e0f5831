import Boundary
import Llama
import QuantKernels

// The forward pass's steps in reverse order. `d` and a name is the loss's gradient at that value. W
// and the norms' weights are frozen: they pass gradients on and get none.
extension TrainingPass {
  /// Logits, cross-entropy and the gradient at the last state, which are of the places with a target only.
  ///
  /// - Returns: Σ coefficient · cross-entropy.
  func backwardHead(_ rows: PackedRows) -> Double {
    let (weights, last) = (model.weights, states[shape.layers])
    dState.resize(rows: rows.outputs.count)
    dState.fill(0)
    // Some 32 MB of logits at a time.
    let height = max(16, 8_388_608 / weights.output.rows)
    var loss = 0.0
    for start in stride(from: 0, to: rows.targets.count, by: height) {
      let targets = rows.targets[start..<min(start + height, rows.targets.count)]
      selected.resize(rows: targets.count)
      for (row, target) in targets.enumerated() {
        selected.copyRow(row, from: last, row: target.output)
      }
      rmsNorm(selected, weight: weights.outputNorm, epsilon: shape.epsilon, into: normed)
      widthInput.load(normed)
      multiply(widthInput, weights.output, into: logits)
      let losses = crossEntropy(
        logits, targets: targets.map(\.token), coefficients: targets.map { Float($0.coefficient) })
      for (target, value) in zip(targets, losses) { loss += target.coefficient * value }

      products.load(logits, outputPrecision)
      products.multiply(weights.output, into: dNormed)
      dSelected.resize(rows: targets.count)
      dSelected.fill(0)
      rmsNormBackward(
        dNormed, x: selected, weight: weights.outputNorm, epsilon: shape.epsilon,
        addingTo: dSelected)
      for (row, target) in targets.enumerated() {
        dState.addRow(target.output, from: dSelected, row: row)
      }
    }
    return loss
  }

  /// From the gradient at the last state down to the first layer with an update.
  func backwardLayers(
    _ rows: PackedRows, into gradients: AdapterGradients, dropoutKey: UInt64
  ) {
    for layer in stride(from: shape.layers - 1, through: firstTrained, by: -1) {
      recall(layer, rows, dropoutKey: dropoutKey)
      let step = LayerBackward(
        pass: self, layer: layer, gradients: gradients, dropoutKey: dropoutKey)
      guard step.feedForward() else { return }
      step.attention(rows)
    }
  }
}

/// One layer's backward pass; `pass.dState` is the gradient at its output before, at its input
/// after.
private struct LayerBackward {
  let pass: TrainingPass
  let layer: Int
  let gradients: AdapterGradients
  let dropoutKey: UInt64

  private var kept: LayerActivations { pass.kept[layer] }
  private var weights: LlamaWeights.Layer { pass.model.weights.layers[layer] }

  /// Whether something below these projections of this layer is trained.
  private func goesOn(below projections: [Projection]) -> Bool {
    if layer > pass.firstTrained { return true }
    let order = Projection.allCases
    let first = projections.compactMap { order.firstIndex(of: $0) }.min() ?? 0
    return order[..<first].contains { pass.places[.init(layer: layer, projection: $0)] != nil }
  }

  /// - Returns: Whether there is more to do in this layer.
  func feedForward() -> Bool {
    let (epsilon, norm) = (pass.shape.epsilon, weights.feedForwardNorm)
    swiGLU(gate: kept.gate, up: kept.up, into: pass.gated)
    let belowDown = goesOn(below: [.down])
    project(.down, pass.dState, x: pass.gated, into: belowDown ? pass.dGated : nil)
    guard belowDown else { return false }
    swiGLUBackward(pass.dGated, gate: kept.gate, up: kept.up, dGate: pass.dGate, dUp: pass.dUp)

    rmsNorm(kept.middle, weight: norm, epsilon: epsilon, into: pass.normed)
    let belowGate = goesOn(below: [.gate, .up])
    project(.gate, pass.dGate, x: pass.normed, into: belowGate ? pass.dNormed : nil)
    project(.up, pass.dUp, x: pass.normed, into: belowGate ? pass.dNormed : nil, adding: true)
    guard belowGate else { return false }
    rmsNormBackward(
      pass.dNormed, x: kept.middle, weight: norm, epsilon: epsilon, addingTo: pass.dState)
    return true
  }

  func attention(_ rows: PackedRows) {
    let (epsilon, norm) = (pass.shape.epsilon, weights.attentionNorm)
    let belowOutput = goesOn(below: [.attentionOutput])
    project(
      .attentionOutput, pass.dState, x: kept.attended, into: belowOutput ? pass.dAttended : nil)
    guard belowOutput else { return }
    if layer == pass.shape.layers - 1 {
      pass.dAttended.spread(to: rows.outputs, of: rows.tokens.count)
      pass.dState.spread(to: rows.outputs, of: rows.tokens.count)
    }
    attentionBackward(
      pass.dAttended, queries: kept.query, keys: kept.key, values: kept.value,
      headSize: pass.shape.headSize, sequences: rows.sequences, scale: pass.attentionScale,
      dQueries: pass.dQuery, dKeys: pass.dKey, dValues: pass.dValue)
    rotate(
      pass.dQuery, heads: pass.shape.heads, positions: rows.positions, table: pass.model.rotary,
      inverse: true)
    rotate(
      pass.dKey, heads: pass.shape.kvHeads, positions: rows.positions, table: pass.model.rotary,
      inverse: true)

    let input = pass.states[layer]
    rmsNorm(input, weight: norm, epsilon: epsilon, into: pass.normed)
    let dNormed = layer > pass.firstTrained ? pass.dNormed : nil
    project(.query, pass.dQuery, x: pass.normed, into: dNormed)
    project(.key, pass.dKey, x: pass.normed, into: dNormed, adding: true)
    project(.value, pass.dValue, x: pass.normed, into: dNormed, adding: true)
    guard dNormed != nil else { return }
    rmsNormBackward(pass.dNormed, x: input, weight: norm, epsilon: epsilon, addingTo: pass.dState)
  }

  /// One projection with its update.
  ///
  /// With h = A·x:  dB += scale · dyᵀ·h,  dh = scale · dy·B,  dA += dhᵀ·x,  dx = dy·W + dh·A.
  ///
  /// With DoRA the output is m / n ⊙ u, where u is what it would be without, m the magnitudes and n the
  /// norms, which are constants here:  dm += Σ dy ⊙ u / n,  and du = m / n ⊙ dy takes dy's place above.
  ///
  /// Sources: Hu et al. 2021, "LoRA", section 4.1 (arxiv.org/abs/2106.09685); Liu et al. 2024, "DoRA",
  /// section 4.3 (arxiv.org/abs/2402.09353).
  ///
  /// - Parameters:
  ///   - projection: Of this layer.
  ///   - dy: `[tokens, outputs]`.
  ///   - x: The projection's input; `[tokens, inputs]`.
  ///   - dx: `[tokens, inputs]`, or nil where nothing below is trained.
  ///   - adding: Whether dx is added to.
  private func project(
    _ projection: Projection, _ dy: Matrix, x: Matrix, into dx: Matrix?, adding: Bool = false
  ) {
    let site = ProjectionSite(layer: layer, projection: projection)
    let place = pass.places[site]
    let dy = place.map { unscaled(projection, dy, place: $0) } ?? dy
    let (weight, products) = (weights[projection], pass.products)
    products.load(dy, pass.precision(of: weight))
    guard let place, let hidden = kept.hidden[projection],
      let dHidden = pass.dHidden[hidden.columns]
    else {
      if let dx { products.multiply(weight, into: dx, adding: adding) }
      return
    }
    let update = pass.adapter.parts[place].update
    let dropped = pass.dropout > 0 ? pass.dropped(x, at: site, dropoutKey).values : nil
    addGradient(hidden, dy, to: gradients.b[place], turned: true, scale: update.scale)
    products.multiply(update.packedB, into: dHidden, scale: update.scale)
    addGradient(dHidden, dropped ?? x, to: gradients.a[place])
    guard let dx else { return }
    let updateProducts = pass.updateProducts
    updateProducts.load(dHidden)
    guard let dropped else {
      return products.multiply(
        weight, into: dx, adding: adding, then: (updateProducts, update.packedA))
    }
    products.multiply(weight, into: dx, adding: adding)
    updateProducts.multiply(update.packedA, into: dropped)
    dropOut(
      dropped, rate: pass.dropout, key: pass.siteKey(site, dropoutKey), into: dropped)
    add(dropped, to: dx)
  }

  /// The gradient before DoRA's magnitudes, to which it adds theirs; dy itself where there are none.
  private func unscaled(_ projection: Projection, _ dy: Matrix, place: Int) -> Matrix {
    guard let direction = pass.adapter.parts[place].update.direction,
      let sums = gradients.magnitude[place], let u = kept.unscaled[projection],
      let du = pass.dUnscaled[dy.columns]
    else { return dy }
    addColumnProducts(dy, u, over: direction.norms, to: sums)
    scaleColumns(dy, by: direction.gains, into: du)
    return du
  }
}
