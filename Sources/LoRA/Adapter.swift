import Boundary
public import Llama
import QuantKernels

/// A LoRA adapter over a frozen base: one low-rank update a site, in the order of the forward pass.
///
/// A and B are in the base's GGUF row order; the formats of other programs are turned at the edge.
/// Source: Hu et al. 2021, "LoRA" (arxiv.org/abs/2106.09685).
public final class Adapter {
  /// The update of one projection.
  public struct Part {
    public let site: ProjectionSite
    /// `update.scale` is alpha / rank, or alpha / √rank where the part is rank-stabilised.
    public let alpha: Float
    /// Source: Kalajdzievski 2023, "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA".
    public let isRankStabilized: Bool
    public let update: LowRankUpdate

    /// Alpha such that alpha / rank is the scale, which is all that some formats can say.
    var plainAlpha: Float {
      isRankStabilized ? Float(Double(alpha) * Double(update.rank).squareRoot()) : alpha
    }

    /// What training changes: A, B and, with DoRA, the magnitudes.
    var parameters: [Matrix] { [update.a, update.b] + (update.magnitude.map { [$0] } ?? []) }

    init(
      site: ProjectionSite, alpha: Float, isRankStabilized: Bool = false, a: Matrix, b: Matrix,
      magnitude: Matrix? = nil
    ) {
      self.site = site
      self.alpha = alpha
      self.isRankStabilized = isRankStabilized
      let rank = Double(a.rows)
      update = LowRankUpdate(
        a: a, b: b, magnitude: magnitude,
        scale: Float(Double(alpha) / (isRankStabilized ? rank.squareRoot() : rank)))
    }
  }

  /// The base's shape.
  public let shape: LlamaConfiguration
  /// In ascending order of site.
  public let parts: [Part]
  /// SHA-256 of the base that it was trained on, where that is known.
  public let baseDigest: String?
  /// What that base is called, where that is known.
  public let baseName: String?
  /// What a reader found odd but not wrong; one line each.
  private let readerWarnings: [String]

  /// An adapter of these parts, one a site, in any order.
  init(
    shape: LlamaConfiguration, parts: [Part], baseDigest: String? = nil, baseName: String? = nil,
    warnings: [String] = []
  ) {
    self.shape = shape
    self.parts = parts.sorted { $0.site < $1.site }
    self.baseDigest = baseDigest
    self.baseName = baseName
    readerWarnings = warnings
  }

  /// What is odd but not wrong; one line each.
  public var warnings: [String] { readerWarnings + [excessRank].compactMap(\.self) }

  /// Ranks beyond the smaller side of a matrix, which add numbers and nothing else (ADP-06).
  private var excessRank: String? {
    let large = parts.filter { part in
      let (outputs, inputs) = shape.dimensions(of: part.site.projection)
      return part.update.rank > min(outputs, inputs)
    }
    guard let first = large.first else { return nil }
    let (outputs, inputs) = shape.dimensions(of: first.site.projection)
    return
      "rank \(first.update.rank) of \(first.site) is more than its matrix of \(outputs) x \(inputs) can have"
      + (large.count > 1 ? "; so are \(large.count - 1) others" : "")
  }

  /// A new adapter that changes nothing yet: A uniform in ±1/√inputs, B zero.
  ///
  /// PEFT draws A by Kaiming's rule with slope √5: the bound √(6 / ((1 + 5) · inputs)) is
  /// 1/√inputs.
  ///
  /// - Parameters:
  ///   - shape: The base's.
  ///   - projections: Which matrices of every layer it changes.
  ///   - rank: Rows of A, columns of B.
  ///   - alpha: The scale is alpha / rank, or alpha / √rank.
  ///   - ranks: Ranks of modules with one of their own.
  ///   - alphas: Alphas of modules with one of their own.
  ///   - isRankStabilized: Whether the scale is alpha / √rank (rsLoRA).
  ///   - seed: A's values are a function of the seed and the site alone.
  ///   - baseDigest: SHA-256 of the base, where that is known.
  ///   - baseName: What the base is called, where that is known.
  public convenience init(
    shape: LlamaConfiguration, projections: [Projection] = Projection.allCases, rank: Int,
    alpha: Float, ranks: ModulePattern = .init(), alphas: ModulePattern = .init(),
    isRankStabilized: Bool = false, seed: UInt64, baseDigest: String? = nil,
    baseName: String? = nil
  ) {
    precondition(rank > 0 && alpha.isFinite, "rank \(rank), alpha \(alpha)")
    var parts: [Part] = []
    for layer in 0..<shape.layers {
      for (index, projection) in Projection.allCases.enumerated()
      where projections.contains(projection) {
        let site = ProjectionSite(layer: layer, projection: projection)
        let rank = ranks[site].map { Int($0) } ?? rank
        let (outputs, inputs) = shape.dimensions(of: projection)
        var random = RandomStream(seed: seed, "lora a", layer, index)
        let bound = 1 / Double(inputs).squareRoot()
        let a = (0..<rank * inputs).map { _ in Float((2 * random.uniform() - 1) * bound) }
        parts.append(
          Part(
            site: site, alpha: alphas[site].map { Float($0) } ?? alpha,
            isRankStabilized: isRankStabilized, a: Matrix(rows: rank, columns: inputs, values: a),
            b: Matrix(rows: outputs, columns: rank)))
      }
    }
    self.init(shape: shape, parts: parts, baseDigest: baseDigest, baseName: baseName)
  }

  /// The same adapter as DoRA: magnitudes that change nothing yet, the norms of W + scale · B·A.
  public func withMagnitudes(of weights: LlamaWeights) -> Adapter {
    let parts = parts.map { part in
      let weight = weights.layers[part.site.layer][part.site.projection]
      return Part(
        site: part.site, alpha: part.alpha, isRankStabilized: part.isRankStabilized,
        a: part.update.a, b: part.update.b,
        magnitude: rowNorms(
          weight, adding: part.update.b, part.update.a, scale: part.update.scale))
    }
    return Adapter(
      shape: shape, parts: parts, baseDigest: baseDigest, baseName: baseName,
      warnings: readerWarnings)
  }

  /// The same adapter, said to be of this base: for one that goes on being trained on it.
  public func onBase(digest: String, name: String) -> Adapter {
    Adapter(
      shape: shape, parts: parts, baseDigest: digest, baseName: name, warnings: readerWarnings)
  }

  /// SHA-256 of all that it computes with: sites, scales and parameters.
  public var parameterDigest: String {
    var hash = SHA256()
    for part in parts {
      var bytes = Array("\(part.site)".utf8)
      appendLittleEndian(part.update.scale.bitPattern, to: &bytes)
      for value in part.parameters.flatMap(\.values) {
        appendLittleEndian(value.bitPattern, to: &bytes)
      }
      hash.update(bytes)
    }
    return hash.finalize()
  }

  /// Whether any site has magnitudes of DoRA.
  public var hasMagnitudes: Bool { parts.contains { $0.update.magnitude != nil } }

  /// What the model's forward pass takes.
  public var updates: LowRankUpdates {
    LowRankUpdates(uniqueKeysWithValues: parts.map { ($0.site, [$0.update]) })
  }

  /// The numbers that training changes.
  public var parameterCount: Int {
    parts.flatMap(\.parameters).reduce(0) { $0 + $1.rows * $1.columns }
  }
}
