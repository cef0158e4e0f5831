import Boundary
public import GGUF
public import QuantKernels
import Synchronization

/// What the tensors of a LLaMA file must be; rules of `docs/bad-inputs.md`.
extension InputError.Rule {
  static let vectorIsFloat = Self("GGUF-T19", exit: .malformedFile)
  static let tensorPresent = Self("GGUF-M08", exit: .malformedFile)
  static let tensorShape = Self("GGUF-M07", exit: .mismatch)
  static let tensorTransposed = Self("GGUF-M10", exit: .mismatch)
}

/// The weights of a LLaMA model, repacked for the products.
public final class LlamaWeights: Sendable {
  /// One transformer layer.
  public struct Layer: Sendable {
    /// `[width]`.
    public let attentionNorm: [Float]
    /// `[width]`.
    public let feedForwardNorm: [Float]
    fileprivate let matrices: [WeightMatrix]

    /// The matrix of a projection, `[outputs, inputs]`.
    public subscript(projection: Projection) -> WeightMatrix {
      matrices[Self.index(projection)]
    }

    private static func index(_ projection: Projection) -> Int {
      switch projection {
      case .query: 0
      case .key: 1
      case .value: 2
      case .attentionOutput: 3
      case .gate: 4
      case .up: 5
      case .down: 6
      }
    }
  }

  /// `[vocabulary, width]`.
  public let tokenEmbedding: WeightMatrix
  public let layers: [Layer]
  /// `[width]`.
  public let outputNorm: [Float]
  /// `[vocabulary, width]`; the embedding itself where the file has no `output.weight`.
  public let output: WeightMatrix
  /// All that a pass multiplies by.
  public var matrices: [WeightMatrix] { layers.flatMap(\.matrices) + [output] }
  /// Of all matrices that a pass reads.
  public var byteCount: Int { matrices.reduce(0) { $0 + $1.byteCount } }
  /// Divisors of the rotary frequencies (LLaMA 3), or empty; `[ropeDimensions / 2]`.
  public let ropeDivisors: [Float]

  /// Reads, checks and repacks every tensor.
  ///
  /// - Parameters:
  ///   - file: Already valid as a GGUF file.
  ///   - shape: What its metadata says.
  ///   - repacks: Whether weights are packed now; else they stay in the mapped file, and products pack them each time.
  ///   - progress: Called with the bytes packed and those in all.
  /// - Throws: `InputError`: a tensor is missing, of another shape, of a type that is not supported, or holds a
  ///   value that is not finite.
  public init(
    _ file: GGUFFile, _ shape: LlamaConfiguration, repacks: Bool = true,
    progress: (Int, Int) throws -> Void = { _, _ in }
  ) throws {
    try file.requireTensors(of: WeightMatrix.supportedTypes)
    let reader = TensorReader(file: file, scratch: repacks ? nil : PanelScratch())
    let total = Self.packedBytes(file)
    var done = 0
    func matrix(_ name: String, rows: Int, columns: Int) throws -> WeightMatrix {
      let matrix = try reader.matrix(name, rows: rows, columns: columns)
      done += matrix.byteCount
      try progress(done, total)
      return matrix
    }
    guard let embedding = file.tensor("token_embd.weight") else {
      throw InputError(
        .tensorPresent, file: file.path, at: .init(entry: "tensor \"token_embd.weight\""),
        found: "the tensor is missing")
    }
    let vocabulary = embedding.rows
    tokenEmbedding = try matrix("token_embd.weight", rows: vocabulary, columns: shape.width)
    var layers: [Layer] = []
    for layer in 0..<shape.layers {
      let matrices = try Projection.allCases.map { projection in
        let (rows, columns) = shape.dimensions(of: projection)
        let site = ProjectionSite(layer: layer, projection: projection)
        return try matrix("\(site).weight", rows: rows, columns: columns)
      }
      layers.append(
        Layer(
          attentionNorm: try reader.vector("blk.\(layer).attn_norm.weight", count: shape.width),
          feedForwardNorm: try reader.vector("blk.\(layer).ffn_norm.weight", count: shape.width),
          matrices: matrices))
    }
    self.layers = layers
    outputNorm = try reader.vector("output_norm.weight", count: shape.width)
    output =
      file.tensor("output.weight") == nil
      ? tokenEmbedding
      : try matrix("output.weight", rows: vocabulary, columns: shape.width)
    ropeDivisors =
      file.tensor("rope_freqs.weight") == nil
      ? [] : try reader.vector("rope_freqs.weight", count: shape.ropeDimensions / 2)
  }
}

