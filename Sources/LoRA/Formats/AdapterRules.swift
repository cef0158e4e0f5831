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

/// The two halves of an update, and DoRA's magnitudes, as a file gives them, before they are believed.
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
  var magnitude: Half?

  /// Which of them a tensor is.
  enum Role {
    case a, b, magnitude
  }

  subscript(role: Role) -> Half? {
    get {
      switch role {
      case .a: a
      case .b: b
      case .magnitude: magnitude
      }
    }
    set {
      switch role {
      case .a: a = newValue
      case .b: b = newValue
      case .magnitude: magnitude = newValue
      }
    }
  }

  /// Checks both halves against each other and the base, and joins them.
  ///
  /// - Parameters:
  ///   - site: What the update changes.
  ///   - shape: The base's.
  ///   - file: For the error's text.
  ///   - fromHuggingFace: B's rows are in the order of Hugging Face checkpoints.
  ///   - isRankStabilized: The scale is alpha / √rank.
  ///   - alpha: Given the rank; throws where the file says nothing usable.
  /// - Returns: The update.
  /// - Throws: `InputError` ADP-02, ADP-04, ADP-06 or ADP-12, or what `alpha` throws.
  func part(
    at site: ProjectionSite, shape: LlamaConfiguration, file: String, fromHuggingFace: Bool,
    isRankStabilized: Bool = false, alpha: (_ rank: Int) throws -> Float
  ) throws -> Adapter.Part {
    guard let a, let b else {
      let lone = a?.name ?? b?.name ?? magnitude?.name ?? "\(site)"
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
    if let magnitude, magnitude.shape.reduce(1, *) != outputs {
      throw InputError(
        .adapterShape, file: file, at: .init(entry: "tensor \"\(magnitude.name)\""),
        found: "a magnitude \(magnitude.shape)", allowed: "[\(outputs)], which the base needs")
    }
    for half in [a, b] + (magnitude.map { [$0] } ?? []) {
      if let index = half.values.firstIndex(where: { !$0.isFinite }) {
        throw InputError(
          .adapterFinite, file: file, at: .init(entry: "tensor \"\(half.name)\"", index: index),
          found: "element \(index) is \(half.values[index])")
      }
    }
    func rows(_ matrix: Matrix) -> Matrix {
      fromHuggingFace ? shape.ggufRows(ofHuggingFace: matrix, site.projection) : matrix
    }
    let norms = magnitude.map { Matrix(rows: outputs, columns: 1, values: $0.values) }
    return Adapter.Part(
      site: site, alpha: try alpha(rank), isRankStabilized: isRankStabilized,
      a: Matrix(rows: rank, columns: inputs, values: a.values),
      b: rows(Matrix(rows: outputs, columns: rank, values: b.values)),
      magnitude: norms.map { Matrix(rows: 1, columns: outputs, values: rows($0).values) })
  }
}

/// Refuses an adapter for another base, as far as both sides say which base they mean; `name` is what
/// the adapter calls its own.
func checkBase(_ found: String?, wanted: String?, name: String? = nil, file: String) throws {
  guard let found, let wanted, found != wanted else { return }
  throw InputError(
    .adapterFitsBase, file: file, at: .init(field: "base digest"), found: found,
    allowed: "the base's \(wanted)",
    hints: [
      "it was trained on another model file" + (name.map { ", of \"\($0)\"" } ?? "")
    ])
}

/// One scale for formats that have no place for another at each site.
///
/// - Parameters:
///   - parts: An adapter's, at least one.
///   - number: What the format says once for all parts.
/// - Returns: That number, and what the B of each part is multiplied by so that its effect stays
///   the same: exactly 1 where the part's own number is the file's.
func commonScale(
  of parts: [Adapter.Part], _ number: (Adapter.Part) -> Float
) -> (number: Float, factors: [Float]) {
  let numbers = parts.map(number)
  // 0 could not be scaled up again, and means 1 to some readers.
  guard let common = numbers.first(where: { $0 != 0 }) else {
    return (Float(parts.first?.update.rank ?? 1), numbers)
  }
  return (common, numbers.map { $0 / common })
}

/// B times a factor of `commonScale`.
///
/// - Throws: `InputError` ADP-07 when a product is not finite.
func scaled(_ part: Adapter.Part, by factor: Float) throws -> Matrix {
  let b = part.update.b
  guard factor != 1 else { return b }
  let values = b.values.map { factor == 0 ? 0 : $0 * factor }
  guard values.allSatisfy(\.isFinite) else {
    throw InputError(
      .adapterAlpha, at: .init(entry: "\(part.site)", field: "alpha"),
      found: "\(part.alpha), beside those of the other sites,",
      allowed: "within the range of floats, as one number for all sites needs")
  }
  return Matrix(rows: b.rows, columns: b.columns, values: values)
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

  /// The same for one number a row, such as DoRA's magnitudes; `[1, rows]`.
  func huggingFaceRows(ofGGUFColumns m: Matrix, _ projection: Projection) -> Matrix {
    let column = Matrix(rows: m.columns, columns: 1, values: m.values)
    return huggingFaceRows(ofGGUF: column, projection)
  }

  private func rotates(_ projection: Projection) -> Bool {
    projection == .query || projection == .key
  }

  private func huggingFaceRow(_ row: Int) -> Int {
    let within = row % headSize
    return row - within + within % 2 * (headSize / 2) + within / 2
  }
}
