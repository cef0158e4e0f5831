#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How long this thread computed for `body`, in seconds: a busy machine makes no difference.
public func threadSeconds(_ body: () throws -> Void) rethrows -> Double {
  let start = threadClock()
  try body()
  return threadClock() - start
}

private func threadClock() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
