#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Every operation on the file system.
///
/// What is written is durable when a call returns. All of them throw `InputError`: a full disk or quota ends in exit code 7, anything else the
/// system refuses in 8. Files get mode 0600 and folders 0700, whatever the umask.
public enum Files {
  /// The bytes of a regular file.
  public static func read(_ path: String, limit: Int = .max) throws -> [UInt8] {
    let file = try FileDescriptor(path, O_RDONLY)
    let size = try file.regularSize()
    func tooLarge(_ size: Int) -> InputError {
      InputError(.tooLarge, file: path, found: "\(size) bytes", allowed: "at most \(limit) bytes")
    }
    if size > limit { throw tooLarge(size) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    let piece = min(max(size, 4096), 1 << 20)
    while true {
      let count = try unsafe withUnsafeTemporaryAllocation(byteCount: piece, alignment: 16) {
        let count = try unsafe file.read(into: $0)
        unsafe bytes.append(contentsOf: $0[..<count])
        return count
      }
      if count == 0 { return bytes }
      if bytes.count > limit { throw tooLarge(bytes.count) }
    }
  }

  /// The text of a regular file, which has to be UTF-8 throughout.
  public static func readText(_ path: String, limit: Int = .max) throws -> String {
    let bytes = try read(path, limit: limit)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw InputError(
        .notText, file: path, at: .init(offset: UInt64(firstInvalidUTF8(in: bytes) ?? 0)),
        found: "the text", allowed: "UTF-8")
    }
    return text
  }

  /// Replaces `path` with a file of these bytes, or leaves everything as it was.
  ///
  /// A new file in the same folder is written, synced and renamed, then the folder is synced.
  /// After a device error the file is written once more under a new name: the system may have
  /// dropped the bytes, so syncing the old one again would prove nothing.
  public static func writeAtomically(_ bytes: [UInt8], to path: String) throws {
    try writeAtomically(to: path) { append in try append(bytes) }
  }

  /// The same for a file that is made piece by piece; `body` appends the pieces, and is called again
  /// where the file is written anew.
  public static func writeAtomically(
    to path: String, _ body: (_ append: ([UInt8]) throws -> Void) throws -> Void
  ) throws {
    try checkPath(path)
    do {
      try replace(path, body)
    } catch let error as InputError where error.rule == .device {
      try replace(path, body)
    }
  }

  public static func writeAtomically(_ text: String, to path: String) throws {
    try writeAtomically(Array(text.utf8), to: path)
  }

  /// Makes a folder and those above it; one that is there is fine.
  public static func createDirectory(_ path: String) throws {
    try checkPath(path)
    if isDirectory(path) { return }
    let above = folder(of: path)
    if above != path { try createDirectory(above) }
    do {
      _ = try systemCall(path) { unsafe Int(mkdir(path, 0o700)) }
    } catch {
      if isDirectory(path) { return }
      throw error
    }
    _ = try systemCall(path) { unsafe Int(chmod(path, 0o700)) }
    try syncFolder(above)
  }

  /// Whether there is anything at `path`; a link to nowhere is not.
  public static func exists(_ path: String) -> Bool {
    mode(of: path) != nil
  }

  public static func isDirectory(_ path: String) -> Bool {
    mode(of: path).map { $0 & S_IFMT == S_IFDIR } ?? false
  }

