import Boundary
import EndpointHTTP
import Synchronization
import TestSupport
import Testing

@testable import TriPosT

/// What comes over the wire.
@Suite("HTTP")
struct HTTPTransportTests {
  private func result(
    _ url: String, limit: Int = 1 << 20, headers: [(name: String, value: String)] = []
  ) throws -> Result<EndpointResponse, TransportFailure> {
    let mailbox = Mailbox()
    let transport = HTTPTransport()
    _ = transport.send(
      EndpointRequest(url: url, headers: headers, body: Array("{}".utf8)), limit: limit
    ) { mailbox.put(.init(job: 0, attempt: 0, result: $0)) }
    return try #require(mailbox.wait(10).first).result
  }

  @Test("status, headers and body arrive")
  func arrives() throws {
    let server = LocalServer { _ in .reply(status: 418, headers: ["Retry-After": "7"], body: "tea")
    }
    let response = try result(server.address + "/v1/x", headers: [("Authorization", "Bearer k")])
      .get()
    #expect(response.status == 418)
    #expect(response.headers["retry-after"] == "7")
    #expect(response.body == Array("tea".utf8))
    #expect(server.log[0].headers["authorization"] == "Bearer k")
    #expect(server.log[0].path == "/v1/x")
    #expect(server.log[0].headers["cookie"] == nil)
  }

  @Test("EP-09: a redirect is handed on, and nobody else is asked")
  func redirect() throws {
    let other = LocalServer { _ in .reply(body: "{}") }
    let server = LocalServer { _ in
      .reply(status: 307, headers: ["Location": other.address + "/x"], body: "")
    }
    let response = try result(server.address, headers: [("Authorization", "Bearer k")]).get()
    #expect(response.status == 307)
    #expect(response.headers["location"] == other.address + "/x")
    #expect(other.log.isEmpty)
  }

  @Test("EP-10: a body shorter than promised is a failure")
  func cut() throws {
    let server = LocalServer { _ in .cut(body: "half") }
    #expect(try result(server.address).failure?.kind == .cut)
  }

  @Test("EP-11: a body above the limit is given up")
  func tooLarge() throws {
    let server = LocalServer { _ in .reply(body: String(repeating: "x", count: 100_000)) }
    #expect(try result(server.address, limit: 99_999).failure?.kind == .tooLarge)
    #expect(try result(server.address, limit: 100_000).get().body.count == 100_000)
  }

  @Test("EP-01: nobody there, or a name that nobody has")
  func nobody() throws {
    let port = LocalServer { _ in .hangUp }.port
    let failure = try #require(try result("http://127.0.0.1:\(port)").failure)
    #expect(failure.kind == .connection || failure.kind == .cut)
    #expect(try result("http://no-such-host.invalid").failure?.kind == .address)
  }

  @Test("EP-01, EP-03: an endpoint is looked at before a run begins")
  func check() throws {
    func refusal(_ status: Int, _ headers: [String: String] = [:]) throws -> InputError? {
      let server = LocalServer { _ in .reply(status: status, headers: headers, body: "{}") }
      var configuration = RunConfiguration()
      configuration.endpoint.url = server.address
      configuration.endpoint.apiKeyEnv = "KEY"
      let source = try EndpointLoopTests.source(configuration)
      let error = try TestSupport.refusal { try source.check() }
      #expect(server.posts == 0)
      #expect(error?.description.contains(EndpointLoopTests.key) != true)
      return error
    }
    for status in [200, 404, 405, 500] { #expect(try refusal(status) == nil) }
    #expect(try refusal(401)?.rule.code == "EP-03")
    #expect(try refusal(401)?.hints == ["the key comes from the environment variable KEY"])
    #expect(try refusal(301, ["Location": "http://other.example/"])?.rule.code == "EP-09")
    var nowhere = RunConfiguration()
    nowhere.endpoint.url = LocalServer { _ in .hangUp }.address
    let error = try TestSupport.refusal { try EndpointLoopTests.source(nowhere).check() }
    #expect(error?.rule.code == "EP-01")
    #expect(error?.exit == .endpoint)
  }
}

extension Result {
  fileprivate var failure: Failure? {
    if case .failure(let failure) = self { failure } else { nil }
  }
}
