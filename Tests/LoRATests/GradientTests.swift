import Boundary
import GGUF
import Llama
import QuantKernels
import TestSupport
import Testing

@testable import LoRA

@Suite("Gradients of the whole pass")
struct GradientTests {
  /// Two rows of other lengths, weights of 0, 1 and 1.5.
  static let rows = [
    TrainingRow(
      id: "a", tokens: [1, 5, 9, 30, 7, 12, 40, 2], weights: [0, 0, 0, 1, 1, 1.5, 1.5, 1]),
    TrainingRow(id: "b", tokens: [1, 11, 4, 4, 21, 3], weights: [0, 1, 1, 0, 1.5, 0]),
  ]

  /// An adapter whose B is not zero, so that gradients reach A and what lies below.
  static func adapter(
    _ shape: LlamaConfiguration, _ projections: [Projection] = Projection.allCases, rank: Int = 3,
    magnitudesOf weights: LlamaWeights? = nil
  ) -> Adapter {
    var adapter = Adapter(shape: shape, projections: projections, rank: rank, alpha: 6, seed: 1)
    if let weights { adapter = adapter.withMagnitudes(of: weights) }
    for part in adapter.parts {
      var random = RandomStream(seed: 2, "\(part.site)")
      let b = part.update.b
      b.copy(
        from: Matrix(
          rows: b.rows, columns: b.columns,
          values: (0..<b.rows * b.columns).map { _ in Float(0.1 * random.normal()) }))
      for column in 0..<(part.update.magnitude?.columns ?? 0) {
        part.update.magnitude?[0, column] *= Float(1 + 0.1 * random.normal())
      }
      part.update.refresh()
    }
    return adapter
  }

  static let coefficients = WeightedLoss.coefficients(of: [rows], .tokens)[0]

  static func run(
    _ model: LlamaModel, _ adapter: Adapter, keptLayers: Int = .max, dropout: Float = 0,
    backward: BackwardPrecision? = nil
  ) -> (loss: Double, gradients: AdapterGradients) {
    let gradients = AdapterGradients(adapter)
    let pass = TrainingPass(
      model, adapter, keptLayers: keptLayers, dropout: dropout, backward: backward)
    let loss = pass.run(
      PackedRows(rows, coefficients: coefficients), into: gradients, dropoutKey: 5)
    return (loss, gradients)
  }

  @Test(
    "on floats, loss and gradients of every site are those of the plain double-precision twin",
    arguments: [false, true])
  func finiteDifferences(dora: Bool) throws {
    let tiny = TinyModel(seed: 3)
    let (model, _) = try tiny.load()
    let adapter = Self.adapter(model.configuration, magnitudesOf: dora ? model.weights : nil)
    let (loss, gradients) = Self.run(model, adapter)
    let twin = ReferenceModel(tiny: tiny)
    let start = twin.updates(adapter)
    #expect(abs(loss - twin.loss(Self.rows, Self.coefficients, start)) < 1e-5)

    // The slope along a random direction of each parameter, by central differences in double precision.
    for (index, part) in adapter.parts.enumerated() {
      #expect(gradients.ofPart(index).count == (dora ? 3 : 2))
      for (place, gradient) in gradients.ofPart(index).enumerated() {
        let gradient = gradient.values
        var random = RandomStream(seed: 4, "\(part.site)", place)
        let direction = gradient.map { _ in random.normal() }
        func loss(_ step: Double) -> Double {
          var updates = start
          for (element, by) in direction.enumerated() {
            updates[part.site]?.parameters[place][element] += step * by
          }
          return twin.loss(Self.rows, Self.coefficients, updates)
        }
        let slope = (loss(1e-5) - loss(-1e-5)) / 2e-5
        let claimed = zip(gradient, direction).reduce(0.0) { $0 + Double($1.0) * $1.1 }
        let size = zip(gradient, gradient).reduce(0.0) { $0 + Double($1.0 * $1.1) }.squareRoot()
        // Floats over some 10^5 operations; the direction is about √n times longer than its share.
        #expect(abs(slope - claimed) <= 1e-4 * size, "\(part.site), parameter \(place)")
        #expect(size > 1e-3, "\(part.site) has a gradient to compare")
      }
    }
  }

