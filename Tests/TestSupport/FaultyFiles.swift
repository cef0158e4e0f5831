package import Boundary

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A folder of its own for one test, gone with the value.
public final class TemporaryFolder: Sendable {
  public let path: String

  public init() {
    var name = Array("/tmp/tripost-test-XXXXXX\0".utf8CString)
    guard mkdtemp(&name) != nil else { preconditionFailure("no temporary folder: \(errno)") }
    path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? Files.remove(path) }

  /// The path of a file in the folder.
  public subscript(name: String) -> String { path + "/" + name }

  /// Puts a file there without syncing it; returns its path.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) -> String {
    let number = open(self[name], O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    defer { close(number) }
    var start = 0
    while start < bytes.count {
      let count = bytes.withUnsafeBytes {
        #if canImport(Glibc)
          Glibc.write(number, $0.baseAddress.map { $0 + start }, $0.count - start)
        #else
          Darwin.write(number, $0.baseAddress.map { $0 + start }, $0.count - start)
        #endif
      }
      precondition(count > 0, "cannot write \(self[name]): \(errno)")
      start += count
    }
    return self[name]
  }

  @discardableResult
  public func write(_ text: String, to name: String) -> String {
    write(Array(text.utf8), to: name)
  }

  public var names: [String] { (try? Files.list(path)) ?? [] }
}

/// What `body` refuses with, or nil when it does not; other errors are passed on.
package func refusal(of body: () throws -> Void) throws -> InputError? {
  do {
    try body()
    return nil
  } catch let error as InputError {
    return error
  }
}

/// Runs `body` again and again, breaking its first file operation, its second, and so on, until
/// it does fewer than that; `check` sees what came of each broken run.
///
/// - Returns: How many operations there were.
@discardableResult
package func breakingEachOperation(
  _ fault: FileFaults.Fault, of body: () throws -> Void,
  check: (_ operation: Int, _ refusal: InputError?) throws -> Void
) throws -> Int {
  for operation in 1...10_000 {
    let faults = FileFaults(fault, at: operation)
    let found = try FileFaults.$current.withValue(faults) { try refusal(of: body) }
    if faults.operations < operation { return operation - 1 }
    try check(operation, found)
  }
  return 10_000
}
