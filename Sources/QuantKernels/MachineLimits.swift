import CQuantKernels

/// What this machine does at best with the instruction set and the threads in use.
public struct MachineLimits: Sendable {
  /// Bytes read a second, from a buffer as large as the one asked for.
  public let bytesRead: Double
  /// int8 operations a second, a multiply-add counting two; nil for scalar code.
  public let int8Operations: Double?

  /// Measures both, about a third of a second.
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
    let set = Kernels.instructionSet.code
    let (rounds, chunks) = (1 << 14, 8 * Kernels.threads)
    let operations = Double(chunks * qk_spin_int8(set, rounds))
    let rate = Self.bestRate {
      parallel(chunks) { _ in _ = qk_spin_int8(set, rounds) }
      return operations
    }
    int8Operations = rate > 0 ? rate : nil
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