  @Test("with DoRA, the training pass computes the sampler's logits, bit for bit")
  func sameAsSampling() throws {
    let (model, _) = try TinyModel(seed: 3).load(.q8_0)
    let adapter = Self.adapter(model.configuration, magnitudesOf: model.weights)
    let pass = TrainingPass(model, adapter)
    pass.forward(PackedRows([Self.rows[0]], coefficients: [Self.rows[0].tokens.map { _ in 1 }]))
    let last = try #require(pass.states.last)
    let normed = Matrix(rows: 0, columns: last.columns)
    rmsNorm(
      last, weight: model.weights.outputNorm, epsilon: model.configuration.epsilon, into: normed)
    let input = Activations(columns: last.columns)
    input.load(normed)
    let logits = Matrix(rows: 0, columns: model.weights.output.rows)
    multiply(input, model.weights.output, into: logits)
    let tokens = Array(Self.rows[0].tokens.dropLast())
    Scorer(model, updates: adapter.updates).forEachPosition(of: tokens) { position, sampled, row in
      #expect(logits.row(position) == sampled.row(row))
    }
  }

  @Test(
    "on a quantized base, gradients point where those of the dequantized model do",
    arguments: [TensorType.f16, .bf16, .q8_0, .q4_0])
  func quantizedBase(type: TensorType) throws {
    let (model, dequantized) = try TinyModel(seed: 3).load(type)
    let (twin, _) = try dequantized.load()
    let (adapter, twinAdapter) = (
      Self.adapter(model.configuration), Self.adapter(twin.configuration)
    )
    let (loss, gradients) = Self.run(model, adapter)
    let (twinLoss, twinGradients) = Self.run(twin, twinAdapter)
    #expect(abs(loss - twinLoss) <= 0.01 * twinLoss)
    #expect(Self.cosine(gradients, twinGradients) >= 0.99)
  }

  @Test(
    "gradients in bfloat16 and int8 point where those in f32 do; bfloat16 is the default beside quantized weights"
  )
  func precision() throws {
    let (model, _) = try TinyModel(seed: 3).load(.q8_0)
    let adapter = Self.adapter(model.configuration)
    let exact = Self.run(model, adapter, backward: .f32).gradients
    let rounded = Self.run(model, adapter, backward: .bf16).gradients
    let chosen = Self.run(model, adapter).gradients
    #expect(Self.cosine(exact, rounded) >= 0.9999)
    #expect(exact.a[0].values != rounded.a[0].values)
    #expect(chosen.a.map(\.values) == rounded.a.map(\.values))
    let integers = Self.run(model, adapter, backward: .int8).gradients
    #expect(Self.cosine(exact, integers) >= 0.999)
    #expect(integers.a[0].values != rounded.a[0].values)
    // The last update's B meets nothing but the output's weights, which are left in bfloat16.
    #expect(integers.b.last?.values == rounded.b.last?.values)
  }

  @Test(
    "on a trained quantized model, gradients point where those of its dequantized twin do",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"),
    arguments: ["stories260K-f16", "stories260K-q8_0", "stories260K-q4_0"],
    [nil, BackwardPrecision.int8])
  func trainedModel(name: String, backward: BackwardPrecision?) throws {
    let (model, twin) = try Self.dequantizedPair(SharedData.url("models/\(name).gguf"))
    let adapter = try PEFTAdapter.read(
      SharedData.url("lora/peft-r4-qv/final"), shape: model.configuration)
    let rows = try ["Once upon a time, there was a little girl named Lily.", "The dog ran."].map {
      try TrainingRow(
        id: $0, segments: [.init($0, weight: 1)], tokenizer: model.tokenizer)
    }
    let factors = WeightedLoss.coefficients(of: [rows], .tokens)[0]
    let results = [(model, backward), (twin, nil)].map { model, backward in
      let gradients = AdapterGradients(adapter)
      let loss = TrainingPass(model, adapter, backward: backward)
        .run(PackedRows(rows, coefficients: factors), into: gradients)
      return (loss: loss, gradients: gradients)
    }
    #expect(abs(results[0].loss - results[1].loss) <= 0.01 * results[1].loss)
    #expect(Self.cosine(results[0].gradients, results[1].gradients) >= 0.99)
  }

