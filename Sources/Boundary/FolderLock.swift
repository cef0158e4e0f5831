#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The right to write in a folder, held until the process ends or the value goes away.
///
/// The kernel drops the lock with the process, so one that was killed leaves nothing to clean up.
public final class FolderLock: Sendable {
  private let lock: FileLock

  /// Takes the lock on `.lock` in the folder.
  ///
  /// - Throws: `InputError` with exit code 9, naming the process that holds it.
  public init(_ folder: String) throws {
    let path = folder + "/.lock"
    lock = try FileLock(path, of: folder) { (try? Files.readText(path, limit: 1024)) ?? "" }
    try lock.file.setMode(0o600)
    try lock.file.truncate(to: 0)
    try lock.file.write(Array("process \(getpid()) on \(Self.host) since \(Self.now)".utf8))
  }

  private static var host: String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { name in
      guard let start = name.baseAddress, unsafe gethostname(start, 255) == 0 else {
        return "this machine"
      }
      unsafe name[255] = 0
      return unsafe String(cString: start)
    }
  }

  /// The time in UTC, as `2026-07-31 12:00:00`.
  private static var now: String {
    var seconds = time(nil)
    var t = unsafe tm()
    _ = unsafe gmtime_r(&seconds, &t)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let date = unsafe "\(t.tm_year + 1900)-\(two(t.tm_mon + 1))-\(two(t.tm_mday))"
    return unsafe "\(date) \(two(t.tm_hour)):\(two(t.tm_min)):\(two(t.tm_sec)) UTC"
  }
}
