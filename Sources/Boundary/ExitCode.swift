/// What the program says to the shell when it ends; the table is in `docs/bad-inputs.md`.
public enum ExitCode: Int32, Sendable {
  case done = 0
  /// A bug in the program; no input may lead here.
  case internalFault = 1
  case usage = 2
  case configuration = 3
  case malformedFile = 4
  /// Inputs that are each valid but do not fit together.
  case mismatch = 5
  case memory = 6
  case disk = 7
  case inputOutput = 8
  /// The run folder is in use by another process.
  case busy = 9
  /// Training met values that are not finite.
  case diverged = 10
  case endpoint = 11
  case budget = 12
  case script = 13
  case hangup = 129
  case interrupted = 130
  case terminated = 143
}
