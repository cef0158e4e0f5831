import CQuantKernels

/// Room in which matrices that stay in a mapped file become panels, one at a time, when they are needed.
public final class PanelScratch: @unchecked Sendable {
  // Sendable by contract: the one compute thread alone asks for panels.

  private var floats = allocateZeroed(0)
  private var byteCount = 0
  /// Whose panels are here.
  private var holder: ObjectIdentifier?

  public init() {}

  deinit { QuantKernels.free(floats) }

  /// Makes the panels of a matrix, there until those of another are asked for.
  ///
  /// - Parameters:
  ///   - matrix: Names them.
  ///   - size: Their bytes.
  ///   - lastPanel: Where the last one begins, whose missing rows have to be zeros.
  ///   - pack: Writes them.
  /// - Returns: Where they begin.
  func panels(
    of matrix: WeightMatrix, size: Int, lastPanel: Int, pack: (UnsafeMutableRawPointer) -> Void
  ) -> UnsafeMutableRawPointer {
    if size > byteCount {
      QuantKernels.free(floats)
      floats = allocateZeroed(size / MemoryLayout<Float>.stride)
      (byteCount, holder) = (size, nil)
    }
    let panels = UnsafeMutableRawPointer(floats)
    if holder != ObjectIdentifier(matrix) {
      (panels + lastPanel).initializeMemory(as: UInt8.self, repeating: 0, count: size - lastPanel)
      pack(panels)
      holder = ObjectIdentifier(matrix)
    }
    return panels
  }
}
