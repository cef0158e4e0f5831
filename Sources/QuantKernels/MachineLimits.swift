import CQuantKernels

/// What this machine does at best with the instruction set and the threads in use.
public struct MachineLimits: Sendable {
  /// Bytes read a second, from a buffer as large as the one asked for.
  public let bytesRead: Double
  /// int8 operations a second, a multiply-add counting two; nil for scalar code.
  public let int8Operations: Double?
  /// The same of bfloat16 pairs; nil where the processor has no instruction for them.
  public let bfloat16Operations: Double?
  /// The same of floats; nil for scalar code.
  public let floatOperations: Double?

  /// Limits that are known, in the units above.
  package init(reading: Double, int8: Double?, bfloat16: Double?, float: Double?) {
    bytesRead = reading
    (int8Operations, bfloat16Operations, floatOperations) = (int8, bfloat16, float)
  }

  /// Measures all, about two thirds of a second.
  ///
  /// - Parameter bytes: What a pass reads, such as a model's weights: small ones stay in a cache.
  public init(reading bytes: Int) {
    let buffer = Matrix(rows: 1, columns: max(bytes, 1 << 20) / MemoryLayout<Float>.stride)
    buffer.fill(1)
    bytesRead = Self.bestRate {
      let piece = 1 << 18
      let size = buffer.columns * MemoryLayout<Float>.stride
      let set = Kernels.instructionSet.code
      let start = UnsafeRawPointer(buffer.base)
      parallel((size + piece - 1) / piece) { chunk in
        _ = qk_read(set, start + chunk * piece, min(piece, size - chunk * piece))
      }
      return Double(size)
    }
    int8Operations = Self.bestRate(of: qk_int8_operations)
    bfloat16Operations = Self.bestRate(of: qk_bf16_operations)
    floatOperations = Self.bestRate(of: qk_f32_operations)
  }

  /// Operations a second that a product with a weight can reach: what it multiplies decides.
  public func peak(of weight: WeightMatrix) -> Double? {
    qk_is_quantized(weight.format) ? int8Operations : floatOperations
  }

  /// The same of a product of the backward pass, which is one of floats where bfloat16 pairs have no instruction.
  public func peak(of precision: BackwardPrecision) -> Double? {
    switch precision {
    case .f32: floatOperations
    case .bf16: bfloat16Operations ?? floatOperations
    case .int8: int8Operations
    }
  }

  /// Operations a second; nil where the instruction set has none of this kind.
  private static func bestRate(of kind: qk_operations) -> Double? {
    let set = Kernels.instructionSet.code
    let (rounds, chunks) = (1 << 14, 8 * Kernels.threads)
    let operations = Double(chunks * qk_spin(set, kind, rounds))
    guard operations > 0 else { return nil }
    return bestRate {
      parallel(chunks) { _ in _ = qk_spin(set, kind, rounds) }
      return operations
    }
  }

  /// Work a second in the best of the passes that fit a sixth of a second, three at least.
  private static func bestRate(_ pass: () -> Double) -> Double {
    let start = ContinuousClock.now
    var best = 0.0
    var passes = 0
    while passes < 3 || ContinuousClock.now - start < .milliseconds(170) {
      let begin = ContinuousClock.now
      let work = pass()
      best = max(best, work / ((ContinuousClock.now - begin) / .seconds(1)))
      passes += 1
    }
    return best
  }
}
