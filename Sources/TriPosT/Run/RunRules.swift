import Boundary

/// What a run folder must obey; each rule is a row of `docs/bad-inputs.md`, section 16.
extension InputError.Rule {
  static let stageOutput = Self("RUN-06", exit: .malformedFile)
  static let manifestReadable = Self("RUN-07", exit: .malformedFile)
  static let sameRun = Self("RUN-09", exit: .mismatch)
  static let deterministic = Self("RUN-13", exit: .malformedFile)
  static let freshFolder = Self("RUN-17", exit: .inputOutput)
  static let stageInput = Self("RUN-23", exit: .malformedFile)
  static let knownFormat = Self("CFG-14", exit: .mismatch)
}
