import Boundary
import EndpointHTTP
import TestSupport
import Testing

@testable import TriPosT

/// What is made of every kind of answer; the rows of docs/bad-inputs.md.
@Suite("Endpoint replies")
struct EndpointReplyTests {
  private func reader(
    _ change: (inout RunConfiguration.EndpointSettings) -> Void = { _ in }
  ) throws -> EndpointReader {
    var settings = RunConfiguration.EndpointSettings()
    settings.model = "m"
    settings.inputPrice = 1
    settings.apiKeyEnv = "MY_KEY"
    change(&settings)
    return EndpointReader(
      address: try EndpointAddress.parse("http://localhost:1").get(), settings: settings,
      key: try APIKey(variable: "MY_KEY") { _ in "secret-key" })
  }

  private let worst = WorstCase(prompt: 1000, completion: 100)

  /// The outcome in a word, with what belongs to it.
  private func outcome(
    _ status: Int, _ body: String = "", _ headers: [String: String] = [:], succeeded: Bool = true,
    _ change: (inout RunConfiguration.EndpointSettings) -> Void = { _ in }
  ) throws -> String {
    let response = EndpointResponse(status: status, headers: headers, body: Array(body.utf8))
    switch try reader(change).outcome(
      of: .success(response), worst: worst, hasSucceeded: succeeded)
    {
    case .reply(let reply): return "reply \(reply.outcome) \(reply.promptTokens) \(reply.cost)"
    case .retry(_, let after, let isCharged):
      return "retry" + (after.map { " after \($0)" } ?? "") + (isCharged ? " charged" : "")
    case .doubtful: return "doubtful"
    case .failed(let reason, _): return "failed: \(reason)"
    case .stop(let error):
      #expect(error.exit == .endpoint)
      #expect(!error.description.contains("secret-key"))
      return "stop \(error.rule.code)"
    }
  }

  private func chat(_ content: String, _ more: String = "") -> String {
    #"{"model":"m","choices":[{"index":0,"message":{"content":\#(content)}\#(more)}]}"#
  }

