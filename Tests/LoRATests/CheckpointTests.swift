import Boundary
import GGUF
import Llama
import QuantKernels
import TestSupport
import Testing

@testable import LoRA

@Suite("Training checkpoints")
struct CheckpointTests {
  static let identity: JSONObject = ["model": "aa"]

  /// A trainer of 9 steps on a small quantized model, with dropout.
  static func trainer(_ change: (inout TrainingOptions) -> Void = { _ in }) throws -> Trainer {
    let (model, _) = try TinyModel(seed: 3).load(.q8_0)
    return TrainerTests.trainer(
      model,
      TrainerTests.options {
        $0.dropout = 0.1
        change(&$0)
      })
  }

  /// Runs a trainer to step `count`, saving every 2 steps and at the end.
  static func run(_ trainer: Trainer, to count: Int, in folder: CheckpointFolder) throws {
    _ = try trainer.run(checkpoints: folder, every: 2) { $0.step < count }
  }

  static func uninterrupted(
    _ optimizer: TrainingOptions.Optimizer = .adamw
  ) throws -> [UInt32] {
    let trainer = try trainer { $0.optimizer = optimizer }
    _ = try trainer.run { _ in true }
    return TrainerTests.bits(trainer.adapter)
  }

  @Test(
    "RUN-01, RUN-14: stopped at any step and resumed on other threads, the adapter has the same bits",
    arguments: [(1, 2), (2, 3), (5, 1)], TrainingOptions.Optimizer.allCases)
  func resume(threads: (first: Int, second: Int), optimizer: TrainingOptions.Optimizer) throws {
    let expected = try Self.uninterrupted(optimizer)
    for stop in 1..<9 {
      try Scratch.folder { path in
        let folder = CheckpointFolder("\(path)/c", identity: Self.identity)
        try Kernels.with(threads: threads.first) {
          try Self.run(try Self.trainer { $0.optimizer = optimizer }, to: stop, in: folder)
        }
        let resumed = try Self.trainer {
          $0.keptLayers = 0
          $0.optimizer = optimizer
        }
        #expect(try folder.restore(resumed) == [])
        #expect(resumed.step == stop)
        try Kernels.with(threads: threads.second) { _ = try resumed.run { _ in true } }
        #expect(TrainerTests.bits(resumed.adapter) == expected, "stopped after step \(stop)")
      }
    }
  }

  @Test("a kill at any file operation leaves checkpoints that resume to the same bits")
  func kills() throws {
    // An error at each operation in turn stands for the kill: nothing is tidied after it but
    // partial folders.
    let expected = try Self.uninterrupted()
    let counter = FileFaults()
    try Scratch.folder { path in
      let folder = CheckpointFolder("\(path)/c", identity: Self.identity)
      try FileFaults.$current.withValue(counter) {
        try Self.run(try Self.trainer(), to: 4, in: folder)
      }
    }
    for operation in stride(from: 1, through: counter.operations, by: 7) {
      try Scratch.folder { path in
        let folder = CheckpointFolder("\(path)/c", identity: Self.identity)
        try? FileFaults.$current.withValue(FileFaults(.error(5), at: operation)) {
          try Self.run(try Self.trainer(), to: 4, in: folder)
        }
        let resumed = try Self.trainer()
        _ = try folder.restore(resumed)
        _ = try resumed.run { _ in true }
        #expect(TrainerTests.bits(resumed.adapter) == expected, "operation \(operation)")
      }
    }
  }

  @Test("RUN-19: two are kept, the older ones go after the new one is whole")
  func retention() throws {
    try Scratch.folder { path in
      let folder = CheckpointFolder("\(path)/c", identity: Self.identity)
      try Self.run(try Self.trainer(), to: 7, in: folder)
      #expect(try Files.list("\(path)/c") == ["step-00000006", "step-00000007"])
    }
  }

  @Test("no folder, no checkpoint: nil")
  func none() throws {
    try Scratch.folder { path in
      let folder = CheckpointFolder("\(path)/c", identity: Self.identity)
      #expect(try folder.restore(try Self.trainer()) == nil)
      try Files.createDirectory("\(path)/c")
      #expect(try folder.restore(try Self.trainer()) == nil)
    }
  }

  /// Checkpoints of steps 2 and 4, the newest one changed; what restoring says and the step it
  /// leads to.
  static func restored(
    after change: (_ newest: String) throws -> Void
  ) throws -> (notes: [String], step: Int) {
    try Scratch.folder { path in
      let folder = CheckpointFolder("\(path)/c", identity: identity)
      try run(try trainer(), to: 4, in: folder)
      try change("\(path)/c/step-00000004")
      let resumed = try trainer()
      let notes = try #require(try folder.restore(resumed))
      return (notes, resumed.step)
    }
  }

  static let files = [
    "adapter_config.json", "adapter_model.safetensors", "manifest.json", "optimizer.safetensors",
  ]

  @Test("RUN-06, RUN-07: a file missing: the checkpoint before is used", arguments: files)
  func missing(file: String) throws {
    let (notes, step) = try Self.restored { try Files.remove("\($0)/\(file)") }
    #expect(step == 2 && notes.count == 1 && notes[0].contains(file))
  }

  @Test("RUN-06, RUN-07: a file cut or zero-filled", arguments: files)
  func cut(file: String) throws {
    let cut = try Self.restored { try Files.truncate("\($0)/\(file)", to: 100) }
    #expect(cut.step == 2 && cut.notes.count == 1)
    let zero = try Self.restored {
      let size = try Files.size("\($0)/\(file)")
      try Files.writeAtomically([UInt8](repeating: 0, count: size), to: "\($0)/\(file)")
    }
    #expect(zero.step == 2 && zero.notes.count == 1)
  }

