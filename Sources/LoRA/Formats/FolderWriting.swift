import Boundary

/// A file that is made piece by piece whenever it is asked for, so that it never lies in memory whole.
struct FileInPieces {
  let name: String
  /// Appends the pieces; the same ones each time.
  let write: (_ append: ([UInt8]) throws -> Void) throws -> Void

  init(_ name: String, _ write: @escaping (_ append: ([UInt8]) throws -> Void) throws -> Void) {
    (self.name, self.write) = (name, write)
  }

  init(_ name: String, bytes: [UInt8]) {
    self.init(name) { try $0(bytes) }
  }

  /// The size in bytes and the SHA-256.
  func measured() throws -> (bytes: Int, digest: String) {
    var (count, hash) = (0, SHA256())
    try write { piece in
      count += piece.count
      hash.update(piece)
    }
    return (count, hash.finalize())
  }
}

/// Writes a folder of files whole or not at all: under a temporary name first, every file synced,
/// then renamed.
///
/// - Throws: `InputError` ADP-15 when something has the name and `replacing` is false; input/output
///   errors.
func writeFolder(
  _ files: [FileInPieces], to path: String, replacing: Bool
) throws {
  guard replacing || !Files.exists(path) else { throw InputError.adapterIsThere(path) }
  let (partial, old) = ("\(path).partial", "\(path).old")
  try Files.remove(partial)
  do {
    try Files.createDirectory(partial)
    for file in files { try Files.writeAtomically(to: "\(partial)/\(file.name)", file.write) }
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