  @Test("EP-03: a key that is not taken stops at once, and is not shown", arguments: [401, 403])
  func key(status: Int) throws {
    #expect(
      try outcome(status, #"{"error":{"message":"bad key secret-key"}}"#) == "stop EP-03")
  }

  @Test("EP-04: a refused request fails its item, or stops when nothing ever worked")
  func refused() throws {
    #expect(try outcome(404) == "stop EP-04")
    #expect(try outcome(405) == "stop EP-04")
    #expect(try outcome(400, succeeded: false) == "stop EP-04")
    #expect(try outcome(400) == "failed: HTTP 400")
    #expect(try outcome(413) == "failed: HTTP 413")
    #expect(
      try outcome(422, #"{"error":{"message":"too\nlong secret-key"}}"#)
        == #"failed: HTTP 422: too\nlong ***"#)
  }

  @Test(
    "EP-05: what may pass is tried again", arguments: [408, 409, 425, 429, 500, 502, 503, 504, 529])
  func passing(status: Int) throws {
    #expect(try outcome(status) == "retry")
  }

  @Test("EP-06: a used-up account stops")
  func quota() throws {
    #expect(try outcome(402) == "stop EP-06")
    #expect(try outcome(429, #"{"error":{"code":"insufficient_quota"}}"#) == "stop EP-06")
    #expect(try outcome(429, #"{"error":{"type":"billing_limit"}}"#) == "stop EP-06")
  }

  @Test("EP-07: the wait that a server asks for")
  func retryAfter() throws {
    let date = "Sun, 06 Nov 1994 08:49:37 GMT"
    for (text, result) in [
      ("0", "retry after 0.0"), ("-5", "retry after 0.0"), ("7", "retry after 7.0"),
      ("1e9", "stop EP-07"), ("soon", "retry"), ("601", "stop EP-07"),
      ("Sun, 06 Nov 1994 08:50:07 GMT", "retry after 30.0"),
      ("Sun, 06 Nov 1994 07:00:00 GMT", "retry after 0.0"),
      ("Mon, 07 Nov 1994 08:49:37 GMT", "stop EP-07"), ("06.11.1994 08:50", "retry"),
    ] {
      #expect(try outcome(429, "", ["retry-after": text, "date": date]) == result, "\(text)")
    }
    #expect(httpDate("Thu, 29 Feb 2024 23:59:59 GMT") == 1_709_251_199)
    #expect(httpDate("Thu, 01 Jan 1970 00:00:00 GMT") == 0)
  }

  @Test("EP-08: 200 with something else in it is tried twice more")
  func somethingElse() throws {
    #expect(try outcome(204) == "doubtful")
    #expect(try outcome(200) == "doubtful")
    #expect(try outcome(200, "<!doctype html>") == "doubtful")
    #expect(try outcome(200, #"{"error":{"message":"overloaded"}}"#) == "doubtful")
  }

  @Test("EP-09: a redirect is not followed, and named without what is secret in it")
  func redirect() throws {
    let response = EndpointResponse(
      status: 302, headers: ["location": "https://user:word@other.example/x?key=1"], body: [])
    guard
      case .stop(let error) = try reader().outcome(
        of: .success(response), worst: worst, hasSucceeded: true)
    else { return #expect(Bool(false)) }
    #expect(error.rule.code == "EP-09")
    #expect(error.found.contains("other.example") && !error.found.contains("word"))
  }

  @Test("EP-10: half a reply is tried again")
  func half() throws {
    #expect(try outcome(200, #"{"choices":[{"#) == "retry charged")
    #expect(try outcome(200, chat(#""x""#) + "}") == "retry charged")
  }

  @Test("EP-11: too much of anything fails the item")
  func tooMuch() throws {
    let deep = String(repeating: "[", count: 70) + String(repeating: "]", count: 70)
    #expect(try outcome(200, deep).hasPrefix("failed"))
    guard
      case .failed(_, let isCharged) = try reader().outcome(
        of: .failure(TransportFailure(.tooLarge, "")), worst: worst, hasSucceeded: true)
    else { return #expect(Bool(false)) }
    #expect(isCharged)
  }

  @Test("EP-12: a reply without a text is tried twice more; parts are joined")
  func noText() throws {
    for body in [
      "{}", #"{"choices":null}"#, #"{"choices":[]}"#, #"{"choices":[{"message":null}]}"#,
      chat("null"), chat(#""""#), chat(#""  ""#),
    ] { #expect(try outcome(200, body) == "doubtful", "\(body)") }
    #expect(
      try outcome(200, chat(#"[{"type":"text","text":"a"},{"type":"text","text":"b"}]"#))
        .hasPrefix(#"reply text("ab")"#))
  }

  @Test("EP-13: an answer that is all reasoning fails with the reason")
  func reasoning() throws {
    let body = #"{"choices":[{"message":{"content":"","reasoning_content":"hmm"}}]}"#
    #expect(try outcome(200, body).hasPrefix("failed: no visible answer"))
  }

  @Test("EP-14: a filtered answer fails; one cut off loses its last line")
  func finish() throws {
    #expect(
      try outcome(200, chat(#""x""#, #","finish_reason":"content_filter""#))
        == "failed: the server's content filter")
    var reply = Reply(.text("(1) a\n(2) b"))
    reply.finish = "length"
    #expect(try reply.text() == "(1) a")
    reply.finish = "stop"
    #expect(try reply.text() == "(1) a\n(2) b")
    #expect(try Reply(.text("(1) a [END] more")).text() == "(1) a ")
  }

  @Test(
    "EP-15: usage that is missing or absurd counts at its worst",
    arguments: [
      "null", #"{"prompt_tokens":-1}"#, #"{"prompt_tokens":"9"}"#, #"{"prompt_tokens":1e300}"#,
    ])
  func usage(usage: String) throws {
    let body = #"{"choices":[{"message":{"content":"x"}}],"usage":\#(usage)}"#
    #expect(try outcome(200, body) == #"reply text("x") 1000 0.001"#)
  }

  @Test("EP-16: another model stops where that is asked for")
  func pinned() throws {
    let body = #"{"model":"other","choices":[{"message":{"content":"x"}}]}"#
    #expect(try outcome(200, body).hasPrefix("reply"))
    #expect(try outcome(200, body) { $0.pinModel = true } == "stop EP-16")
  }

  @Test("EP-17: of several choices the one of index 0 counts")
  func choices() throws {
    let body = #"{"choices":[{"index":1,"text":"b"},{"index":0,"text":"a"}]}"#
    #expect(try outcome(200, body) { $0.api = .completions }.hasPrefix(#"reply text("a")"#))
  }

  @Test("the key is taken out of what a server repeats")
  func repeatedKey() throws {
    #expect(
      try outcome(200, chat(#""it is secret-k\u0065y""#)).hasPrefix(#"reply text("it is ***")"#))
  }

  @Test("EP-28: addresses are normalised, or refused")
  func addresses() throws {
    for (text, base) in [
      ("http://localhost:8080", "http://localhost:8080/v1"),
      ("http://localhost:8080/", "http://localhost:8080/v1"),
      ("http://localhost:8080/v1/", "http://localhost:8080/v1"),
      ("https://host.example/openai/v1", "https://host.example/openai/v1"),
      ("http://[::1]:9", "http://[::1]:9/v1"),
    ] { #expect(try EndpointAddress.parse(text).get().base == base) }
    for text in [
      "", "localhost:8080", "ftp://host", "http://", "http://:80", "https://u:p@host",
      "https://host?key=1", "https://host/#x", "https://host:0", "https://host:65536",
      "https://host:8o", "https://ho st", "http://[::1", "https://host\u{00E9}",
    ] {
      guard case .failure(let error) = EndpointAddress.parse(text) else {
        Issue.record("\(text) is taken")
        continue
      }
      #expect(error.rule.code == "EP-28")
      #expect(error.exit == .configuration)
      #expect(!error.description.contains("u:p"))
    }
  }

  @Test("EP-27: which hosts are this machine")
  func loopback() throws {
    for (host, isLoopback) in [
      ("localhost", true), ("127.0.0.1", true), ("127.9.9.9", true), ("[::1]", true),
      ("127.0.0.1.example.com", false), ("10.0.0.1", false), ("localhost.example", false),
    ] {
      #expect(try EndpointAddress.parse("http://\(host)").get().isLoopback == isLoopback, "\(host)")
    }
  }
}
