import Boundary
public import GGUF
import Llama
import QuantKernels

extension InputError.Rule {
  static let mergedWell = Self("ADP-14", exit: .mismatch)
}

/// A model with an adapter's updates added to its weights, as a GGUF file.
///
/// Weights become floats some rows at a time, W + scale · B·A is made of them, with DoRA scaled row by
/// row, and quantized again; everything else of the base's file is kept, byte for byte.
public struct MergedModel {
  /// The largest error that quantizing a tensor again may bring, as a share of its size (root mean
  /// squares); Q4_0 has some 0.08.
  static let errorBound = 0.25
  /// Values that are floats at the same time.
  private static let valuesAtOnce = 1 << 22

  /// What merging did.
  public struct Report: Equatable, Sendable {
    /// Tensors that the adapter changes, by the type that they are written as.
    public internal(set) var changed: [TensorType: Int] = [:]
    public internal(set) var tensors = 0
    /// The tensor that quantizing again changed most, as a share of its size.
    public internal(set) var worst: (tensor: String, error: Double) = ("", 0)
    /// Keys of the metadata that could not be kept.
    public internal(set) var lostKeys: [String] = []

    public static func == (a: Self, b: Self) -> Bool {
      a.changed == b.changed && a.tensors == b.tensors && a.worst == b.worst
        && a.lostKeys == b.lostKeys
    }
  }

  private let adapter: Adapter
  private let base: GGUFFile
  private let type: TensorType?
  private let parts: [String: Adapter.Part]

  /// Checks that everything can be merged; nothing is written yet.
  ///
  /// - Parameters:
  ///   - adapter: What is added.
  ///   - base: The file that it belongs to.
  ///   - type: What the changed tensors are written as; nil for what they are. Rows that are no whole
  ///     number of blocks become F16.
  /// - Throws: `InputError` ADP-03 or ADP-04 for tensors that the base does not have so, ADP-14 for
  ///   types that are not written, GGUF-D04 or D05 for values that are not finite.
  public init(_ adapter: Adapter, into base: GGUFFile, as type: TensorType? = nil) throws {
    (self.adapter, self.base, self.type) = (adapter, base, type)
    parts = .init(uniqueKeysWithValues: adapter.parts.map { ("\($0.site).weight", $0) })
    try base.requireTensors(of: WeightMatrix.supportedTypes)
    for (name, part) in parts.sorted(by: { $0.value.site < $1.value.site }) {
      guard let tensor = base.tensor(name) else {
        throw InputError(
          .adapterTarget, file: base.path, at: .init(entry: "tensor \"\(name)\""),
          found: "the tensor is missing", hints: ["was the adapter made for another base model?"])
      }
      let (outputs, inputs) = adapter.shape.dimensions(of: part.site.projection)
      guard tensor.dims == [inputs, outputs] else {
        throw InputError(
          .adapterShape, file: base.path, at: .init(entry: "tensor \"\(name)\""),
          found: "\(tensor.dims)", allowed: "\([inputs, outputs]), which the adapter changes")
      }
      guard BlockEncoder.types.contains(written(tensor)) else {
        throw InputError(
          .mergedWell, file: base.path, at: .init(entry: "tensor \"\(name)\"", field: "type"),
          found: tensor.type.name,
          allowed: "written; "
            + BlockEncoder.types.map(\.name).joined(separator: ", ") + " are",
          hints: ["--type Q8_0 writes the changed tensors as that"])
      }
      try base.checkFinite(tensor)
    }
  }

  /// What a changed tensor is written as.
  private func written(_ tensor: TensorInfo) -> TensorType {
    guard let type, type != tensor.type else { return tensor.type }
    return tensor.columns.isMultiple(of: type.blockSize) ? type : .f16
  }

