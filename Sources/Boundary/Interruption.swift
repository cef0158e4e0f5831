import CBoundary

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Signals that ask the program to stop, and those that would end it without a word.
public enum Interruption {
  /// From now on SIGINT, SIGTERM and SIGHUP set `requested`, the second one ends the process at
  /// once, SIGPIPE does nothing, and a mapped file that was cut ends in one line and exit code 8.
  public static func install() {
    boundary_install_handlers()
  }

  /// How to end when a signal has asked for it: save, then exit with this code.
  public static var requested: ExitCode? {
    switch Int(boundary_requested_signal()) {
    case boundary_hangup: .hangup
    case boundary_interrupt: .interrupted
    case boundary_terminate: .terminated
    default: nil
    }
  }

  /// Waits for a moment.
  ///
  /// - Throws: `InputError` SYS-06 when a signal has asked to stop.
  public static func pause(milliseconds: Int32) throws {
    try check()
    _ = poll(nil, 0, milliseconds)
  }

  /// - Throws: `InputError` SYS-06 when a signal has asked to stop.
  static func check() throws {
    if let code = requested {
      throw InputError(.init("SYS-06", exit: code), found: "stopped by a signal")
    }
  }
}
