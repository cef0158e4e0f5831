#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The right to change a file, held until the process ends or the value goes away.
///
/// The kernel drops the lock with the process, so one that was killed leaves nothing to clean up.
final class FileLock: Sendable {
  let file: FileDescriptor

  /// Opens the file, or makes an empty one with mode 0600, and takes the lock on it.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - subject: What the lock keeps others from, for the message.
  ///   - holder: Who holds it, where that is known.
  /// - Throws: `InputError` RUN-02 with exit code 9 when another process has it.
  init(_ path: String, of subject: String, holder: () -> String = { "" }) throws {
    file = try FileDescriptor(path, O_RDWR | O_CREAT)
    guard flock(file.number, LOCK_EX | LOCK_NB) == 0 else {
      guard errno == EWOULDBLOCK else { throw InputError(path, errno: errno) }
      let holder = holder()
      throw InputError(
        .folderBusy, file: subject,
        found: "in use by \(holder.isEmpty ? "another process" : escaped(holder))")
    }
  }

  // Closing alone would leave the lock with a child that is between its fork and its exec.
  deinit { _ = flock(file.number, LOCK_UN) }
}
