import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The streams that a process begins with: results go to output, everything else to errors.
public enum StandardStreams {
  /// Opens on nothing what the parent left closed, so that no file opened later takes its place.
  public static func openClosedOnes() {
    for number in STDIN_FILENO...STDERR_FILENO where fcntl(number, F_GETFD) == -1 {
      // The lowest free number is given out, and this is it.
      _ = unsafe open("/dev/null", O_RDWR)
    }
  }

  /// Writes to standard output.
  ///
  /// - Returns: Whether there is still somebody to read it.
  /// - Throws: `InputError`, such as SYS-01 when it is a file on a full disk.
  public static func writeOutput(_ text: String) throws -> Bool {
    eraseLiveLine()
    switch write(Array(text.utf8), to: STDOUT_FILENO) {
    case 0: return true
    case EPIPE: return false
    case let code: throw InputError("standard output", errno: code)
    }
  }

  /// Writes to standard error; nothing can be said about a failure of this.
  public static func writeError(_ text: String) {
    eraseLiveLine()
    _ = write(Array(text.utf8), to: STDERR_FILENO)
  }

  /// Shows a line on the terminal of standard error until anything else is written.
  public static func showLiveLine(_ text: String) {
    _ = write(Array("\r\(text)\u{1B}[K".utf8), to: STDERR_FILENO)
    isLineLive.withLock { $0 = true }
  }

  public static func eraseLiveLine() {
    let wasLive = isLineLive.withLock { isLive in
      defer { isLive = false }
      return isLive
    }
    if wasLive { _ = write(Array("\r\u{1B}[K".utf8), to: STDERR_FILENO) }
  }

  private static let isLineLive = Mutex(false)

  public static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  public static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  /// The `errno` of a failed write, or 0.
  private static func write(_ bytes: [UInt8], to number: Int32) -> Int32 {
    var written = 0
    while written < bytes.count {
      let result = unsafe bytes.withUnsafeBytes { bytes in
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
        #if canImport(Glibc)
          return unsafe Glibc.write(number, rest.baseAddress, rest.count)
        #else
          return unsafe Darwin.write(number, rest.baseAddress, rest.count)
        #endif
      }
      if result >= 0 {
        written += result
      } else if errno == EAGAIN {
        var wanted = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&wanted, 1, -1)
      } else if errno != EINTR {
        return errno
      }
    }
    return 0
  }
}
