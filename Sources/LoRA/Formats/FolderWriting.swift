import Boundary

/// Writes a folder of files whole or not at all: under a temporary name first, every file synced,
/// then renamed.
///
/// - Throws: `InputError` ADP-15 when something has the name and `replacing` is false; input/output
///   errors.
func writeFolder(
  _ files: [(name: String, bytes: [UInt8])], to path: String, replacing: Bool
) throws {
  guard replacing || !Files.exists(path) else { throw InputError.adapterIsThere(path) }
  let (partial, old) = ("\(path).partial", "\(path).old")
  try Files.remove(partial)
  do {
    try Files.createDirectory(partial)
    for file in files { try Files.writeAtomically(file.bytes, to: "\(partial)/\(file.name)") }
    if Files.exists(path) {
      try Files.remove(old)
      try Files.rename(path, to: old)
    }
    try Files.rename(partial, to: path)
  } catch {
    try? Files.remove(partial)
    throw error
  }
  try Files.remove(old)
}

extension InputError {
  static func adapterIsThere(_ path: String) -> InputError {
    InputError(
      .adapterExists, file: path, found: "it is there already", hints: ["--force replaces it"])
  }
}
