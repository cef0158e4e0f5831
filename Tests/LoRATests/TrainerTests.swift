import Boundary
import GGUF
import Llama
import QuantKernels
import TestSupport
import Testing

@testable import LoRA

@Suite("Trainer")
struct TrainerTests {
  /// Twelve rows of lengths 4 to 15.
  static let rows: [TrainingRow] = (0..<12).map { index in
    var random = RandomStream(seed: 9, "rows", index)
    let tokens = [1] + (0..<3 + index).map { _ in 3 + random.below(40) }
    return TrainingRow(
      id: "row \(index)", tokens: tokens,
      weights: tokens.indices.map { $0 % 3 == 1 ? 0 : $0 % 3 == 2 ? 1 : 1.5 })
  }

  static func options(_ change: (inout TrainingOptions) -> Void = { _ in }) -> TrainingOptions {
    var options = TrainingOptions()
    options.epochs = 3
    options.batch = 2
    options.accumulation = 2
    options.learningRate = 0.01
    options.schedule = .cosine
    options.warmupRatio = 0.2
    options.weightDecay = 0.01
    change(&options)
    return options
  }

  static func trainer(
    _ model: LlamaModel, _ options: TrainingOptions = options(), rows: [TrainingRow] = rows
  ) -> Trainer {
    let adapter = Adapter(shape: model.configuration, rank: 4, alpha: 8, seed: 3)
    return Trainer(model, adapter, rows: rows, options: options)
  }

  static func bits(_ adapter: Adapter) -> [UInt32] {
    adapter.parts.flatMap { ($0.update.a.values + $0.update.b.values).map(\.bitPattern) }
  }

