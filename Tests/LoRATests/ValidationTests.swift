import Boundary
import GGUF
import Llama
import QuantKernels
import TestSupport
import Testing

@testable import LoRA

@Suite("Validation")
struct ValidationTests {
  static let rows: [TrainingRow] = (0..<3).map { index in
    var random = RandomStream(seed: 10, "validation", index)
    let tokens = [1] + (0..<6).map { _ in 3 + random.below(40) }
    return TrainingRow(
      id: "v\(index)", tokens: tokens, weights: tokens.indices.map { $0 < 2 ? 0 : 1 })
  }

  /// A rate at which the validation loss, on random rows, soon rises.
  static func trainer(
    patience: Int? = nil, interval: Int = 2, _ change: (inout TrainingOptions) -> Void = { _ in }
  ) throws -> Trainer {
    let (model, _) = try TinyModel(seed: 3).load(.q8_0)
    let adapter = Adapter(shape: model.configuration, rank: 4, alpha: 8, seed: 3)
    let options = TrainerTests.options {
      $0.epochs = 6
      $0.dropout = 0.1
      change(&$0)
    }
    return Trainer(
      model, adapter, rows: TrainerTests.rows, options: options,
      validation: Validation(rows: rows, interval: interval, patience: patience))
  }

  static let identity: JSONObject = ["model": "aa"]

  /// Runs to the end; the evaluations, the number of steps and the adapter that is best.
  static func run(
    _ trainer: Trainer, in path: String, until stop: Int = .max
  ) throws -> (evaluations: [EvaluationReport], best: [UInt32]) {
    let folder = CheckpointFolder(path, identity: identity)
    _ = try folder.restore(trainer)
    var evaluations: [EvaluationReport] = []
    _ = try trainer.run(
      checkpoints: folder, every: 3, onEvaluation: { evaluations.append($0) }
    ) { $0.step < stop }
    return (evaluations, TrainerTests.bits(try folder.bestAdapter(of: trainer)))
  }

  @Test("the loss is a training step's without dropout", arguments: LossNormalization.allCases)
  func loss(normalization: LossNormalization) throws {
    let (model, _) = try TinyModel(seed: 3).load(.q8_0)
    let adapter = Adapter(shape: model.configuration, rank: 4, alpha: 8, seed: 3)
    adapter.parts[3].update.b.fill(0.3)
    adapter.parts[3].update.refresh()
    let options = TrainerTests.options {
      $0.normalization = normalization
      $0.batch = 3
      $0.accumulation = 1
    }
    let weighted = Self.rows.map { $0.scaled(by: 0.7) }
    let step = try Trainer(model, adapter, rows: weighted, options: options).advance()
    // The first step's rate is 0, so the adapter is as it was.
    let loss = Validation(rows: weighted, interval: 1).loss(
      by: Scorer(model, updates: adapter.updates), normalization, goesOn: { true })
    #expect(abs((loss ?? 0) - step.loss) < 1e-5)
  }

  @Test("evaluations come at their steps and at the last; the best has the lowest loss")
  func schedule() throws {
    try Scratch.folder { path in
      let trainer = try Self.trainer(interval: 4)
      let (evaluations, best) = try Self.run(trainer, in: "\(path)/c")
      #expect(evaluations.map(\.step) == [4, 8, 12, 16, 18])
      let lowest = evaluations.min { $0.loss < $1.loss }
      #expect(trainer.record.best?.step == lowest?.step)
      #expect(trainer.record.best?.loss == lowest?.loss)
      // Training on other rows does these no good for long, so the best is not the last.
      #expect(lowest?.step != 18)
      #expect(best != TrainerTests.bits(trainer.adapter))

      let upTo = try Self.trainer(interval: 4)
      _ = try upTo.run { $0.step < lowest?.step ?? 0 }
      #expect(TrainerTests.bits(upTo.adapter) == best)
    }
  }

  @Test("the best checkpoint stays beside the newest two")
  func retention() throws {
    try Scratch.folder { path in
      let trainer = try Self.trainer()
      _ = try Self.run(trainer, in: "\(path)/c")
      let best = try #require(trainer.record.best)
      let names = try Files.list("\(path)/c")
      #expect(names.count == 3 && names.first?.hasSuffix("0\(best.step)") == true)
    }
  }

