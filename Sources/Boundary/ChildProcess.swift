import CBoundary

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A program that answers lines with lines, or does something and ends.
///
/// It gets none of our open files. It is killed with everything that it started when the value goes away.
public final class ChildProcess {
  private let program: String
  private let number: pid_t
  private let input: Int32
  private let output: Int32
  private let errors: Int32
  private var received: [UInt8] = []
  /// The end of what it wrote to its standard error.
  private var complaints: [UInt8] = []
  private var exitStatus: Int32?

  private static let inherited = ["PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ"]
  private static let keptComplaints = 64 << 10

  /// Starts a program; it is looked for in PATH unless its name has a slash in it.
  ///
  /// - Parameters:
  ///   - command: The program and its arguments.
  ///   - inheritingAll: Whether it gets our whole environment, or only what programs need to run, so that no secret travels.
  /// - Precondition: There is at least one word.
  /// - Throws: `InputError` FB-01 when it cannot be started.
  public init(_ command: [String], inheritingAll: Bool = false) throws {
    program = command[0]
    let environment = Self.inherited.compactMap { name in
      Environment.value(name).map { "\(name)=\($0)" }
    }
    var pipes: [Int32] = [-1, -1, -1]
    var child: Int32 = 0
    let code = unsafe Self.withCStrings(command) { words in
      unsafe Self.withCStrings(environment) { variables in
        unsafe boundary_spawn(words, inheritingAll ? nil : variables, &pipes, &child)
      }
    }
    guard code == 0 else {
      throw InputError(
        .programStarts, file: command[0],
        found: "cannot be started: \(unsafe String(cString: strerror(code)))")
    }
    number = child
    (input, output, errors) = (pipes[0], pipes[1], pipes[2])
  }

  deinit {
    for file in [input, output, errors] { _ = close(file) }
    _ = kill(-number, SIGKILL)
    if exitStatus == nil { _ = waitpid(number, nil, 0) }
  }

  /// Sends a line and waits for one.
  ///
  /// - Parameters:
  ///   - line: Without its end.
  ///   - timeout: Seconds for both.
  ///   - limit: Bytes that the answer may have.
  /// - Returns: The answer without its line end.
  /// - Throws: `InputError` with exit code 13 when the program ends, is late, or writes too much; that of a signal that asked
  ///   to stop.
  public func exchange(_ line: String, timeout: Double, limit: Int) throws -> String {
    var pending = ArraySlice(Array(line.utf8) + [UInt8(ascii: "\n")])
    let start = ContinuousClock.now
    while true {
      if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
        let answer = Array(received[..<end])
        received.removeFirst(end + 1)
        guard let text = String(validating: answer, as: UTF8.self) else {
          throw refusal(.programOutput, "wrote a line that is not UTF-8")
        }
        return text
      }
      if received.count > limit {
        throw refusal(.programOutput, "wrote a line of more than \(limit) bytes")
      }
      if (ContinuousClock.now - start) / .seconds(1) > timeout {
        throw refusal(.programTime, "did not answer within \(Int(timeout)) s")
      }
      try Interruption.check()
      try step(&pending)
    }
  }

  /// Whether it has ended.
  ///
  /// What it has written until then is thrown away.
  public func hasEnded() -> Bool {
    for file in [output, errors] {
      var polls = [pollfd(fd: file, events: Int16(POLLIN), revents: 0)]
      while unsafe poll(&polls, 1, 0) > 0, read(file, into: &received) > 0 { received = [] }
    }
    return noteEnd()
  }

  /// Whether it succeeded, once it has ended.
  public var succeeded: Bool { exitStatus == 0 }

  /// Whether it has ended, with its status from now on in `exitStatus`.
  private func noteEnd() -> Bool {
    var status: Int32 = 0
    if exitStatus == nil, unsafe waitpid(number, &status, WNOHANG) == number { exitStatus = status }
    return exitStatus != nil
  }

  /// Waits for a moment until something can be read or written, and does so.
  private func step(_ pending: inout ArraySlice<UInt8>) throws {
    var polls = [
      pollfd(fd: output, events: Int16(POLLIN), revents: 0),
      pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
      pollfd(fd: pending.isEmpty ? -1 : input, events: Int16(POLLOUT), revents: 0),
    ]
    _ = unsafe poll(&polls, nfds_t(polls.count), 100)
    if polls[1].revents != 0 {
      _ = read(errors, into: &complaints)
      complaints.removeFirst(max(0, complaints.count - Self.keptComplaints))
    }
    if polls[2].revents != 0 {
      let count = unsafe pending.withUnsafeBytes { unsafe write(input, $0.baseAddress, $0.count) }
      // A program that reads no further may still have answered.
      if count > 0 { pending.removeFirst(count) } else if errno == EPIPE { pending = [] }
    }
    if polls[0].revents != 0, read(output, into: &received) == 0,
      !received.contains(UInt8(ascii: "\n"))
    {
      throw refusal(.programEnd, "ended without an answer\(ending())")
    }
  }

  /// Appends what there is; returns the number of bytes, 0 at the end.
  private func read(_ file: Int32, into bytes: inout [UInt8]) -> Int {
    let count = unsafe withUnsafeTemporaryAllocation(byteCount: 65_536, alignment: 16) {
      #if canImport(Glibc)
        let count = unsafe Glibc.read(file, $0.baseAddress, $0.count)
      #else
        let count = unsafe Darwin.read(file, $0.baseAddress, $0.count)
      #endif
      if count > 0 { unsafe bytes.append(contentsOf: $0[..<count]) }
      return count
    }
    // Only an end is an end; a call that was interrupted is made again.
    return count == 0 ? 0 : max(1, count)
  }

  /// How the program ended, which it has a moment for.
  private func ending() -> String {
    for _ in 0..<50 where !noteEnd() { _ = usleep(10_000) }
    guard let exitStatus else { return "" }
    let signal = exitStatus & 0x7F
    return signal == 0
      ? ", with exit code \((exitStatus >> 8) & 0xFF)" : ", by signal \(signal)"
  }

  private func refusal(_ rule: InputError.Rule, _ found: String) -> InputError {
    // What it said just before is read, however late it comes.
    while true {
      var polls = [pollfd(fd: errors, events: Int16(POLLIN), revents: 0)]
      guard unsafe poll(&polls, 1, 0) > 0, read(errors, into: &complaints) > 0,
        complaints.count < Self.keptComplaints
      else { break }
    }
    let said =
      String(decoding: complaints, as: UTF8.self)
      .split(separator: "\n").last.map(String.init) ?? ""
    return InputError(
      rule, file: program, found: found,
      hints: said.isEmpty ? [] : ["it said: \(escaped(said, limit: 300))"])
  }

  private static func withCStrings<Result>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers = unsafe texts.map { unsafe strdup($0) } + [nil]
    defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
    return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { preconditionFailure("there is always a nil") }
      return unsafe body(start)
    }
  }
}

extension InputError.Rule {
  static let programStarts = Self("FB-01", exit: .script)
  static let programEnd = Self("FB-02", exit: .script)
  static let programTime = Self("FB-03", exit: .script)
  static let programOutput = Self("FB-04", exit: .script)
}
