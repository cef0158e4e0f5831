import Boundary
import Llama
import QuantKernels

/// What an adapter file must obey; rules of `docs/bad-inputs.md`, section 10.
extension InputError.Rule {
  static let adapterFitsBase = Self("ADP-01", exit: .mismatch)
  static let adapterPairs = Self("ADP-02", exit: .mismatch)
  static let adapterTarget = Self("ADP-03", exit: .mismatch)
  static let adapterShape = Self("ADP-04", exit: .mismatch)
  static let adapterRank = Self("ADP-05", exit: .mismatch)
  static let adapterRankZero = Self("ADP-06", exit: .malformedFile)
  static let adapterAlpha = Self("ADP-07", exit: .malformedFile)
  static let adapterFeature = Self("ADP-08", exit: .mismatch)
  static let adapterVocabulary = Self("ADP-09", exit: .mismatch)
  static let adapterConfig = Self("ADP-10", exit: .malformedFile)
  static let adapterExtraTensor = Self("ADP-11", exit: .mismatch)
  static let adapterFinite = Self("ADP-12", exit: .malformedFile)
  static let adapterExists = Self("ADP-15", exit: .inputOutput)
  static let adapterPickle = Self("ADP-18", exit: .malformedFile)
}

/// The two halves of an update as a file gives them, before they are believed.
///
/// Every format fills one of these a site; the checks that they share are here.
struct UpdateHalves {
  /// A tensor's name, its shape slowest first, and its values.
  struct Half {
    let name: String
    let shape: [Int]
    let values: [Float]
  }

  var a: Half?
  var b: Half?

  /// Checks both halves against each other and the base, and joins them.
  ///
  /// - Parameters:
  ///   - site: What the update changes.
  ///   - shape: The base's.
  ///   - file: For the error's text.
  ///   - fromHuggingFace: B's rows are in the order of Hugging Face checkpoints.
  ///   - alpha: Given the rank; throws where the file says nothing usable.
  /// - Returns: The update.
  /// - Throws: `InputError` ADP-02, ADP-04, ADP-06 or ADP-12, or what `alpha` throws.
  func part(
    at site: ProjectionSite, shape: LlamaConfiguration, file: String, fromHuggingFace: Bool,
    alpha: (_ rank: Int) throws -> Float
  ) throws -> Adapter.Part {
    guard let a, let b else {
      let lone = a?.name ?? b?.name ?? "\(site)"
      throw InputError(
        .adapterPairs, file: file, at: .init(entry: "tensor \"\(lone)\""),
        found: "its other half is missing")
    }
    let (outputs, inputs) = shape.dimensions(of: site.projection)
    guard a.shape.count == 2, b.shape.count == 2, a.shape[0] == b.shape[1], a.shape[1] == inputs,
      b.shape[0] == outputs
    else {
      throw InputError(
        .adapterShape, file: file, at: .init(entry: "tensor \"\(a.name)\""),
        found: "A \(a.shape) with B \(b.shape)",
        allowed: "[rank, \(inputs)] with [\(outputs), rank], which the base needs",
        hints: a.shape.first == inputs ? ["the tensors look transposed"] : [])
    }
    let rank = a.shape[0]
    guard rank > 0 else {
      throw InputError(
        .adapterRankZero, file: file, at: .init(entry: "tensor \"\(a.name)\""), found: "rank 0",
        allowed: "positive")
    }
    for half in [a, b] {
      if let index = half.values.firstIndex(where: { !$0.isFinite }) {
        throw InputError(
          .adapterFinite, file: file, at: .init(entry: "tensor \"\(half.name)\"", index: index),
          found: "element \(index) is \(half.values[index])")
      }
    }
    let matrixB = Matrix(rows: outputs, columns: rank, values: b.values)
    return Adapter.Part(
      site: site, alpha: try alpha(rank), a: Matrix(rows: rank, columns: inputs, values: a.values),
      b: fromHuggingFace ? shape.ggufRows(ofHuggingFace: matrixB, site.projection) : matrixB)
  }
}

/// Refuses an adapter for another base, as far as both sides say which base they mean.
func checkBase(_ found: String?, wanted: String?, file: String) throws {
  guard let found, let wanted, found != wanted else { return }
  throw InputError(
    .adapterFitsBase, file: file, at: .init(field: "base digest"), found: found,
    allowed: "the base's \(wanted)", hints: ["it was trained on another model file"])
}

/// GGUF files of `llama` hold the rows of Q and K as rotary pairs (2i, 2i + 1); Hugging Face holds
/// the two halves of each head one behind the other. Only B's rows follow the outputs, so only they
/// move.
extension LlamaConfiguration {
  func ggufRows(ofHuggingFace b: Matrix, _ projection: Projection) -> Matrix {
    guard rotates(projection) else { return b }
    let turned = Matrix(rows: b.rows, columns: b.columns)
    for row in 0..<b.rows { turned.copyRow(row, from: b, row: huggingFaceRow(row)) }
    return turned
  }

  func huggingFaceRows(ofGGUF b: Matrix, _ projection: Projection) -> Matrix {
    guard rotates(projection) else { return b }
    let turned = Matrix(rows: b.rows, columns: b.columns)
    for row in 0..<b.rows { turned.copyRow(huggingFaceRow(row), from: b, row: row) }
    return turned
  }

  private func rotates(_ projection: Projection) -> Bool {
    projection == .query || projection == .key
  }

  private func huggingFaceRow(_ row: Int) -> Int {
    let within = row % headSize
    return row - within + within % 2 * (headSize / 2) + within / 2
  }
}
