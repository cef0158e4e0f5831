#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An open file: the only place with system calls on files, so that a test can fail each one.
final class FileDescriptor: Sendable {
  let number: Int32
  let path: String

  /// Opens without waiting; new files get mode 0600 whatever the umask is.
  init(_ path: String, _ flags: Int32) throws {
    try checkPath(path)
    self.path = path
    number = Int32(
      try systemCall(path) {
        unsafe Int(open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0o600))
      })
  }

  deinit { _ = close(number) }

  func status() throws -> stat {
    var status = stat()
    _ = try systemCall(path) { unsafe Int(fstat(number, &status)) }
    return status
  }

  /// Reads up to `buffer.count` bytes; 0 at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try systemCall(path) {
      #if canImport(Glibc)
        unsafe Glibc.read(number, buffer.baseAddress, buffer.count)
      #else
        unsafe Darwin.read(number, buffer.baseAddress, buffer.count)
      #endif
    }
  }

  /// Writes all bytes, however many calls it takes.
  func write(_ bytes: [UInt8]) throws {
    var written = 0
    while written < bytes.count {
      written += try systemCall(path) { short in
        unsafe bytes.withUnsafeBytes { bytes in
          let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[written...])
          let count = short ? 1 : rest.count
          #if canImport(Glibc)
            return unsafe Glibc.write(number, rest.baseAddress, count)
          #else
            return unsafe Darwin.write(number, rest.baseAddress, count)
          #endif
        }
      }
    }
  }

  func sync() throws {
    _ = try systemCall(path) { Int(fsync(number)) }
  }

  func truncate(to size: Int) throws {
    _ = try systemCall(path) { Int(ftruncate(number, off_t(size))) }
  }

  func setMode(_ mode: mode_t) throws {
    _ = try systemCall(path) { Int(fchmod(number, mode)) }
  }
}

/// Runs one system call, again after an interruption, and turns its failure into an `InputError`.
func systemCall(_ path: String, _ body: (_ short: Bool) -> Int) throws -> Int {
  while true {
    var short = false
    switch FileFaults.current?.next() {
    case .error(let code)?:
      if code == EINTR { continue }
      throw InputError(path, errno: code)
    case .kill?:
      _ = kill(getpid(), SIGKILL)
    case .shortWrite?: short = true
    case nil: break
    }
    let result = body(short)
    if result >= 0 { return result }
    let code = errno
    if code != EINTR { throw InputError(path, errno: code) }
  }
}

func systemCall(_ path: String, _ body: () -> Int) throws -> Int {
  try systemCall(path) { _ in body() }
}

/// Refuses a path that the system would read as another one.
func checkPath(_ path: String) throws {
  if path.isEmpty {
    throw InputError(.notAFile, file: path, found: "the path is empty")
  }
  if path.utf8.contains(0) {
    throw InputError(.notAFile, file: path, found: "the path has a NUL in it")
  }
}

extension InputError {
  /// The refusal for a failed system call on `path`.
  init(_ path: String, errno code: Int32) {
    let reason = unsafe String(cString: strerror(code))
    switch code {
    case ENOSPC:
      self.init(
        .diskFull, file: path, found: "cannot write: \(reason)",
        hints: ["free some space; nothing half-written is kept"])
    case EDQUOT, EFBIG:
      self.init(.quota, file: path, found: "cannot write: \(reason)")
    case ENXIO, EISDIR:
      self.init(.notAFile, file: path, found: "not a regular file: \(reason)")
    case EIO:
      self.init(.device, file: path, found: "the device failed: \(reason)")
    default:
      self.init(.fileSystem, file: path, found: "cannot be used: \(reason)")
    }
  }
}

extension InputError.Rule {
  /// Missing, not allowed, a link to nowhere, a name too long: the system's own reason.
  package static let fileSystem = Self("FILE-01", exit: .inputOutput)
  /// A directory, pipe, socket or device where a file is wanted; an empty path; a NUL in it.
  package static let notAFile = Self("FILE-02", exit: .inputOutput)
  package static let notText = Self("FILE-03", exit: .malformedFile)
  package static let tooLarge = Self("FILE-04", exit: .malformedFile)
  package static let diskFull = Self("SYS-01", exit: .disk)
  package static let quota = Self("SYS-03", exit: .disk)
  package static let device = Self("SYS-05", exit: .inputOutput)
  package static let folderBusy = Self("RUN-02", exit: .busy)
}
