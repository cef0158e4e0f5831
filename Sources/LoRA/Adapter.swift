import Boundary
public import Llama
import QuantKernels

/// A LoRA adapter over a frozen base: one low-rank update a site, in the order of the forward pass.
///
/// A and B are in the base's GGUF row order; the formats of other programs are turned at the edge.
/// Source: Hu et al. 2021, "LoRA" (arxiv.org/abs/2106.09685).
public final class Adapter {
  /// The update of one projection; `update.scale` is alpha / rank.
  public struct Part {
    public let site: ProjectionSite
    public let alpha: Float
    public let update: LowRankUpdate

    init(site: ProjectionSite, alpha: Float, a: Matrix, b: Matrix) {
      self.site = site
      self.alpha = alpha
      update = LowRankUpdate(a: a, b: b, scale: alpha / Float(a.rows))
    }
  }

  /// The base's shape.
  public let shape: LlamaConfiguration
  /// In ascending order of site.
  public let parts: [Part]
  /// SHA-256 of the base that it was trained on, where that is known.
  public let baseDigest: String?
  /// What a reader found odd but not wrong; one line each.
  public let warnings: [String]

  /// An adapter of these parts, one a site, in any order.
  init(
    shape: LlamaConfiguration, parts: [Part], baseDigest: String? = nil, warnings: [String] = []
  ) {
    self.shape = shape
    self.parts = parts.sorted { $0.site < $1.site }
    self.baseDigest = baseDigest
    self.warnings = warnings
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
  ///   - alpha: The scale is alpha / rank.
  ///   - seed: A's values are a function of the seed and the site alone.
  ///   - baseDigest: SHA-256 of the base, where that is known.
  public convenience init(
    shape: LlamaConfiguration, projections: [Projection] = Projection.allCases, rank: Int,
    alpha: Float, seed: UInt64, baseDigest: String? = nil
  ) {
    precondition(rank > 0 && alpha.isFinite, "rank \(rank), alpha \(alpha)")
    var parts: [Part] = []
    for layer in 0..<shape.layers {
      for (index, projection) in Projection.allCases.enumerated()
      where projections.contains(projection) {
        let (outputs, inputs) = shape.dimensions(of: projection)
        var random = RandomStream(seed: seed, "lora a", layer, index)
        let bound = 1 / Double(inputs).squareRoot()
        let a = (0..<rank * inputs).map { _ in Float((2 * random.uniform() - 1) * bound) }
        parts.append(
          Part(
            site: .init(layer: layer, projection: projection), alpha: alpha,
            a: Matrix(rows: rank, columns: inputs, values: a),
            b: Matrix(rows: outputs, columns: rank)))
      }
    }
    self.init(shape: shape, parts: parts, baseDigest: baseDigest)
  }

  /// What the model's forward pass takes.
  public var updates: LowRankUpdates {
    LowRankUpdates(uniqueKeysWithValues: parts.map { ($0.site, $0.update) })
  }

  /// The numbers that training changes.
  public var parameterCount: Int {
    parts.reduce(0) { $0 + $1.update.a.rows * ($1.update.a.columns + $1.update.b.rows) }
  }
}
