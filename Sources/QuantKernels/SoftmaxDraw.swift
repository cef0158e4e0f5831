import CQuantKernels

/// Draws a place in `x` with the probability exp(x · scale) / Σ exp(x · scale), as one number decides.
///
/// Sums go in blocks of 512 terms, each of floats in the kernels' order, and over blocks in double precision,
/// so what is drawn is the same for any instruction set.
///
/// - Parameters:
///   - x: Logits, finite.
///   - top: The largest of them.
///   - scale: One over the temperature.
///   - least: Places below it are never drawn.
///   - number: From 0 up to, not including, 1.
/// - Returns: nil where rounding leaves a rest.
public func drawFromSoftmax(
  _ x: Span<Float>, top: Float, scale: Float, least: Float, number: Double
) -> Int? {
  let length = 512
  let steps = Kernels.steps.pointee
  return x.withUnsafeBufferPointer { x in
    withUnsafeTemporaryAllocation(of: Float.self, capacity: length) { terms -> Int? in
      guard let from = x.baseAddress, let terms = terms.baseAddress else { return nil }
      // Fills the terms of a block, and adds them up.
      func sum(_ block: Int) -> Double {
        let (start, count) = (block * length, min(length, x.count - block * length))
        for place in 0..<count {
          let logit = from[start + place]
          terms[place] = logit < least ? -.infinity : (logit - top) * scale
        }
        return Double(steps.exp_sum(count, terms, 0, terms))
      }
      let sums = (0..<(x.count + length - 1) / length).map(sum)
      var rest = number * sums.reduce(0, +)
      for (block, whole) in sums.enumerated() {
        guard rest < whole else {
          rest -= whole
          continue
        }
        _ = sum(block)
        for place in 0..<min(length, x.count - block * length) {
          rest -= Double(terms[place])
          if rest < 0 { return block * length + place }
        }
        return nil
      }
      return nil
    }
  }
}
