import Boundary
import TriPosT

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What the program says: results to standard output, the rest to standard error.
enum Console {
  /// Prints a result and ends its line; stops the command when the reader has gone away.
  static func print(_ text: String) throws {
    guard try StandardStreams.writeOutput(text.hasSuffix("\n") ? text : text + "\n") else {
      throw Stopped(exit: .done)
    }
  }

  /// Tells of something that does no harm.
  static func warn(_ text: String) {
    StandardStreams.writeError("warning: \(escaped(text, limit: 512))\n")
  }

  /// Whether the user wants no colours (no-color.org).
  static var wantsNoColour: Bool {
    unsafe getenv("NO_COLOR").map { unsafe $0.pointee != 0 } ?? false
  }

  /// Seconds since 1970.
  static var time: Double {
    var now = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &now)
    return Double(now.tv_sec) + Double(now.tv_nsec / 1_000_000) / 1000
  }

  /// Prints the one error of this process.
  static func report(_ error: InputError, asJSON: Bool) -> ExitCode {
    StandardStreams.writeError((asJSON ? error.json.serialized : error.description) + "\n")
    return error.exit
  }

  /// Prints all problems of a configuration, as one error.
  static func report(_ problems: ConfigurationProblems, asJSON: Bool) -> ExitCode {
    StandardStreams.writeError((asJSON ? problems.json.serialized : problems.description) + "\n")
    return problems.exit
  }
}
