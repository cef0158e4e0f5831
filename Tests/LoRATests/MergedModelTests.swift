import Boundary
import GGUF
import Llama
import QuantKernels
import TestSupport
import Testing

@testable import LoRA

@Suite("Merged models")
struct MergedModelTests {
  /// Runs `body` with a small model's file, the model and an adapter for it.
  static func with<R>(
    _ type: TensorType, dora: Bool = false,
    _ body: (_ folder: String, GGUFFile, LlamaModel, Adapter) throws -> R
  ) throws -> R {
    try Scratch.folder { folder in
      let path = "\(folder)/base.gguf"
      let (model, _) = try TinyModel(seed: 3).load(type, keeping: path)
      let adapter = GradientTests.adapter(
        model.configuration, [.query, .key, .value, .down],
        magnitudesOf: dora ? model.weights : nil)
      return try body(folder, try GGUFFile(path), model, adapter)
    }
  }

  static func distance(_ x: LlamaModel, _ updates: LowRankUpdates, _ y: LlamaModel) -> Float {
    let tokens = [1, 5, 9, 30, 7, 12, 40, 2]
    let (a, b) = (
      Scorer(x, updates: updates).logProbabilities(of: tokens),
      Scorer(y).logProbabilities(of: tokens)
    )
    return zip(a, b).map { abs(($0 ?? 0) - ($1 ?? 0)) }.max() ?? .infinity
  }

  @Test(
    "on floats, the merged model's log-probabilities are those of base and adapter",
    arguments: [false, true])
  func floats(dora: Bool) throws {
    try Self.with(.f32, dora: dora) { folder, base, model, adapter in
      let report = try MergedModel(adapter, into: base)
        .write(to: "\(folder)/merged.gguf") { _, _ in }
      let merged = try LlamaModel("\(folder)/merged.gguf")
      #expect(Self.distance(model, adapter.updates, merged) < 1e-4)
      #expect(Self.distance(model, [:], merged) > 0.1)
      #expect(report.changed == [.f32: 8] && report.worst.error == 0)

      let probe = try LogitProbe(model, updates: adapter.updates)
      let change = probe.change(to: merged)
      #expect(change.mean < 1e-6 && change.largest < 1e-5 && change.sameLikeliest > 0.95)
      let effect = probe.change(to: model)
      #expect(effect.mean > 1e-3 && effect.largest > effect.mean && effect.positions > 16)
      #expect(probe.change(to: model, updates: adapter.updates).mean == 0)
    }
  }

