/// A request to an HTTP server.
public struct EndpointRequest: Sendable {
  public let url: String
  public let headers: [(name: String, value: String)]
  /// Posted; nil asks with GET.
  public let body: [UInt8]?

  public init(url: String, headers: [(name: String, value: String)], body: [UInt8]?) {
    self.url = url
    self.headers = headers
    self.body = body
  }
}

/// What a server said.
public struct EndpointResponse: Sendable {
  public let status: Int
  /// Names in small letters.
  public let headers: [String: String]
  public let body: [UInt8]

  public init(status: Int, headers: [String: String], body: [UInt8]) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}

/// Why there is no whole reply.
public struct TransportFailure: Error, Equatable, Sendable {
  public enum Kind: Sendable {
    /// The host's name, or its certificate, is the matter; trying again would not help.
    case address
    /// Nobody answers, or the connection broke before the request was sent.
    case connection
    /// The connection broke later.
    case cut
    /// More bytes than allowed.
    case tooLarge
    case timeout
  }

  public let kind: Kind
  public let reason: String

  public init(_ kind: Kind, _ reason: String) {
    self.kind = kind
    self.reason = reason
  }
}

/// Sends requests over HTTP; the module `EndpointHTTP` has one.
///
/// It follows no redirect, keeps no cookie and no cache, and unpacks compressed bodies.
public protocol EndpointTransport: Sendable {
  /// Sends a request, without waiting for the answer.
  ///
  /// - Parameters:
  ///   - request: What to send.
  ///   - limit: Bytes of a body, unpacked; more is a failure.
  ///   - done: Called once, on any thread, unless the request was given up.
  /// - Returns: What gives the request up.
  func send(
    _ request: EndpointRequest, limit: Int,
    done: @escaping @Sendable (Result<EndpointResponse, TransportFailure>) -> Void
  ) -> @Sendable () -> Void
}