  /// A model, and the same with every matrix as floats.
  static func dequantizedPair(_ path: String) throws -> (model: LlamaModel, twin: LlamaModel) {
    let file = try GGUFFile(path)
    var writer = GGUFWriter()
    for (key, value) in file.metadata { writer.set(key, value) }
    for tensor in file.tensors {
      let floats = Matrix(rows: tensor.rows, columns: tensor.columns)
      file.withBytes(of: tensor) { bytes in
        let matrix = WeightMatrix(
          type: tensor.type, rows: tensor.rows, columns: tensor.columns, bytes: bytes)
        for row in 0..<tensor.rows { matrix.copyRow(row, into: floats, row: row) }
      }
      var bytes: [UInt8] = []
      for value in floats.values { appendLittleEndian(value.bitPattern, to: &bytes) }
      writer.add(name: tensor.name, type: .f32, dims: tensor.dims, bytes: bytes)
    }
    return try Scratch.folder { folder in
      try writer.write(to: "\(folder)/twin.gguf")
      return (try LlamaModel(path), try LlamaModel("\(folder)/twin.gguf"))
    }
  }

  static func cosine(_ x: AdapterGradients, _ y: AdapterGradients) -> Double {
    var (xy, xx, yy) = (0.0, 0.0, 0.0)
    for (x, y) in zip(x.a + x.b, y.a + y.b) {
      for (x, y) in zip(x.values, y.values) {
        xy += Double(x) * Double(y)
        xx += Double(x) * Double(x)
        yy += Double(y) * Double(y)
      }
    }
    return xy / (xx * yy).squareRoot()
  }

  static func bits(_ gradients: AdapterGradients) -> [UInt32] {
    gradients.a.indices.flatMap(gradients.ofPart).flatMap { $0.values.map(\.bitPattern) }
  }

  @Test(
    "making layers again instead of keeping them gives the same bits", arguments: [0, 0.3],
    [false, true])
  func keptLayers(dropout: Float, dora: Bool) throws {
    for type in [TensorType.f32, .q8_0] {
      let (model, _) = try TinyModel(seed: 3).load(type)
      let adapter = Self.adapter(model.configuration, magnitudesOf: dora ? model.weights : nil)
      let (keptLoss, kept) = Self.run(model, adapter, dropout: dropout)
      for layers in 0...2 {
        let (loss, again) = Self.run(model, adapter, keptLayers: layers, dropout: dropout)
        #expect(keptLoss == loss)
        #expect(Self.bits(kept) == Self.bits(again))
      }
    }
  }

  /// 20 tokens in common, of which 16 fill a page, then 32 of 40 in two of them; a row that is all
  /// common; one of its own.
  static var familyRows: [TrainingRow] {
    var random = RandomStream(seed: 9, "family")
    func tokens(_ count: Int) -> [Int] { (0..<count).map { _ in 3 + Int(random.next() % 40) } }
    let (stem, branch) = (tokens(20), tokens(20))
    let rows = [
      stem + tokens(9), stem + branch + tokens(8), tokens(11), stem, stem + branch + tokens(3),
    ]
    return rows.enumerated().map { index, tokens in
      TrainingRow(
        id: "\(index)", tokens: tokens,
        weights: tokens.indices.map { $0 > 12 || index == 2 ? [1, 1.5, 0][$0 % 3] : 0 })
    }
  }

  @Test(
    "common beginnings are computed once, with the gradients of rows alone",
    arguments: [false, true])
  func commonBeginnings(dora: Bool) throws {
    let (model, _) = try TinyModel(seed: 3).load()
    let adapter = Self.adapter(model.configuration, magnitudesOf: dora ? model.weights : nil)
    let rows = Self.familyRows
    let factors = WeightedLoss.coefficients(of: [rows], .tokens)[0]
    func run(sharing: Bool, threads: Int) -> (tokens: Int, loss: Double, AdapterGradients) {
      let packed = PackedRows(rows, coefficients: factors, sharing: sharing)
      let gradients = AdapterGradients(adapter)
      let loss = Kernels.with(threads: threads) {
        TrainingPass(model, adapter).run(packed, into: gradients)
      }
      return (packed.tokens.count, loss, gradients)
    }
    let (alone, together) = (run(sharing: false, threads: 1), run(sharing: true, threads: 1))
    // 16 of four rows, and 16 more of two.
    #expect(alone.tokens - together.tokens == 3 * 16 + 16)
    #expect(abs(alone.loss - together.loss) <= 1e-12 * alone.loss)
    for (a, b) in zip(
      alone.2.a.indices.flatMap(alone.2.ofPart), together.2.a.indices.flatMap(together.2.ofPart))
    {
      let largest = a.values.map(abs).max() ?? 0
      #expect(zip(a.values, b.values).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
    }
    let three = run(sharing: true, threads: 3)
    #expect(three.loss == together.loss && Self.bits(three.2) == Self.bits(together.2))
  }

