import CQuantKernels

/// Runs `body` once for each chunk number below `chunks`, on up to `Kernels.threads` threads.
///
/// Which thread runs which chunk is left open, so a chunk's work must depend on its number alone.
/// A call inside a body, or beside another thread's region, runs on the caller's thread alone.
package func parallel(_ chunks: Int, _ body: (Int) -> Void) {
  withoutActuallyEscaping(body) { body in
    withUnsafePointer(to: body) { context in
      qk_parallel(
        chunks, chunks > 1 ? UInt32(Kernels.threads) : 1, UnsafeMutableRawPointer(mutating: context)
      ) { context, chunk in
        context?.assumingMemoryBound(to: ((Int) -> Void).self).pointee(chunk)
      }
    }
  }
}