  @Test("patience ends training after so many evaluations without a new best")
  func patience() throws {
    try Scratch.folder { path in
      let all = try Self.run(try Self.trainer(), in: "\(path)/all").evaluations
      let trainer = try Self.trainer(patience: 2)
      let some = try Self.run(trainer, in: "\(path)/some").evaluations
      #expect(some == Array(all.prefix(some.count)) && some.count < all.count)
      #expect(trainer.hasEnded && trainer.record.stale == 2 && trainer.step < trainer.steps)
      let best = some.lastIndex { $0.isBest } ?? 0
      #expect(some.count == best + 3)
      // Going on changes nothing.
      let again = try Self.trainer(patience: 2)
      #expect(try Self.run(again, in: "\(path)/some").evaluations.isEmpty)
      #expect(again.step == trainer.step)
    }
  }

  @Test(
    "RUN-01: stopped at any step and gone on with on other threads: the same losses, the same best bits"
  )
  func resume() throws {
    try Scratch.folder { path in
      let expected = try Self.run(try Self.trainer(patience: 3), in: "\(path)/whole")
      let last = try #require(expected.evaluations.last?.step)
      for stop in 1...last {
        let place = "\(path)/\(stop)"
        let first = try Kernels.with(threads: 1) {
          try Self.run(try Self.trainer(patience: 3), in: place, until: stop)
        }
        let second = try Kernels.with(threads: 3) {
          try Self.run(try Self.trainer(patience: 3), in: place)
        }
        #expect(
          first.evaluations + second.evaluations == expected.evaluations, "stopped at \(stop)")
        #expect(second.best == expected.best, "stopped at \(stop)")
      }
    }
  }

  @Test("a stop inside an evaluation is made up for")
  func stopInside() throws {
    try Scratch.folder { path in
      let expected = try Self.run(try Self.trainer(), in: "\(path)/whole")
      let folder = CheckpointFolder("\(path)/c", identity: Self.identity)
      let trainer = try Self.trainer()
      var rowsAsked = 0
      var before: [EvaluationReport] = []
      let ended = try trainer.run(
        checkpoints: folder, every: 3,
        goesOn: {
          rowsAsked += 1
          return rowsAsked < 5
        }, onEvaluation: { before.append($0) }, onStep: { _ in true })
      #expect(!ended && before.count == 1 && trainer.step == 4)
      let after = try Self.run(try Self.trainer(), in: "\(path)/c")
      #expect(before + after.evaluations == expected.evaluations && after.best == expected.best)
    }
  }

  @Test("RUN-09: a checkpoint of other validation rows or another patience is refused")
  func otherValidation() throws {
    try Scratch.folder { path in
      _ = try Self.run(try Self.trainer(patience: 2), in: "\(path)/c", until: 3)
      let folder = CheckpointFolder("\(path)/c", identity: Self.identity)
      #expect(throws: InputError.self) { try folder.restore(try Self.trainer(patience: 3)) }
      #expect(throws: InputError.self) {
        try folder.restore(try Self.trainer(patience: 2, interval: 3))
      }
      #expect(try folder.restore(try Self.trainer(patience: 2)) == [])
    }
  }

  @Test("a split is a function of the seed, takes its share, and keeps equal rows together")
  func split() throws {
    let rows = (0..<40).map { index in
      TrainingRow(id: "\(index)", tokens: [1, 3 + index / 2], weights: [0, 1])
    }
    let (training, validation) = try Validation.split(rows, share: 0.1, seed: 1)
    #expect(training.count + validation.count == 40)
    #expect((4...8).contains(validation.count))
    #expect(Set(training.map(\.tokens)).isDisjoint(with: validation.map(\.tokens)))
    #expect(try Validation.split(rows, share: 0.1, seed: 1).validation == validation)
    #expect(try Validation.split(rows, share: 0.1, seed: 2).validation != validation)
    #expect(try Validation.split(rows, share: 1e-6, seed: 1).validation.isEmpty == false)
    let equal = rows.map { _ in rows[0] }
    #expect(throws: InputError.self) { try Validation.split(equal, share: 0.1, seed: 1) }
  }

  @Test("DS-13: validation rows that are training rows, too")
  func overlap() throws {
    let rows = TrainerTests.rows
    try Validation.checkApart(Self.rows, from: rows, file: "v")
    do {
      try Validation.checkApart(Self.rows + [rows[2]], from: rows, file: "v")
      Issue.record("accepted")
    } catch let error as InputError {
      #expect(error.rule.code == "DS-13" && error.found.contains("1 of 4"))
    }
  }
}
