import Boundary
import Foundation
import Synchronization
public import TriPosT

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// HTTP by the system's own client: TLS, proxies from the environment, packed bodies.
public final class HTTPTransport: EndpointTransport {
  private let session: URLSession
  private let exchanges = Exchanges()

  /// A client that keeps nothing between requests.
  public init() {
    let configuration = URLSessionConfiguration.ephemeral
    configuration.urlCache = nil
    configuration.httpCookieStorage = nil
    configuration.httpShouldSetCookies = false
    configuration.urlCredentialStorage = nil
    // Whoever sends decides how long it takes.
    configuration.timeoutIntervalForRequest = 7 * 86_400
    configuration.httpMaximumConnectionsPerHost = 256
    session = URLSession(configuration: configuration, delegate: exchanges, delegateQueue: nil)
  }

  deinit { session.invalidateAndCancel() }

  public func send(
    _ request: EndpointRequest, limit: Int,
    done: @escaping @Sendable (Result<EndpointResponse, TransportFailure>) -> Void
  ) -> @Sendable () -> Void {
    guard let url = URL(string: request.url) else {
      done(.failure(TransportFailure(.address, "the address cannot be read")))
      return {}
    }
    var message = URLRequest(url: url)
    message.httpMethod = request.body == nil ? "GET" : "POST"
    message.httpBody = request.body.map { Data($0) }
    message.httpShouldHandleCookies = false
    for header in request.headers {
      message.setValue(header.value, forHTTPHeaderField: header.name)
    }
    let task = session.dataTask(with: message)
    exchanges.begin(task.taskIdentifier, Exchange(limit: limit, done: done))
    task.resume()
    return { [exchanges] in
      exchanges.forget(task.taskIdentifier)
      task.cancel()
    }
  }
}

/// One request whose answer is on its way.
private struct Exchange: Sendable {
  let limit: Int
  let done: @Sendable (Result<EndpointResponse, TransportFailure>) -> Void
  var status = 0
  var headers: [String: String] = [:]
  var body: [UInt8] = []

  init(
    limit: Int, done: @escaping @Sendable (Result<EndpointResponse, TransportFailure>) -> Void
  ) {
    self.limit = limit
    self.done = done
  }
}

/// Puts answers together, by the number of their task.
private final class Exchanges: NSObject, URLSessionDataDelegate, Sendable {
  private let open = Mutex<[Int: Exchange]>([:])

  func begin(_ task: Int, _ exchange: Exchange) {
    open.withLock { $0[task] = exchange }
  }

  func forget(_ task: Int) {
    open.withLock { $0[task] = nil }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask,
    willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
    completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    // The key must not travel; the redirect itself is the answer.
    take(response, task)
    completionHandler(nil)
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
  ) {
    if let response = response as? HTTPURLResponse { take(response, dataTask) }
    completionHandler(.allow)
  }

  private func take(_ response: HTTPURLResponse, _ task: URLSessionTask) {
    var headers: [String: String] = [:]
    for (name, value) in response.allHeaderFields {
      headers["\(name)".lowercased()] = "\(value)"
    }
    open.withLock {
      $0[task.taskIdentifier]?.status = response.statusCode
      $0[task.taskIdentifier]?.headers = headers
    }
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    let tooLarge = open.withLock { open -> Exchange? in
      guard let exchange = open[dataTask.taskIdentifier] else { return nil }
      if exchange.body.count + data.count > exchange.limit {
        open[dataTask.taskIdentifier] = nil
        return exchange
      }
      open[dataTask.taskIdentifier]?.body.append(contentsOf: data)
      return nil
    }
    guard let tooLarge else { return }
    dataTask.cancel()
    tooLarge.done(.failure(TransportFailure(.tooLarge, "too many bytes")))
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
  ) {
    guard
      let exchange = open.withLock({ open -> Exchange? in
        defer { open[task.taskIdentifier] = nil }
        return open[task.taskIdentifier]
      })
    else { return }
    if let error, !(300..<400).contains(exchange.status) {
      exchange.done(
        .failure(
          Self.failure(
            error, hasBegun: exchange.status != 0,
            isSecure: task.originalRequest?.url?.scheme == "https")))
    } else {
      exchange.done(
        .success(
          EndpointResponse(
            status: exchange.status, headers: exchange.headers, body: exchange.body)))
    }
  }

  private static func failure(
    _ error: any Error, hasBegun: Bool, isSecure: Bool
  ) -> TransportFailure {
    let code = (error as? URLError)?.code ?? URLError.Code(rawValue: (error as NSError).code)
    // The system's words may hold the whole address; these do not.
    switch code {
    case .cannotFindHost, .dnsLookupFailed:
      return TransportFailure(.address, "the host's name is not known" + proxy)
    case .secureConnectionFailed, .serverCertificateHasBadDate, .serverCertificateUntrusted,
      .serverCertificateHasUnknownRoot, .serverCertificateNotYetValid, .clientCertificateRejected:
      return TransportFailure(
        .address, "no secure connection: the certificate is not accepted" + proxy)
    case .timedOut: return TransportFailure(.timeout, "no answer in time" + proxy)
    case .cannotConnectToHost:
      return TransportFailure(.connection, "the connection is refused" + proxy)
    default:
      return hasBegun
        ? TransportFailure(.cut, "the reply was cut off")
        : TransportFailure(
          .cut,
          "the connection broke" + (isSecure ? ", or the certificate is not accepted" : "") + proxy)
    }
  }

  /// Names the proxy that the environment asks for, without its password.
  private static var proxy: String {
    for name in ["https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"] {
      guard let value = Environment.value(name), !value.isEmpty else { continue }
      let host = value.split(separator: "@").last.map(String.init) ?? value
      return " (\(name) is \(host))"
    }
    return ""
  }
}