  @Test("1, 2 and 3 threads give the same bits", arguments: [false, true])
  func threads(dora: Bool) throws {
    let (model, _) = try TinyModel(seed: 3).load(.q4_0)
    let adapter = Self.adapter(model.configuration, magnitudesOf: dora ? model.weights : nil)
    let alone = Kernels.with(threads: 1) { Self.run(model, adapter) }
    for threads in [2, 3] {
      let other = Kernels.with(threads: threads) { Self.run(model, adapter) }
      #expect(other.loss == alone.loss)
      #expect(Self.bits(other.gradients) == Self.bits(alone.gradients))
    }
  }

  // The lowest sites decide where the backward pass stops.
  @Test(
    "an adapter on some projections has the gradients of those in the full one",
    arguments: [
      [Projection.down], [.up], [.gate, .down], [.attentionOutput], [.query, .up], [.key],
    ])
  func someProjections(projections: [Projection]) throws {
    let (model, _) = try TinyModel(seed: 3).load()
    let full = Self.adapter(model.configuration)
    for part in full.parts where !projections.contains(part.site.projection) {
      part.update.b.fill(0)
      part.update.refresh()
    }
    let some = Self.adapter(model.configuration, projections)
    let (fullGradients, someGradients) = (
      Self.run(model, full).gradients, Self.run(model, some).gradients
    )
    for (index, part) in some.parts.enumerated() {
      let place = try #require(full.parts.firstIndex { $0.site == part.site })
      #expect(someGradients.a[index].values == fullGradients.a[place].values)
      #expect(someGradients.b[index].values == fullGradients.b[place].values)
    }
  }

  @Test("an adapter on the last layer alone has the gradients of that layer in the full one")
  func lastLayer() throws {
    let (model, _) = try TinyModel(seed: 3).load()
    let full = Self.adapter(model.configuration)
    for part in full.parts where part.site.layer == 0 {
      part.update.b.fill(0)
      part.update.refresh()
    }
    let last = Adapter(
      shape: model.configuration, parts: full.parts.filter { $0.site.layer == 1 })
    let (fullGradients, lastGradients) = (
      Self.run(model, full).gradients, Self.run(model, last).gradients
    )
    let offset = full.parts.count - last.parts.count
    for index in last.parts.indices {
      #expect(lastGradients.a[index].values == fullGradients.a[index + offset].values)
      #expect(lastGradients.b[index].values == fullGradients.b[index + offset].values)
    }
  }

  @Test("with dropout, the gradient is the slope of the loss under the same mask")
  func dropout() throws {
    let (model, _) = try TinyModel(seed: 3).load()
    let adapter = Self.adapter(model.configuration)
    let gradients = Self.run(model, adapter, dropout: 0.3).gradients
    // Only the last layer's down: the loss is smooth in it, and floats resolve the step.
    let index = adapter.parts.count - 1
    let (a, b) = (adapter.parts[index].update.a, adapter.parts[index].update.b)
    for (matrix, gradient) in [(a, gradients.a[index]), (b, gradients.b[index])] {
      let size = squaredSum(gradient).squareRoot()
      let start = matrix.values
      func loss(_ step: Float) -> Double {
        let moved = zip(start, gradient.values).map { $0 + step * $1 / Float(size) }
        matrix.copy(from: Matrix(rows: matrix.rows, columns: matrix.columns, values: moved))
        adapter.parts[index].update.refresh()
        return Self.run(model, adapter, dropout: 0.3).loss
      }
      let slope = (loss(0.01) - loss(-0.01)) / 0.02
      _ = loss(0)
      #expect(abs(slope - size) <= 2e-3 * size)
    }
  }
}