  @Test("training lowers the loss")
  func learns() throws {
    let (model, _) = try TinyModel(seed: 3).load(.q8_0)
    let trainer = Self.trainer(model, Self.options { $0.epochs = 20 })
    var losses: [Double] = []
    #expect(
      try trainer.run {
        losses.append($0.loss); return true
      })
    let (first, last) = (losses.prefix(3).reduce(0, +), losses.suffix(3).reduce(0, +))
    #expect(last < 0.7 * first)
  }

  @Test("moments in 8 bits learn as fast")
  func eightBit() throws {
    let (model, _) = try TinyModel(seed: 3).load(.q8_0)
    let losses = try TrainingOptions.Optimizer.allCases.map { optimizer in
      let trainer = Self.trainer(
        model,
        Self.options {
          $0.epochs = 20
          $0.optimizer = optimizer
        })
      var losses: [Double] = []
      _ = try trainer.run {
        losses.append($0.loss)
        return true
      }
      return losses
    }
    // The first steps see no moments from before, so they are the same; then the paths part by little.
    #expect(losses[0][0] == losses[1][0] && losses[0] != losses[1])
    let (full, coded) = (losses[0].suffix(6).reduce(0, +), losses[1].suffix(6).reduce(0, +))
    #expect(abs(full - coded) < 0.03 * full)
  }

  @Test("steps, epochs, tokens and targets are counted; rows left over take their turn later")
  func counts() throws {
    let (model, _) = try TinyModel(seed: 3).load()
    let trainer = Self.trainer(model, rows: Array(Self.rows.prefix(10)))
    // floor(10 / 4) = 2 steps an epoch.
    #expect(trainer.steps == 6)
    let report = try trainer.advance()
    #expect(report.step == 1 && report.steps == 6 && report.epoch == 0.5)
    #expect(report.learningRate == 0)
    #expect(report.tokens > report.targets && report.targets > 0)
  }

  @Test("the order of an epoch depends on seed and epoch alone, and visits every row")
  func order() {
    let first = Trainer.order(of: 100, epoch: 0, seed: 1)
    #expect(first == Trainer.order(of: 100, epoch: 0, seed: 1))
    #expect(first != Trainer.order(of: 100, epoch: 1, seed: 1))
    #expect(first != Trainer.order(of: 100, epoch: 0, seed: 2))
    #expect(first.sorted() == Array(0..<100))
  }

  @Test(
    "a step in micro-batches has the gradient of the step in one, whatever the weights are divided by",
    arguments: [1, 2, 4], LossNormalization.allCases)
  func accumulation(batch: Int, normalization: LossNormalization) throws {
    let (model, _) = try TinyModel(seed: 3).load()
    // The published mean is one of micro-batches; it is a step's where these have equally many targets.
    let rows =
      normalization == .tripost
      ? Self.rows.map {
        TrainingRow(id: $0.id, tokens: Array($0.tokens.prefix(4)), weights: [0, 0, 1, 1.5])
      }
      : Self.rows
    func run(_ batch: Int) throws -> (StepReport, [Float]) {
      let trainer = Self.trainer(
        model,
        Self.options {
          $0.batch = batch
          $0.accumulation = 4 / batch
          $0.normalization = normalization
        }, rows: rows)
      let report = try trainer.advance()
      return (report, (trainer.gradients.a + trainer.gradients.b).flatMap(\.values))
    }
    let (report, gradient) = try run(batch)
    let (whole, wholeGradient) = try run(4)
    #expect(abs(report.loss - whole.loss) < 1e-6)
    let size = wholeGradient.map(abs).max() ?? 0
    let worst = zip(gradient, wholeGradient).map { abs($0 - $1) }.max() ?? .infinity
    #expect(worst <= 1e-5 * size)
  }

  @Test("clipping scales a large gradient to the norm, and leaves a small one")
  func clipping() throws {
    let (model, _) = try TinyModel(seed: 3).load()
    func moved(_ maximum: Double?) throws -> (norm: Double, moments: [Float]) {
      let trainer = Self.trainer(model, Self.options { $0.maximumGradientNorm = maximum })
      let report = try trainer.advance()
      return (report.gradientNorm, trainer.firstMoments)
    }
    let free = try moved(nil)
    let clipped = try moved(free.norm / 4)
    #expect(clipped.norm == free.norm)
    for (clipped, free) in zip(clipped.moments, free.moments) {
      #expect(abs(clipped - free / 4) <= 1e-5 * abs(free))
    }
    #expect(try moved(free.norm * 2).moments == free.moments)
  }

  // NUM-12 with other counts; the model's matrices are cut by shape alone.
  @Test("NUM-12: 1, 2 and 3 threads train the same bits")
  func threads() throws {
    let (model, _) = try TinyModel(seed: 3).load(.q4_0)
    let adapters = try [1, 2, 3].map { threads in
      try Kernels.with(threads: threads) {
        let trainer = Self.trainer(model, Self.options { $0.dropout = 0.1 })
        _ = try trainer.run { _ in true }
        return Self.bits(trainer.adapter)
      }
    }
    #expect(adapters[0] == adapters[1] && adapters[0] == adapters[2])
  }

  @Test("every instruction set trains the same bits")
  func instructionSets() throws {
    let (model, _) = try TinyModel(seed: 3).load(.q4_0)
    let adapters = try Kernels.available.map { set in
      try Kernels.with(set) {
        let trainer = Self.trainer(model)
        _ = try trainer.run { _ in true }
        return Self.bits(trainer.adapter)
      }
    }
    #expect(adapters.allSatisfy { $0 == adapters[0] })
  }

  @Test("NUM-01: a loss that is not finite stops before the step and changes nothing")
  func lossNotFinite() throws {
    let (model, _) = try TinyModel(seed: 3).load()
    let trainer = Self.trainer(model)
    _ = try trainer.advance()
    _ = try trainer.advance()
    let part = trainer.adapter.parts[0].update
    part.b[0, 0] = .infinity
    part.refresh()
    let before = (Self.bits(trainer.adapter), trainer.firstMoments)
    do {
      _ = try trainer.advance()
      Issue.record("went on")
    } catch let error as InputError {
      #expect(error.rule.code == "NUM-01" && error.exit == .diverged)
      #expect(error.description.contains("step 3") && error.description.contains("row "))
    }
    #expect(before == (Self.bits(trainer.adapter), trainer.firstMoments))
    #expect(trainer.step == 2)
  }

  @Test("NUM-01: the error names the last good checkpoint, which training goes on from")
  func namesCheckpoint() throws {
    try Scratch.folder { path in
      let (model, _) = try TinyModel(seed: 3).load()
      let folder = CheckpointFolder("\(path)/c", identity: [:])
      let trainer = Self.trainer(model)
      do {
        _ = try trainer.run(checkpoints: folder, every: 2) { report in
          if report.step == 5 {
            trainer.adapter.parts[0].update.b[0, 0] = .infinity
            trainer.adapter.parts[0].update.refresh()
          }
          return true
        }
        Issue.record("went on")
      } catch let error as InputError {
        #expect(error.exit == .diverged)
        #expect(error.description.contains("\(path)/c/step-00000004"))
      }
      let resumed = Self.trainer(model)
      #expect(try folder.restore(resumed) == [])
      #expect(resumed.step == 4)
      #expect(try resumed.run(checkpoints: folder) { _ in true })
    }
  }

  @Test("NUM-02: a gradient that is not finite stops before the step and changes nothing")
  func gradientNotFinite() throws {
    let (model, _) = try TinyModel(seed: 3).load()
    let trainer = Self.trainer(model)
    // B = 0 hides A and the scale from the loss, but dB = scale · dyᵀ·(A·x) overflows.
    let part = trainer.adapter.parts[0].update
    part.a.fill(1e4)
    part.scale = 3e38
    part.refresh()
    let before = Self.bits(trainer.adapter)
    do {
      _ = try trainer.advance()
      Issue.record("went on")
    } catch let error as InputError {
      #expect(error.rule.code == "NUM-02" && error.exit == .diverged)
    }
    #expect(Self.bits(trainer.adapter) == before)
  }

  @Test("NUM-10: a learning rate of 1e6 ends in exit code 10, not in a damaged adapter")
  func hugeRate() throws {
    let (model, _) = try TinyModel(seed: 3).load()
    let trainer = Self.trainer(
      model,
      Self.options {
        $0.learningRate = 1e30
        $0.warmupRatio = 0
        $0.epochs = 20
      })
    #expect(throws: InputError.self) { try trainer.run { _ in true } }
    #expect(trainer.step > 0)
  }
}

extension Trainer {
  /// All first moments, as they are kept.
  var firstMoments: [Float] {
    moments.joined().flatMap { moments in
      switch moments {
      case .full(let first, _): first.values
      case .eightBit(let moments): moments.values.first
      }
    }
  }
}
