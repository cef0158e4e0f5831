import Boundary
import Llama
import QuantKernels
import TestSupport
import Testing

@testable import LoRA

/// Training on the F32 model against what PEFT computed (`data/lora/peft-r4-qv`).
@Suite(
  "Training against a PEFT trace", .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
struct PEFTTraceTests {
  static let folder = SharedData.url("lora/peft-r4-qv")

  /// The trace's float32 and float64 runs agree to 2e-6; the data README calls 1e-4 fair.
  static let tolerance = 1e-4

  let trace: JSONValue
  let model: LlamaModel

  init() throws {
    trace = try JSONValue(parsing: Files.readText("\(Self.folder)/trace.json"))
    model = try LlamaModel(SharedData.url("models/stories260K.gguf"))
  }

  /// The batch as rows: labels of -100 are masked.
  func rows() throws -> [TrainingRow] {
    let ids = try #require(trace["batch"]?["input_ids"]?.array)
    let labels = try #require(trace["batch"]?["labels"]?.array)
    let lengths = try #require(trace["batch"]?["attention_mask_lengths"]?.array)
    return try ids.indices.map { index in
      let length = try #require(lengths[index].int)
      let tokens = try #require(ids[index].array).compactMap(\.int).prefix(length)
      let weights = try #require(labels[index].array).compactMap(\.int).prefix(length)
        .map { $0 == -100 ? 0 : Float(1) }
      return TrainingRow(id: "\(index)", tokens: Array(tokens), weights: weights)
    }
  }

  func trainer(checkpointing: Bool = false) throws -> Trainer {
    let adapter = try PEFTAdapter.read("\(Self.folder)/init", shape: model.configuration)
    var options = TrainingOptions()
    options.epochs = try #require(trace["trace"]?.array?.count)
    options.learningRate = 0.005
    options.schedule = .constant
    options.warmupRatio = 0
    options.maximumGradientNorm = nil
    if checkpointing { options.keptLayers = 0 }
    return Trainer(model, adapter, rows: try rows(), options: options)
  }

  @Test("loss and gradient norm of every step are PEFT's within 1e-4")
  func losses() throws {
    let trainer = try trainer()
    for step in try #require(trace["trace"]?.array) {
      let report = try trainer.advance()
      let loss = try #require(step["loss_f64"]?.double)
      let norm = try #require(step["grad_norm_f64"]?.double)
      #expect(abs(report.loss - loss) <= Self.tolerance * loss)
      #expect(abs(report.gradientNorm - norm) <= Self.tolerance * norm)
    }
  }

  @Test("every gradient tensor of the first two steps is PEFT's within 1e-4 of its largest element")
  func gradients() throws {
    let trainer = try trainer()
    for step in 0..<2 {
      _ = try trainer.advance()
      let file = try SafetensorsFile("\(Self.folder)/grads_step\(step).safetensors")
      #expect(file.tensors.count == 2 * trainer.adapter.parts.count)
      for (index, part) in trainer.adapter.parts.enumerated() {
        let stem = "model.layers.\(part.site.layer).\(part.site.projection.peftName)"
        let b = trainer.adapter.shape.huggingFaceRows(
          ofGGUF: trainer.gradients.b[index], part.site.projection)
        for (name, ours) in [("lora_A", trainer.gradients.a[index]), ("lora_B", b)] {
          let tensor = try #require(file.tensor("\(stem).\(name).weight"))
          let theirs = try #require(file.floats(tensor))
          let scale = theirs.map(abs).max() ?? 0
          let worst = zip(ours.values, theirs).map { abs($0 - $1) }.max() ?? .infinity
          #expect(worst <= Float(Self.tolerance) * scale, "step \(step), \(stem).\(name)")
        }
      }
    }
  }

  @Test("the model with PEFT's adapter has PEFT's logits within 1e-3")
  func logits() throws {
    let ids = try #require(trace["probe"]?["input_ids"]?.array).compactMap(\.int)
    let bytes = try Files.read("\(Self.folder)/probe_adapter.logits.f32")
    for path in ["\(Self.folder)/final", "\(Self.folder)/adapter-f32.gguf"] {
      let adapter = try Adapter.read(path, shape: model.configuration)
      var worst: Float = 0
      Scorer(model, updates: adapter.updates).forEachPosition(of: ids) { position, logits, row in
        for (id, ours) in logits.row(row).enumerated() {
          let at = 4 * (position * 512 + id)
          let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[at + $1]) << UInt32(8 * $1) }
          worst = max(worst, abs(ours - Float(bitPattern: bits)))
        }
      }
      #expect(worst < 1e-3, "\(path)")
    }
  }

  @Test("the training pass computes the sampler's logits, bit for bit", arguments: ["", "-q4_0"])
  func sameAsSampling(type: String) throws {
    let model = try LlamaModel(SharedData.url("models/stories260K\(type).gguf"))
    let adapter = try PEFTAdapter.read("\(Self.folder)/final", shape: model.configuration)
    let rows = try rows()
    let pass = TrainingPass(model, adapter)
    let packed = PackedRows(
      rows, coefficients: rows.map { $0.tokens.map { _ in 1 } }, sharing: false)
    pass.forward(packed)
    let last = try #require(pass.states.last)
    let scorer = Scorer(model, updates: adapter.updates)
    for (row, sequence) in zip(rows, packed.sequences.map(\.rows)) {
      let state = Matrix(rows: sequence.count, columns: model.configuration.width)
      for place in sequence { state.copyRow(place - sequence.lowerBound, from: last, row: place) }
      let normed = Matrix(rows: 0, columns: state.columns)
      rmsNorm(
        state, weight: model.weights.outputNorm, epsilon: model.configuration.epsilon, into: normed)
      let input = Activations(columns: state.columns)
      input.load(normed)
      let logits = Matrix(rows: 0, columns: model.weights.output.rows)
      multiply(input, model.weights.output, into: logits)
      scorer.forEachPosition(of: Array(row.tokens[..<sequence.count])) { position, sampled, at in
        #expect(logits.row(position) == sampled.row(at))
      }
    }
  }

  @Test("the trained adapter is PEFT's within 1e-3 of its largest element")
  func final() throws {
    // Adam divides by the root of the second moment, which enlarges the 2e-6 between two runs of
    // PEFT itself.
    let trainer = try trainer()
    #expect(try trainer.run { _ in true })
    let theirs = try PEFTAdapter.read("\(Self.folder)/final", shape: model.configuration)
    for (ours, theirs) in zip(trainer.adapter.parts, theirs.parts) {
      for (a, b) in [(ours.update.a, theirs.update.a), (ours.update.b, theirs.update.b)] {
        let scale = b.values.map(abs).max() ?? 0
        let worst = zip(a.values, b.values).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst <= 1e-3 * scale, "\(ours.site)")
      }
    }
  }
}