  /// The names in a folder, sorted by their bytes, without `.` and `..`.
  public static func list(_ directory: String) throws -> [String] {
    try checkPath(directory)
    guard let handle = unsafe opendir(directory) else { throw InputError(directory, errno: errno) }
    defer { _ = unsafe closedir(handle) }
    var names: [String] = []
    while let entry = unsafe readdir(handle) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
        unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Removes a file, or a folder with all that is in it; a missing one is fine.
  ///
  /// Links are removed, not followed.
  public static func remove(_ path: String) throws {
    try checkPath(path)
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else {
      if errno == ENOENT { return }
      throw InputError(path, errno: errno)
    }
    if status.st_mode & S_IFMT == S_IFDIR {
      for name in try list(path) { try remove(path + "/" + name) }
      _ = try systemCall(path) { unsafe Int(rmdir(path)) }
    } else {
      _ = try systemCall(path) { unsafe Int(unlink(path)) }
    }
  }

  /// Renames a file or folder, replacing a file of the new name, and syncs the folders.
  public static func rename(_ from: String, to: String) throws {
    try checkPath(from)
    try checkPath(to)
    try renameOnly(from, to: to)
    try syncFolder(folder(of: to))
    if folder(of: from) != folder(of: to) { try syncFolder(folder(of: from)) }
  }

  /// Bytes in a regular file.
  public static func size(_ path: String) throws -> Int {
    try FileDescriptor(path, O_RDONLY).regularSize()
  }

  /// Cuts a file to its first `size` bytes.
  public static func truncate(_ path: String, to size: Int) throws {
    let file = try FileDescriptor(path, O_WRONLY)
    try file.truncate(to: size)
    try file.sync()
  }

  /// How the name of an unfinished file begins; one that a killed process left may be removed.
  public static let temporaryPrefix = ".tripost-"
}

extension Files {
  /// Makes the names in a folder durable.
  public static func syncFolder(_ path: String) throws {
    try FileDescriptor(path, O_RDONLY | O_DIRECTORY).sync()
  }

  /// The folder a path lies in: everything before its last component.
  package static func folder(of path: String) -> String {
    var bytes = path.utf8[...]
    while bytes.count > 1 && bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
    guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == bytes.startIndex ? "/" : String(Substring(bytes[..<slash]))
  }

  private static func replace(
    _ path: String, _ body: (_ append: ([UInt8]) throws -> Void) throws -> Void
  ) throws {
    let folder = folder(of: path)
    do {
      let file = try temporaryFile(in: folder)
      do {
        try file.setMode(0o600)
        try body(file.write)
        try file.sync()
        try renameOnly(file.path, to: path)
      } catch {
        _ = unsafe unlink(file.path)
        throw error
      }
    } catch var error as InputError {
      // What the temporary file met is said of the one that it stands for.
      if error.file?.contains("/\(temporaryPrefix)") ?? true { error.file = path }
      throw error
    }
    try syncFolder(folder)
  }

  private static func temporaryFile(in folder: String) throws -> FileDescriptor {
    var attempt = 0
    while true {
      let path = "\(folder)/\(temporaryPrefix)\(getpid())-\(attempt)"
      do {
        return try FileDescriptor(path, O_WRONLY | O_CREAT | O_EXCL)
      } catch  where exists(path) && attempt < 10_000 {
        // Another thread is writing here, or a process of this number was killed.
        attempt += 1
      }
    }
  }

  private static func renameOnly(_ from: String, to: String) throws {
    _ = try systemCall(to) {
      #if canImport(Glibc)
        unsafe Int(Glibc.rename(from, to))
      #else
        unsafe Int(Darwin.rename(from, to))
      #endif
    }
  }

  private static func mode(of path: String) -> mode_t? {
    var status = stat()
    guard !path.utf8.contains(0), unsafe stat(path, &status) == 0 else { return nil }
    return status.st_mode
  }
}

extension FileDescriptor {
  /// The size of the file, which has to be a regular one.
  func regularSize() throws -> Int {
    let status = try status()
    let kind: String
    switch status.st_mode & S_IFMT {
    case S_IFREG: return Int(status.st_size)
    case S_IFDIR: kind = "a directory"
    case S_IFIFO: kind = "a pipe"
    case S_IFCHR, S_IFBLK: kind = "a device"
    default: kind = "something else"
    }
    throw InputError(.notAFile, file: path, found: kind, allowed: "a regular file")
  }
}

/// Where text stops being UTF-8, in bytes; nil when it never does.
func firstInvalidUTF8(in bytes: some Sequence<UInt8>) -> Int? {
  var decoder = UTF8()
  var iterator = bytes.makeIterator()
  var place = 0
  while true {
    switch decoder.decode(&iterator) {
    case .scalarValue(let scalar): place += UTF8.width(scalar)
    case .emptyInput: return nil
    case .error: return place
    }
  }
}