extension LlamaWeights {
  /// Refuses a model whose weights leave nothing of the memory for anything else, before they are read.
  static func check(_ file: GGUFFile, fits memory: Int) throws {
    let needed = Processors.memory + packedBytes(file)
    guard needed < memory else {
      throw InputError(
        .memorySuffices, file: file.path, at: .init(field: "memory"),
        found: "\(ByteSize(bytes: memory))",
        allowed: "enough for the weights; with the program they take \(ByteSize(bytes: needed))")
    }
  }

  /// Bytes of all matrices once they are packed.
  private static func packedBytes(_ file: GGUFFile) -> Int {
    file.tensors.filter { $0.dims.count > 1 }.reduce(0) { sum, tensor in
      let packed = WeightMatrix.byteCount(
        type: tensor.type, rows: tensor.rows, columns: tensor.columns)
      return sum + (packed ?? 0)
    }
  }
}

extension LlamaConfiguration {
  /// Outputs and inputs of a projection.
  public func dimensions(of projection: Projection) -> (outputs: Int, inputs: Int) {
    switch projection {
    case .query: (queryWidth, width)
    case .key, .value: (kvWidth, width)
    case .attentionOutput: (width, queryWidth)
    case .gate, .up: (feedForward, width)
    case .down: (width, feedForward)
    }
  }
}

/// Takes tensors out of a file, each checked against what the model needs.
private struct TensorReader {
  let file: GGUFFile
  /// Where weights become panels that are not packed now.
  let scratch: PanelScratch?

  func matrix(_ name: String, rows: Int, columns: Int) throws -> WeightMatrix {
    let tensor = try self.tensor(name, dims: [columns, rows])
    let allFinite = Atomic(true)
    func inspect(_ part: UnsafeRawBufferPointer) {
      if unsafe !GGUFFile.areFinite(part, tensor.type) {
        allFinite.store(false, ordering: .relaxed)
      }
    }
    let matrix = unsafe file.withBytes(of: tensor) { bytes in
      if let scratch {
        unsafe WeightMatrix(
          type: tensor.type, rows: rows, columns: columns, mapped: bytes, owner: file,
          scratch: scratch, inspect: inspect)
      } else {
        unsafe WeightMatrix(
          type: tensor.type, rows: rows, columns: columns, bytes: bytes, inspect: inspect)
      }
    }
    if !allFinite.load(ordering: .relaxed) { try file.checkFinite(tensor) }
    // The packed copy takes the place of the mapped one; mapped ones come back when they are needed.
    file.release(tensor)
    return matrix
  }

  func vector(_ name: String, count: Int) throws -> [Float] {
    let tensor = try self.tensor(name, dims: [count])
    guard tensor.type == .f32 || tensor.type == .f16 || tensor.type == .bf16 else {
      throw InputError(
        .vectorIsFloat, file: file.path, at: place(name), found: "type \(tensor.type.name)",
        allowed: "a float type, which a vector needs")
    }
    try file.checkFinite(tensor)
    let row = Matrix(rows: 1, columns: count)
    unsafe file.withBytes(of: tensor) { bytes in
      unsafe WeightMatrix(type: tensor.type, rows: 1, columns: count, bytes: bytes)
        .copyRow(0, into: row, row: 0)
    }
    return row.values
  }

  private func tensor(_ name: String, dims: [Int]) throws -> TensorInfo {
    guard let tensor = file.tensor(name) else {
      throw InputError(
        .tensorPresent, file: file.path, at: place(name), found: "the tensor is missing")
    }
    guard tensor.dims == dims else {
      let transposed = tensor.dims.count == 2 && tensor.dims == dims.reversed()
      throw InputError(
        transposed ? .tensorTransposed : .tensorShape, file: file.path, at: place(name),
        found: "\(tensor.dims)", allowed: "\(dims), which the metadata needs")
    }
    return tensor
  }

  private func place(_ name: String) -> InputError.Place { .init(entry: "tensor \"\(name)\"") }
}
