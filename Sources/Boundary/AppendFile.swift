#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file that only grows: logs and records, one line each.
public final class AppendFile {
  private let file: FileDescriptor
  private var size: Int

  /// Opens the file, or makes an empty one with mode 0600.
  ///
  /// - Throws: `InputError` when it cannot be opened or is not a regular file.
  public init(_ path: String) throws {
    let isNew = !Files.exists(path)
    file = try FileDescriptor(path, O_WRONLY | O_APPEND | O_CREAT)
    size = try file.regularSize()
    if isNew {
      try file.setMode(0o600)
      try Files.syncFolder(Files.folder(of: path))
    }
  }

  /// Appends all bytes, or none: what a full disk cut off is taken back.
  public func append(_ bytes: [UInt8]) throws {
    do {
      try file.write(bytes)
      size += bytes.count
    } catch {
      // What the cut leaves when it fails too is a torn last line, which readers know about.
      _ = ftruncate(file.number, off_t(size))
      throw error
    }
  }

  /// Appends one line; `line` comes without its end.
  public func append(line: String) throws {
    try append(Array(line.utf8) + [UInt8(ascii: "\n")])
  }

  /// Returns when everything appended so far would survive a loss of power.
  public func sync() throws {
    try file.sync()
  }
}
