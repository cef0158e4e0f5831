import Boundary
public import Llama
import QuantKernels

extension TrainingOptions {
  /// The topmost layers whose activations fit below a ceiling on the process' memory.
  ///
  /// - Parameters:
  ///   - ceiling: Bytes that the process may have in all.
  ///   - model: Loaded.
  ///   - adapter: What is trained; there already.
  ///   - rows: All of them; the longest decide.
  /// - Returns: For `keptLayers`; may be more than the model has.
  /// - Throws: `InputError` SYS-09 when the largest pass does not fit with every layer computed
  ///   again.
  public func keptLayers(
    below ceiling: Int, _ model: LlamaModel, _ adapter: Adapter, rows: [TrainingRow]
  ) throws -> Int {
    let tokens = PackedRows.mostTokensOfPass(rows, batch: batch, sharing: dropout == 0)
    let need = TrainingMemory(model, adapter, self, tokens: tokens)
    let (present, least) = (Processors.memory, need.optimizer + need.pass)
    guard present + least <= ceiling else {
      func words(_ bytes: Int) -> String { "\(ByteSize(bytes: bytes))" }
      throw InputError(
        .memorySuffices, at: .init(field: "memory"), found: words(ceiling),
        allowed: "enough for \(tokens) tokens at once, which need \(words(present + least))",
        hints: [
          "weights and program \(words(present)), gradients and moments \(words(need.optimizer)), "
            + "activations \(words(need.pass))",
          "shorter rows take less, and where rows begin alike a smaller --batch-size",
        ])
    }
    return (ceiling - present - least) / max(1, need.keptLayer)
  }
}

/// What training takes beside weights and adapter; bytes.
struct TrainingMemory {
  /// Gradients and moments.
  let optimizer: Int
  /// Scratch space of a pass, and the states between layers.
  let pass: Int
  /// The activations of a layer that are kept.
  let keptLayer: Int

  /// - Parameters:
  ///   - model: Gives the shape.
  ///   - adapter: What is trained.
  ///   - options: Of training.
  ///   - tokens: Of the largest pass.
  init(_ model: LlamaModel, _ adapter: Adapter, _ options: TrainingOptions, tokens: Int) {
    let (shape, float) = (model.configuration, MemoryLayout<Float>.stride)
    let parameters = adapter.parts.flatMap(\.parameters).reduce(0) { $0 + $1.rows * $1.columns }
    // AdamW's two moments take 8 bytes a parameter, or two codes and their scales.
    let moments = options.optimizer == .adamw ? 2 * float * parameters : parameters / 32 * 65
    optimizer = float * parameters + moments

    let (width, query, key) = (shape.width, shape.queryWidth, shape.kvWidth)
    let outputs = Projection.allCases.map { shape.dimensions(of: $0).outputs }
    let widest = max(width, query, shape.feedForward)
    var layer = 2 * query + 2 * key + width + 2 * shape.feedForward
    if adapter.hasMagnitudes { layer += outputs.reduce(0, +) }
    let rounds = TrainingPass.roundsActivations(model, options.backward)
    keptLayer = tokens * layer * (rounds ? 2 : float)

    // As TrainingPass has them: states, one layer, its gradients, inputs and their int8 copies.
    var perToken = (shape.layers + 1) * width + layer
    perToken += 3 * width + 3 * query + 2 * key + 4 * shape.feedForward
    perToken += (width + query + shape.feedForward) / 2 + 2 * key
    perToken += adapter.parts.reduce(0) { $0 + $1.update.rank }
    if options.dropout > 0 { perToken += 3 * widest / 2 * 3 }
    if adapter.hasMagnitudes { perToken += width + query + key + shape.feedForward }
    // Logits and a gradient as it is laid out for products, which are never larger.
    let vocabulary = model.weights.output.rows
    let head = min(tokens, max(16, 8_388_608 / vocabulary)) * (vocabulary + 2 * width)
    pass = float * (tokens * perToken + head + max(head, tokens * widest)) + (32 << 20)
  }
}
