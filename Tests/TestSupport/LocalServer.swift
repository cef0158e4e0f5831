import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An HTTP server on this machine whose answers a test decides, faults included.
public final class LocalServer: Sendable {
  public struct Request: Sendable {
    public let method: String
    public let path: String
    /// Names in small letters.
    public let headers: [String: String]
    public let body: [UInt8]
  }

  public enum Answer: Sendable {
    case reply(status: Int = 200, headers: [String: String] = [:], body: String)
    /// Promises more bytes than it sends.
    case cut(body: String)
    /// Says nothing for so long, then answers.
    case late(seconds: Double, body: String)
    /// Ends the connection at once.
    case hangUp
  }

  public let port: UInt16
  private let listener: Int32
  private let core: Core

  /// What outlives the server as long as a connection does.
  private final class Core: Sendable {
    let answer: @Sendable (Request) -> Answer
    let requests = Mutex<[Request]>([])
    let busy = Mutex((now: 0, most: 0))

    init(_ answer: @escaping @Sendable (Request) -> Answer) { self.answer = answer }
  }

  public init(_ answer: @escaping @Sendable (Request) -> Answer) {
    // A client that hangs up is no reason to end.
    signal(SIGPIPE, SIG_IGN)
    core = Core(answer)
    #if canImport(Glibc)
      let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #else
      let listener = socket(AF_INET, SOCK_STREAM, 0)
    #endif
    self.listener = listener
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 256) == 0
          && getsockname(listener, $0, &length) == 0
      }
    }
    precondition(bound, "no local server: \(errno)")
    port = UInt16(bigEndian: address.sin_port)
    Self.thread { [core] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        Self.thread { Self.serve(connection, core) }
      }
    }
  }

  deinit {
    shutdown(listener, Int32(SHUT_RDWR))
    close(listener)
  }

  /// Such as `http://127.0.0.1:4711`.
  public var address: String { "http://127.0.0.1:\(port)" }

  /// Requests so far.
  public var log: [Request] { core.requests.withLock { $0 } }

  /// Posts so far.
  public var posts: Int { core.requests.withLock { $0.count { $0.method == "POST" } } }

  /// The most requests that were under way at a time.
  public var mostBusy: Int { core.busy.withLock { $0.most } }

  private static func serve(_ connection: Int32, _ core: Core) {
    defer { close(connection) }
    var bytes: [UInt8] = []
    while let request = read(connection, &bytes) {
      core.requests.withLock { $0.append(request) }
      core.busy.withLock {
        $0.now += 1
        $0.most = max($0.most, $0.now)
      }
      let answer = core.answer(request)
      if case .late(let seconds, _) = answer { usleep(UInt32(seconds * 1e6)) }
      core.busy.withLock { $0.now -= 1 }
      switch answer {
      case .reply(let status, let headers, let body):
        Self.send(connection, Self.head(status, headers, length: body.utf8.count) + body)
      case .late(_, let body):
        Self.send(connection, Self.head(200, [:], length: body.utf8.count) + body)
      case .cut(let body):
        Self.send(connection, Self.head(200, [:], length: body.utf8.count + 100) + body)
        return
      case .hangUp: return
      }
    }
  }

  private static func head(_ status: Int, _ headers: [String: String], length: Int) -> String {
    var head = "HTTP/1.1 \(status) Status\r\nContent-Length: \(length)\r\n"
    for (name, value) in headers.merging(
      ["Content-Type": "application/json"], uniquingKeysWith: { a, _ in a })
    {
      head += "\(name): \(value)\r\n"
    }
    return head + "\r\n"
  }

  private static func read(_ connection: Int32, _ bytes: inout [UInt8]) -> Request? {
    let end = Array("\r\n\r\n".utf8)
    while true {
      if let place = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) {
        let lines = String(decoding: bytes[..<place], as: UTF8.self).split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
          let parts = line.split(separator: ":", maxSplits: 1)
          headers[parts[0].lowercased()] = parts.last.map { String($0.drop { $0 == " " }) }
        }
        if headers["expect"] == "100-continue" { send(connection, "HTTP/1.1 100 Continue\r\n\r\n") }
        let length = headers["content-length"].flatMap { Int($0) } ?? 0
        while bytes.count < place + 4 + length {
          guard fill(connection, &bytes) else { return nil }
        }
        let words = lines[0].split(separator: " ")
        let body = Array(bytes[(place + 4)..<(place + 4 + length)])
        bytes.removeFirst(place + 4 + length)
        return Request(
          method: String(words[0]), path: String(words[1]), headers: headers, body: body)
      }
      guard fill(connection, &bytes) else { return nil }
    }
  }

  private static func fill(_ connection: Int32, _ bytes: inout [UInt8]) -> Bool {
    var piece = [UInt8](repeating: 0, count: 65_536)
    let count = recv(connection, &piece, piece.count, 0)
    guard count > 0 else { return false }
    bytes += piece[..<count]
    return true
  }

  private static func send(_ connection: Int32, _ text: String) {
    let bytes = Array(text.utf8)
    var start = 0
    while start < bytes.count {
      let count = bytes[start...].withUnsafeBytes {
        #if canImport(Glibc)
          Glibc.send(connection, $0.baseAddress, $0.count, 0)
        #else
          Darwin.send(connection, $0.baseAddress, $0.count, 0)
        #endif
      }
      guard count > 0 else { return }
      start += count
    }
  }

  /// Runs `body` on a thread of its own.
  private static func thread(_ body: @escaping @Sendable () -> Void) {
    final class Box {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let box = Unmanaged.passRetained(Box(body)).toOpaque()
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    #if canImport(Glibc)
      var thread = pthread_t()
      pthread_create(
        &thread, &attributes,
        { pointer in
          if let pointer { Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body() }
          return nil
        }, box)
    #else
      var thread: pthread_t?
      pthread_create(
        &thread, &attributes,
        { pointer in
          Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue().body()
          return nil
        }, box)
    #endif
  }
}