  @Test("keys, order and all other tensors are those of the base, byte for byte")
  func kept() throws {
    try Self.with(.q8_0) { folder, base, _, adapter in
      _ = try MergedModel(adapter, into: base, as: .f16)
        .write(to: "\(folder)/merged.gguf") { _, _ in }
      let merged = try GGUFFile("\(folder)/merged.gguf")
      #expect(merged.metadata.map(\.key) == base.metadata.map(\.key))
      for (key, value) in base.metadata { #expect(merged.value(key) == value, "\(key)") }
      #expect(merged.tensors.map(\.name) == base.tensors.map(\.name))
      let changed = Set(adapter.parts.map { "\($0.site).weight" })
      for tensor in base.tensors {
        let twin = try #require(merged.tensor(tensor.name))
        #expect(twin.dims == tensor.dims)
        if changed.contains(tensor.name) {
          #expect(twin.type == .f16)
        } else {
          let (a, b) = (
            base.withBytes(of: tensor) { Array($0) }, merged.withBytes(of: twin) { Array($0) }
          )
          #expect(twin.type == tensor.type && a == b, "\(tensor.name)")
        }
      }
    }
  }

  @Test(
    "a changed tensor is the float sum in the wanted type, or in its own",
    arguments: [nil, .q8_0, .q4_0, .bf16, .f32] as [TensorType?])
  func values(type: TensorType?) throws {
    try Self.with(.q8_0, dora: true) { folder, base, model, adapter in
      let report = try MergedModel(adapter, into: base, as: type)
        .write(to: "\(folder)/merged.gguf") { _, _ in }
      #expect(report.changed == [type ?? .q8_0: 8])
      let merged = try GGUFFile("\(folder)/merged.gguf")
      for part in adapter.parts {
        let tensor = try #require(merged.tensor("\(part.site).weight"))
        let weight = model.weights.layers[part.site.layer][part.site.projection]
        let (update, sum) = (part.update, Matrix(rows: weight.rows, columns: weight.columns))
        for row in 0..<weight.rows { weight.copyRow(row, into: sum, row: row) }
        for row in 0..<weight.rows {
          var square = 0.0
          for column in 0..<weight.columns {
            let product = (0..<update.rank).reduce(Float(0)) {
              $0 + update.b[row, $1] * update.a[$1, column]
            }
            sum[row, column] += update.scale * product
            square += Double(sum[row, column]) * Double(sum[row, column])
          }
          let gain = (update.magnitude?[0, row] ?? 0) / Float(square.squareRoot())
          for column in 0..<weight.columns { sum[row, column] *= gain }
        }
        let found = merged.withBytes(of: tensor) { bytes in
          let matrix = WeightMatrix(
            type: tensor.type, rows: tensor.rows, columns: tensor.columns, bytes: bytes)
          let values = Matrix(rows: matrix.rows, columns: matrix.columns)
          for row in 0..<matrix.rows { matrix.copyRow(row, into: values, row: row) }
          return values
        }
        // Half a step of the type, of the largest value of a block; a whole one at Q4_0's short end.
        let step: Float =
          switch tensor.type {
          case .q8_0: 1 / 127
          case .q4_0: 2.0 / 8
          case .bf16: 1 / 128
          default: 1e-5
          }
        let top = sum.values.map(abs).max() ?? 0
        let worst = zip(sum.values, found.values).map { abs($0 - $1) }.max() ?? .infinity
        #expect(worst <= 0.51 * step * top + 1e-5 * top, "\(tensor.name): \(worst / top)")
      }
    }
  }

  @Test("rows that are no whole number of blocks are written as F16")
  func oddRows() throws {
    try Self.with(.f32) { folder, base, _, adapter in
      var writer = GGUFWriter()
      for (key, value) in base.metadata { writer.set(key, value) }
      // A feed-forward width of 40 instead of 64.
      writer.set("llama.feed_forward_length", .uint32(40))
      for tensor in base.tensors {
        let dims = tensor.dims.map { $0 == 64 ? 40 : $0 }
        let count = try #require(tensor.type.byteCount(of: dims))
        let bytes = base.withBytes(of: tensor) { Array($0.prefix(count)) }
        writer.add(name: tensor.name, type: tensor.type, dims: dims, bytes: bytes)
      }
      try writer.write(to: "\(folder)/odd.gguf")
      let model = try LlamaModel("\(folder)/odd.gguf")
      let adapter = GradientTests.adapter(model.configuration, [.down, .up])
      let report = try MergedModel(
        adapter, into: try GGUFFile("\(folder)/odd.gguf"), as: .q8_0
      ).write(to: "\(folder)/merged.gguf") { _, _ in }
      #expect(report.changed == [.q8_0: 2, .f16: 2])
    }
  }

  @Test("ADP-14: a type that is not written, a sum that the type cannot hold")
  func quantizing() throws {
    try Self.with(.f32) { folder, base, model, adapter in
      for part in adapter.parts { part.update.scale = 1e7 }
      do {
        _ = try MergedModel(adapter, into: base, as: .f16)
          .write(to: "\(folder)/merged.gguf") { _, _ in }
        Issue.record("written")
      } catch let error as InputError {
        #expect(error.rule.code == "ADP-14" && error.place.entry?.contains("attn_q") == true)
        #expect(error.file?.hasSuffix("base.gguf") == true)
      }
      #expect(!Files.exists("\(folder)/merged.gguf"))
      var writer = GGUFWriter()
      for (key, value) in base.metadata { writer.set(key, value) }
      for tensor in base.tensors {
        let isQ = tensor.name == "blk.1.attn_q.weight"
        let bytes =
          isQ
          ? [UInt8](repeating: 0, count: 32 * 20)
          : base.withBytes(of: tensor) { Array($0) }
        writer.add(
          name: tensor.name, type: isQ ? .q4_1 : tensor.type, dims: tensor.dims, bytes: bytes)
      }
      try writer.write(to: "\(folder)/q4_1.gguf")
      let odd = try GGUFFile("\(folder)/q4_1.gguf")
      do {
        _ = try MergedModel(adapter, into: odd)
        Issue.record("accepted")
      } catch let error as InputError {
        #expect(error.rule.code == "ADP-14" && error.found == "Q4_1")
      }
      _ = try MergedModel(adapter, into: odd, as: .q8_0)
    }
  }

  @Test("ADP-15, ADP-16, RUN-24: a file that is there stays, whatever operation fails")
  func faults() throws {
    try Self.with(.q8_0) { folder, base, _, adapter in
      let merged = try MergedModel(adapter, into: base)
      let target = "\(folder)/merged.gguf"
      try Files.writeAtomically("old", to: target)
      #expect(throws: InputError.self) { try merged.write(to: target) { _, _ in } }
      let counter = FileFaults()
      try FileFaults.$current.withValue(counter) {
        _ = try merged.write(to: "\(folder)/count.gguf") { _, _ in }
      }
      let whole = try Files.read("\(folder)/count.gguf")
      #expect(counter.operations > 20)
      var failures = 0
      for operation in stride(from: 1, through: counter.operations, by: 3) {
        do {
          try FileFaults.$current.withValue(FileFaults(.error(28), at: operation)) {
            _ = try merged.write(to: target, replacing: true) { _, _ in }
          }
        } catch let error as InputError {
          failures += 1
          #expect(error.exit == .disk)
          let bytes = try Files.read(target)
          #expect(bytes == Array("old".utf8) || bytes == whole)
        }
        #expect(try Files.list(folder).count == 3)
        try Files.writeAtomically("old", to: target)
      }
      #expect(failures > 5)
    }
  }
}