  /// Writes the file whole or not at all.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - replacing: Whether one that is there may be replaced.
  ///   - progress: Called with the tensors done and the tensors in all; may throw to stop.
  /// - Returns: What was changed.
  /// - Throws: `InputError` ADP-14 when a tensor cannot be quantized well, ADP-15 when something is
  ///   there and `replacing` is false; input/output errors.
  public func write(
    to path: String, replacing: Bool = false, progress: @escaping (Int, Int) throws -> Void
  ) throws -> Report {
    guard replacing || !Files.exists(path) else { throw InputError.adapterIsThere(path) }
    let results = Results()
    results.report.tensors = base.tensors.count
    var writer = GGUFWriter()
    for (key, value) in base.metadata {
      if case .nested = value {
        results.report.lostKeys.append(key)
      } else {
        writer.set(key, value)
      }
    }
    for (index, tensor) in base.tensors.enumerated() {
      let part = parts[tensor.name]
      writer.add(
        name: tensor.name, type: part == nil ? tensor.type : written(tensor), dims: tensor.dims
      ) { append in
        try progress(index, base.tensors.count)
        if let part {
          let error = try merge(part, into: tensor, append)
          if error > results.report.worst.error { results.report.worst = (tensor.name, error) }
        } else {
          try copy(tensor, append)
        }
        try base.checkUnchanged()
        base.release(tensor)
      }
      if part != nil { results.report.changed[written(tensor), default: 0] += 1 }
    }
    try writer.write(to: path)
    return results.report
  }

  /// What the makers of tensors leave behind.
  private final class Results {
    var report = Report()
  }

  private func copy(_ tensor: TensorInfo, _ append: ([UInt8]) throws -> Void) throws {
    let size = 1 << 22
    for start in stride(from: 0, to: tensor.byteCount, by: size) {
      try append(
        unsafe base.withBytes(of: tensor) {
          unsafe Array($0[start..<min(start + size, tensor.byteCount)])
        })
    }
  }

  /// Appends a changed tensor.
  ///
  /// - Returns: The error of quantizing, as a share of the tensor's size.
  private func merge(
    _ part: Adapter.Part, into tensor: TensorInfo, _ append: ([UInt8]) throws -> Void
  ) throws -> Double {
    let (update, type) = (part.update, written(tensor))
    let weights = unsafe base.withBytes(of: tensor) { bytes in
      unsafe WeightMatrix(
        type: tensor.type, rows: tensor.rows, columns: tensor.columns, bytes: bytes)
    }
    update.attach(to: weights)
    let height = max(1, Self.valuesAtOnce / max(1, tensor.columns))
    var (difference, size) = (0.0, 0.0)
    for first in stride(from: 0, to: tensor.rows, by: height) {
      let rows = min(height, tensor.rows - first)
      let values = Matrix(rows: rows, columns: tensor.columns)
      let b = Matrix(rows: rows, columns: update.rank)
      for row in 0..<rows {
        weights.copyRow(first + row, into: values, row: row)
        b.copyRow(row, from: update.b, row: first + row)
      }
      gemm(b, update.a, into: values, alpha: update.scale, beta: 1)
      if let direction = update.direction {
        scaleRows(values, by: direction.gains, from: first)
      }
      let bytes = BlockEncoder.encode(values, as: type)
      difference += squaredDifference(values, bytes, type)
      size += squaredSum(values)
      try append(bytes)
    }
    let error = size == 0 ? 0 : (difference / size).squareRoot()
    guard error <= Self.errorBound else {
      throw InputError(
        .mergedWell, file: base.path, at: .init(entry: "tensor \"\(tensor.name)\""),
        found: "an error of \(error) as \(type.name)",
        allowed: "at most \(Self.errorBound) of the tensor's size",
        hints: ["a type with more bits may hold it, such as --type BF16"])
    }
    return error
  }

  /// Σ (x - what the bytes say)²; NaN or infinite where they hold no finite number.
  private func squaredDifference(_ x: Matrix, _ bytes: [UInt8], _ type: TensorType) -> Double {
    let again = Matrix(rows: x.rows, columns: x.columns)
    let coded = unsafe bytes.withUnsafeBytes {
      unsafe WeightMatrix(type: type, rows: x.rows, columns: x.columns, bytes: $0)
    }
    for row in 0..<x.rows { coded.copyRow(row, into: again, row: row) }
    return squaredDistance(x, again)
  }
}
