import CBoundary

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file's bytes, mapped read-only for as long as this value lives.
///
/// `@unchecked Sendable`: nothing changes after `init`, and the pages cannot be written.
@safe public final class MappedFile: @unchecked Sendable {
  public let path: String
  /// Bytes in the file.
  public let count: Int
  private let file: FileDescriptor
  private let base: UnsafeRawPointer?
  private let slot: Int32
  private let identity: Identity

  /// Maps a file without reading it; an empty file is fine.
  ///
  /// - Throws: `InputError` when it cannot be opened or is not a regular file; never waits.
  public init(_ path: String) throws {
    self.path = path
    file = try FileDescriptor(path, O_RDONLY)
    count = try file.regularSize()
    identity = Identity(try file.status())
    guard count > 0 else {
      unsafe base = nil
      slot = -1
      return
    }
    guard let start = unsafe mmap(nil, count, PROT_READ, MAP_PRIVATE, file.number, 0),
      unsafe start != MAP_FAILED
    else { throw InputError(path, errno: errno) }
    unsafe base = UnsafeRawPointer(start)
    slot = unsafe boundary_remember_mapping(start, count, path)
  }

  deinit {
    guard let base = unsafe base else { return }
    boundary_forget_mapping(slot)
    _ = unsafe munmap(UnsafeMutableRawPointer(mutating: base), count)
  }

  /// Lends the bytes; the pointer must not outlive the call.
  package func withBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
    defer { withExtendedLifetime(self) {} }
    return try unsafe body(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// Lets the system have back the memory behind a range of bytes, which are read anew when they are wanted again.
  package func release(_ range: Range<Int>) {
    guard let base = unsafe base else { return }
    let page = Int(getpagesize())
    // Whole pages alone: their neighbours may still be in use.
    let (first, end) = ((range.lowerBound + page - 1) / page * page, range.upperBound / page * page)
    guard first < end else { return }
    _ = unsafe madvise(UnsafeMutableRawPointer(mutating: base + first), end - first, MADV_DONTNEED)
  }

  /// Refuses to go on when the file was cut, grown or written to since it was mapped.
  ///
  /// - Throws: `InputError` with exit code 8.
  public func checkUnchanged() throws {
    let now = Identity(try file.status())
    guard now == identity else {
      throw InputError(
        .fileChanged, file: path,
        found: "the file changed while in use: it had \(identity.size) bytes, now \(now.size)")
    }
  }

  private struct Identity: Equatable {
    let size: Int
    let seconds: Int
    let nanoseconds: Int

    init(_ status: stat) {
      size = Int(status.st_size)
      #if canImport(Glibc)
        seconds = status.st_mtim.tv_sec
        nanoseconds = status.st_mtim.tv_nsec
      #else
        seconds = status.st_mtimespec.tv_sec
        nanoseconds = status.st_mtimespec.tv_nsec
      #endif
    }
  }
}

extension InputError.Rule {
  /// A mapped file was cut, grown or written to.
  ///
  /// The handler for SIGBUS prints the same code.
  package static let fileChanged = Self("GGUF-D02", exit: .inputOutput)
}