  @Test("RUN-06, RUN-07: any bit flipped is found", arguments: files)
  func flipped(file: String) throws {
    try Scratch.folder { path in
      let folder = CheckpointFolder("\(path)/c", identity: Self.identity)
      try Self.run(try Self.trainer(), to: 4, in: folder)
      let name = "\(path)/c/step-00000004/\(file)"
      let whole = try Files.read(name)
      var random = RandomStream(seed: 1, "flips")
      let resumed = try Self.trainer()
      for _ in 0..<25 {
        var bytes = whole
        let bit = random.below(8 * bytes.count)
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        try Files.writeAtomically(bytes, to: name)
        #expect(try folder.restore(resumed)?.count == 1, "bit \(bit)")
        #expect(resumed.step == 2)
      }
    }
  }

  @Test("RUN-06: an extra file")
  func extra() throws {
    let (notes, step) = try Self.restored { try Files.writeAtomically("x", to: "\($0)/x") }
    #expect(step == 2 && notes.count == 1)
  }

  @Test("RUN-06: none left")
  func noneLeft() throws {
    try Scratch.folder { path in
      let folder = CheckpointFolder("\(path)/c", identity: Self.identity)
      try Self.run(try Self.trainer(), to: 4, in: folder)
      for step in [2, 4] { try Files.remove("\(path)/c/step-0000000\(step)/manifest.json") }
      do {
        _ = try folder.restore(try Self.trainer())
        Issue.record("restored")
      } catch let error as InputError {
        #expect(error.exit == .malformedFile)
      }
    }
  }

  @Test("RUN-05: what a killed run left is removed and named, never read")
  func leftovers() throws {
    let (notes, step) = try Self.restored { newest in
      try Files.createDirectory("\(newest)0.partial")
      try Files.writeAtomically("x", to: "\(newest)0.partial/manifest.json")
    }
    #expect(step == 4 && notes.count == 1 && notes[0].contains("partial"))
  }

  @Test("RUN-08: a pointer to the latest is not needed and not believed")
  func pointer() throws {
    let (notes, step) = try Self.restored { newest in
      try Files.writeAtomically(
        "step-00000099", to: newest.replacing("step-00000004", with: "latest"))
    }
    #expect(step == 4 && notes.isEmpty)
  }

  static func verdict(
    identity: JSONObject = identity, _ change: (inout TrainingOptions) -> Void = { _ in }
  ) throws -> String {
    try Scratch.folder { path in
      try run(try trainer(), to: 4, in: CheckpointFolder("\(path)/c", identity: Self.identity))
      do {
        _ = try CheckpointFolder("\(path)/c", identity: identity).restore(try trainer(change))
        return "ok"
      } catch let error as InputError {
        return "\(error.rule.code) \(error.exit.rawValue) \(error.place.field ?? "")"
      }
    }
  }

  @Test("RUN-09: a checkpoint of another model or configuration is refused with the difference")
  func otherRun() throws {
    #expect(try Self.verdict(identity: ["model": "bb"]) == "RUN-09 5 model")
    #expect(try Self.verdict { $0.learningRate = 0.02 } == "RUN-09 5 learning_rate")
    #expect(try Self.verdict { $0.seed = 1 } == "RUN-09 5 seed")
    #expect(try Self.verdict { $0.optimizer = .adamw8bit } == "RUN-09 5 optimizer")
    #expect(try Self.verdict { $0.keptLayers = 0 } == "ok")
  }

  @Test("RUN-09: a checkpoint of other rows")
  func otherRows() throws {
    try Scratch.folder { path in
      let folder = CheckpointFolder("\(path)/c", identity: Self.identity)
      let (model, _) = try TinyModel(seed: 3).load(.q8_0)
      try Self.run(TrainerTests.trainer(model), to: 4, in: folder)
      var rows = TrainerTests.rows
      rows[3] = TrainingRow(
        id: "x", tokens: rows[3].tokens, weights: rows[3].weights.map { $0 * 2 })
      #expect(throws: InputError.self) {
        try folder.restore(TrainerTests.trainer(model, rows: rows))
      }
    }
  }

  @Test("RUN-15: a checkpoint of another batch split")
  func otherBatches() throws {
    #expect(
      try Self.verdict {
        $0.batch = 4; $0.accumulation = 1
      } == "RUN-15 5 batch")
  }

  @Test("RUN-10: a checkpoint under another step's name")
  func counters() throws {
    let (notes, step) = try Self.restored { newest in
      try Files.rename(newest, to: newest.replacing("00000004", with: "00000005"))
    }
    #expect(step == 2 && notes.count == 1 && notes[0].contains("RUN-10"))
  }

  @Test("RUN-20: values that are not finite are not saved")
  func notFinite() throws {
    try Scratch.folder { path in
      let folder = CheckpointFolder("\(path)/c", identity: Self.identity)
      let trainer = try Self.trainer()
      try Self.run(trainer, to: 2, in: folder)
      trainer.adapter.parts[0].update.a[0, 0] = .nan
      #expect(throws: InputError.self) { try folder.write(trainer) }
      #expect(try Files.list("\(path)/c") == ["step-00000002"])
    }
  }

  @Test("a checkpoint is a PEFT folder too")
  func isAdapter() throws {
    try Scratch.folder { path in
      let trainer = try Self.trainer()
      try Self.run(trainer, to: 4, in: CheckpointFolder("\(path)/c", identity: Self.identity))
      let adapter = try PEFTAdapter.read("\(path)/c/step-00000004", shape: trainer.adapter.shape)
      #expect(TrainerTests.bits(adapter) == TrainerTests.bits(trainer.adapter))
    }
  }
}
