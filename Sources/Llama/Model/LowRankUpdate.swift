public import QuantKernels

/// A low-rank addition to one projection: y += scale · B·(A·x).
///
/// Source: Hu et al. 2021, "LoRA", section 4.1 (arxiv.org/abs/2106.09685); scale is α / rank.
public final class LowRankUpdate {
  /// `[rank, inputs]`.
  public let a: Matrix
  /// `[outputs, rank]`.
  public let b: Matrix
  public var scale: Float

  /// A and B as the products read them; they follow `a` and `b` at `refresh()`.
  public let packedA: WeightMatrix
  public let packedB: WeightMatrix
  private let hidden: Activations

  public var rank: Int { a.rows }

  /// - Precondition: B has as many columns as A has rows.
  public init(a: Matrix, b: Matrix, scale: Float) {
    precondition(a.rows == b.columns, "A is [\(a.rows), …], B is [\(b.rows), \(b.columns)]")
    self.a = a
    self.b = b
    self.scale = scale
    packedA = WeightMatrix(a)
    packedB = WeightMatrix(b)
    hidden = Activations(columns: a.rows)
  }

  /// Makes the next products use what `a` and `b` hold now.
  public func refresh() {
    packedA.repack(from: a)
    packedB.repack(from: b)
  }

  /// Adds scale · B·(A·x) to y.
  ///
  /// - Parameters:
  ///   - x: `[rows, inputs]`.
  ///   - h: Receives A·x, `[rows, rank]`; backward needs it.
  ///   - y: `[rows, outputs]`.
  public func add(_ x: Activations, hidden h: Matrix, to y: Matrix) {
    multiply(x, packedA, into: h)
    hidden.load(h)
    multiply(hidden, packedB, into: y, adding: true, scale: scale)
  }
}

/// The updates of an adapter, by site.
public typealias LowRankUpdates = [ProjectionSite: LowRankUpdate]
