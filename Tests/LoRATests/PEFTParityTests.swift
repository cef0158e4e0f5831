import Boundary
import Llama
import QuantKernels
import TestSupport
import Testing

@testable import LoRA

/// Training on a very small F32 model against what PEFT computed in double precision
/// (`scripts/make_peft_traces.py`).
@Suite("Training against PEFT: rsLoRA with patterns, DoRA, LoRA+")
struct PEFTParityTests {
  static let folder = "\(SharedData.package)/Tests/LoRATests/PEFTTraces"
  static let runs = ["rslora", "dora", "loraplus"]

  let model: LlamaModel

  init() throws { model = try LlamaModel("\(Self.folder)/model.gguf") }

  func trace(_ name: String) throws -> JSONValue {
    try JSONValue(parsing: Files.readText("\(Self.folder)/\(name)/trace.json"))
  }

  func trainer(_ name: String, checkpointing: Bool = false) throws -> Trainer {
    let trace = try trace(name)
    let rows = try #require(trace["rows"]?.array).enumerated().map { index, row in
      let ids = try #require(row["ids"]?.array).compactMap(\.int)
      let masked = try #require(row["masked"]?.int)
      return TrainingRow(
        id: "\(index)", tokens: ids, weights: ids.indices.map { $0 < masked ? 0 : 1 })
    }
    var options = TrainingOptions()
    options.epochs = try #require(trace["steps"]?.array?.count)
    options.batch = rows.count
    options.learningRate = try #require(trace["optimizer"]?["learning_rate"]?.double)
    options.rateRatio = try #require(trace["optimizer"]?["rate_ratio"]?.double)
    options.weightDecay = try #require(trace["optimizer"]?["weight_decay"]?.double)
    options.schedule = .constant
    options.warmupRatio = 0
    options.maximumGradientNorm = nil
    if checkpointing { options.keptLayers = 0 }
    let adapter = try PEFTAdapter.read(
      "\(Self.folder)/\(name)", shape: model.configuration)
    return Trainer(model, adapter, rows: rows, options: options)
  }

  /// A line of the table that `scripts/check-parity` prints.
  private func tell(_ run: String, _ quantity: String, _ deviation: Double) {
    print("parity | \(run) | \(quantity) | \(Float(deviation)) |")
  }

  @Test(
    "loss and gradient norm of each of 50 steps are PEFT's within 1e-4", arguments: runs,
    [false, true])
  func losses(name: String, checkpointing: Bool) throws {
    let trainer = try trainer(name, checkpointing: checkpointing)
    var (worstLoss, worstNorm) = (0.0, 0.0)
    for step in try #require(trace(name)["steps"]?.array) {
      let report = try trainer.advance()
      let loss = try #require(step["loss"]?.double)
      let norm = try #require(step["grad_norm"]?.double)
      worstLoss = max(worstLoss, abs(report.loss - loss) / loss)
      worstNorm = max(worstNorm, abs(report.gradientNorm - norm) / norm)
    }
    #expect(trainer.step == 50)
    if !checkpointing {
      tell(name, "losses of 50 steps", worstLoss)
      tell(name, "gradient norms of 50 steps", worstNorm)
    }
    #expect(worstLoss <= 1e-4, "\(worstLoss)")
    // Norms of later steps feel what Adam makes of rounding in early ones.
    #expect(worstNorm <= 1e-3, "\(worstNorm)")
  }

  @Test(
    "every gradient tensor of the first step is PEFT's within 1e-4 of its largest element",
    arguments: runs)
  func gradients(name: String) throws {
    let trainer = try trainer(name)
    _ = try trainer.advance()
    let file = try SafetensorsFile("\(Self.folder)/\(name)/gradients.safetensors")
    let shape = model.configuration
    var (seen, largest) = (0, Float(0))
    for (index, part) in trainer.adapter.parts.enumerated() {
      let site = part.site
      var ours = [
        ("lora_A.weight", trainer.gradients.a[index]),
        (
          "lora_B.weight",
          shape.huggingFaceRows(ofGGUF: trainer.gradients.b[index], site.projection)
        ),
      ]
      if let magnitude = trainer.gradients.magnitude[index] {
        ours.append(
          (
            "lora_magnitude_vector",
            shape.huggingFaceRows(ofGGUFColumns: magnitude, site.projection)
          ))
      }
      for (suffix, ours) in ours {
        let name = "base_model.model.\(site.modulePath).\(suffix)"
        let tensor = try #require(file.tensor(name), "\(name)")
        let theirs = try #require(file.floats(tensor))
        let scale = theirs.map(abs).max() ?? 0
        let worst = zip(ours.values, theirs).map { abs($0 - $1) }.max() ?? .infinity
        #expect(ours.values.count == theirs.count && scale > 0)
        #expect(worst <= 1e-4 * scale, "\(name): \(worst / scale)")
        seen += 1
        largest = max(largest, worst / scale)
      }
    }
    tell(name, "gradients of the first step, of a tensor's largest element", Double(largest))
    #expect(seen == file.tensors.count)
  }

  @Test("after 50 steps the logits are PEFT's within 1e-3", arguments: runs)
  func trained(name: String) throws {
    let trainer = try trainer(name)
    #expect(try trainer.run { _ in true })
    let expected = try #require(trace(name)["final_logits"]?.array).compactMap(\.double)
    let tokens = trainer.rows[0].tokens
    Scorer(model, updates: trainer.adapter.updates).forEachPosition(of: tokens) {
      position, logits, row in
      guard position == tokens.count - 1 else { return }
      let worst = zip(logits.row(row), expected).map { abs(Double($0) - $1) }.max() ?? .infinity
      #expect(logits.columns == expected.count && worst <= 1e-3, "\(worst)")
      tell(name, "logits after 50 steps, absolute", worst)
    }
  }

  @Test(
    "PEFT's folders are written back byte for byte, their settings saying the same", arguments: runs
  )
  func writing(name: String) throws {
    let source = "\(Self.folder)/\(name)"
    let adapter = try PEFTAdapter.read(source, shape: model.configuration)
    try Scratch.folder { folder in
      try PEFTAdapter.write(adapter, to: "\(folder)/a")
      #expect(
        try Files.read("\(folder)/a/adapter_model.safetensors")
          == Files.read("\(source)/adapter_model.safetensors"))
      let again = try PEFTAdapter.read("\(folder)/a", shape: model.configuration)
      for (ours, theirs) in zip(again.parts, adapter.parts) {
        #expect(ours.alpha == theirs.alpha && ours.update.scale == theirs.update.scale)
        #expect(ours.isRankStabilized == theirs.isRankStabilized)
      }
    }
  }
}
