public import QuantKernels

/// A low-rank addition to one projection: y += scale · B·(A·x), and what DoRA makes of the sum.
///
/// With DoRA, y becomes magnitude / ‖W + scale · B·A‖ ⊙ y, a norm and a magnitude for each output; the
/// norm counts as a constant in the backward pass. Sources: Hu et al. 2021, "LoRA", section 4.1
/// (arxiv.org/abs/2106.09685); Liu et al. 2024, "DoRA", section 4 (arxiv.org/abs/2402.09353).
public final class LowRankUpdate {
  /// `[rank, inputs]`.
  public let a: Matrix
  /// `[outputs, rank]`.
  public let b: Matrix
  /// DoRA's magnitudes, `[1, outputs]`; nil in a plain update.
  public let magnitude: Matrix?
  public var scale: Float

  /// Norms of the rows of W + scale · B·A and magnitudes over norms, both `[1, outputs]`, as of the
  /// last `refresh()`; nil in a plain update.
  public private(set) var direction: (norms: Matrix, gains: Matrix)?

  /// A and B as the products read them; they follow `a` and `b` at `refresh()`.
  public let packedA: WeightMatrix
  public let packedB: WeightMatrix
  private let hidden: Activations
  private var weight: WeightMatrix?

  public var rank: Int { a.rows }

  /// - Precondition: B has as many columns as A has rows, and a magnitude as many as B has rows.
  public init(a: Matrix, b: Matrix, magnitude: Matrix? = nil, scale: Float) {
    precondition(a.rows == b.columns, "A is [\(a.rows), …], B is [\(b.rows), \(b.columns)]")
    precondition(magnitude.map { $0.rows == 1 && $0.columns == b.rows } ?? true, "magnitudes")
    self.a = a
    self.b = b
    self.magnitude = magnitude
    self.scale = scale
    packedA = WeightMatrix(a)
    packedB = WeightMatrix(b)
    hidden = Activations(columns: a.rows)
  }

  /// Says what the update is for, which norms need; passes do this before their first product.
  public func attach(to weight: WeightMatrix) {
    guard self.weight !== weight else { return }
    self.weight = weight
    refreshDirection()
  }

  /// Makes the next products use what `a`, `b`, `magnitude` and `scale` hold now.
  public func refresh() {
    packedA.repack(from: a)
    packedB.repack(from: b)
    refreshDirection()
  }

  private func refreshDirection() {
    guard let magnitude, let weight else { return }
    let norms = rowNorms(weight, adding: b, a, scale: scale)
    let gains = zip(magnitude.values, norms.values).map { $1 == 0 ? 0 : $0 / $1 }
    direction = (norms, Matrix(rows: 1, columns: gains.count, values: gains))
  }

  /// Adds scale · B·(A·x) to y.
  ///
  /// - Parameters:
  ///   - x: `[rows, inputs]`.
  ///   - h: Receives A·x, `[rows, rank]`; backward needs it.
  ///   - y: `[rows, outputs]`.
  public func add(_ x: Activations, hidden h: Matrix, to y: Matrix) {
    let term = term(x, hidden: h)
    multiply(term.x, term.w, into: y, adding: true, scale: term.scale)
  }

  /// What `add` adds, for the product that it belongs to.
  ///
  /// - Parameters:
  ///   - x: `[rows, inputs]`.
  ///   - h: Receives A·x, `[rows, rank]`, and must not change until the product is done.
  /// - Returns: scale · B·h.
  public func term(_ x: Activations, hidden h: Matrix) -> ProductTerm {
    multiply(x, packedA, into: h)
    hidden.load(h)
    return ProductTerm(hidden, packedB, scale: scale)
  }
}

/// The updates beside a model's weights by site; where there are several, in the order in which they
/// apply.
public typealias LowRankUpdates = [ProjectionSite: [LowRankUpdate]]
