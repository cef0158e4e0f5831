import Llama
import QuantKernels

@testable import LoRA

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The plain twin of the training pass: the same model and loss in double precision, one number at
/// a time.
struct ReferenceModel {
  let tiny: TinyModel

  /// A and B, row by row, and DoRA's magnitudes, or none.
  struct Update {
    var parameters: [[Double]]
    let rank: Int
    let scale: Double
    /// What magnitudes are divided by: constants, as the gradient has them.
    var norms: [Double] = []
  }

  typealias Updates = [ProjectionSite: Update]

  func updates(_ adapter: Adapter) -> Updates {
    .init(
      uniqueKeysWithValues: adapter.parts.map { part in
        var update = Update(
          parameters: part.parameters.map { $0.values.map { Double($0) } },
          rank: part.update.rank, scale: Double(part.update.scale))
        if part.update.magnitude != nil { update.norms = norms(part.site, update) }
        return (part.site, update)
      })
  }

  /// The norms of the rows of W + scale · B·A.
  private func norms(_ site: ProjectionSite, _ update: Update) -> [Double] {
    let (weights, a, b) = (tiny["\(site).weight"], update.parameters[0], update.parameters[1])
    let (rank, columns) = (update.rank, update.parameters[0].count / update.rank)
    return (0..<weights.count / columns).map { row in
      (0..<columns).reduce(0.0) { sum, column in
        let product = (0..<rank).reduce(0.0) { $0 + b[row * rank + $1] * a[$1 * columns + column] }
        let value = Double(weights[row * columns + column]) + update.scale * product
        return sum + value * value
      }.squareRoot()
    }
  }

  /// Σ coefficient · cross-entropy over the rows.
  func loss(_ rows: [TrainingRow], _ coefficients: [[Double]], _ updates: Updates) -> Double {
    zip(rows, coefficients).reduce(0.0) { sum, pair in
      let (row, factors) = pair
      let states = forward(row.tokens, updates)
      return sum
        + (1..<row.tokens.count).reduce(0.0) { sum, index in
          guard factors[index] != 0 else { return sum }
          let normed = norm(states[index - 1], "output_norm.weight")
          let logits = product("output.weight", normed, site: nil, updates)
          let top = logits.max() ?? 0
          let total = logits.reduce(0.0) { $0 + exp($1 - top) }
          return sum + factors[index] * (log(total) + top - logits[row.tokens[index]])
        }
    }
  }

  private func forward(_ tokens: [Int], _ updates: Updates) -> [[Double]] {
    let (width, size) = (TinyModel.width, TinyModel.headSize)
    let group = TinyModel.heads / TinyModel.kvHeads
    let embedding = tiny["token_embd.weight"]
    var states = tokens.map { token in
      embedding[token * width..<(token + 1) * width].map { Double($0) }
    }
    for layer in 0..<TinyModel.layers {
      func project(_ projection: Projection, _ x: [Double]) -> [Double] {
        let site = ProjectionSite(layer: layer, projection: projection)
        return product("\(site).weight", x, site: site, updates)
      }
      let normed = states.map { norm($0, "blk.\(layer).attn_norm.weight") }
      let q = normed.enumerated().map { rotate(project(.query, $1), position: $0) }
      let k = normed.enumerated().map { rotate(project(.key, $1), position: $0) }
      let v = normed.map { project(.value, $0) }
      for row in tokens.indices {
        var attended: [Double] = []
        for head in 0..<TinyModel.heads {
          let (at, kvAt) = (head * size, head / group * size)
          let scores = (0...row).map { other in
            (0..<size).reduce(0.0) { $0 + q[row][at + $1] * k[other][kvAt + $1] }
              / Double(size).squareRoot()
          }
          let top = scores.max() ?? 0
          let terms = scores.map { exp($0 - top) }
          let total = terms.reduce(0, +)
          attended += (0..<size).map { i in
            (0...row).reduce(0.0) { $0 + terms[$1] / total * v[$1][kvAt + i] }
          }
        }
        states[row] = sum(states[row], project(.attentionOutput, attended))
        let x = norm(states[row], "blk.\(layer).ffn_norm.weight")
        let gated = zip(project(.gate, x), project(.up, x)).map { $0 / (1 + exp(-$0)) * $1 }
        states[row] = sum(states[row], project(.down, gated))
      }
    }
    return states
  }

  private func sum(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map { $0 + $1 } }

  private func norm(_ x: [Double], _ name: String) -> [Double] {
    let root = (x.reduce(0.0) { $0 + $1 * $1 } / Double(x.count) + Double(Float(1e-5))).squareRoot()
    return zip(x, tiny[name]).map { $0 / root * Double($1) }
  }

  private func product(
    _ name: String, _ x: [Double], site: ProjectionSite?, _ updates: Updates
  ) -> [Double] {
    let weights = tiny[name]
    var y = (0..<weights.count / x.count).map { row in
      x.indices.reduce(0.0) { $0 + Double(weights[row * x.count + $1]) * x[$1] }
    }
    guard let site, let update = updates[site] else { return y }
    let (a, b) = (update.parameters[0], update.parameters[1])
    let h = (0..<update.rank).map { r in
      x.indices.reduce(0.0) { $0 + a[r * x.count + $1] * x[$1] }
    }
    for row in y.indices {
      y[row] += update.scale * h.indices.reduce(0.0) { $0 + b[row * h.count + $1] * h[$1] }
      if !update.norms.isEmpty { y[row] *= update.parameters[2][row] / update.norms[row] }
    }
    return y
  }

  private func rotate(_ x: [Double], position: Int) -> [Double] {
    let size = TinyModel.headSize
    return x.indices.map { i in
      let angle = Double(position) * pow(10_000, -2 * Double(i % size / 2) / Double(size))
      return i % 2 == 0
        ? x[i] * cos(angle) - x[i + 1] * sin(angle) : x[i] * cos(angle) + x[i - 1] * sin(angle)
    }
  }
}
