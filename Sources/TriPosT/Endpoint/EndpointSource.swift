import Boundary

/// An OpenAI-compatible server that answers requests (docs/tripost.md, 4.7).
struct EndpointSource: ReplySource {
  let settings: RunConfiguration.EndpointSettings
  let address: EndpointAddress
  let key: APIKey?
  let transport: any EndpointTransport
  /// Names random numbers for waits.
  let seed: UInt64
  /// How long a second of waiting takes; tests make it shorter.
  var second = 1.0

  var name: String { "endpoint \(settings.model)" }

  var identity: JSONObject {
    [
      "endpoint": .string(settings.model), "api": .string(settings.api.rawValue),
      "fields": .array(settings.fields.map { .string($0) }),
    ]
  }

  var reader: EndpointReader { EndpointReader(address: address, settings: settings, key: key) }

  /// Asks for the list of models, which costs nothing.
  func check() throws {
    let mailbox = Mailbox()
    let cancel = send(
      EndpointRequest(url: address.base + "/models", headers: headers, body: nil), 0, 0, mailbox)
    let deadline = Watch()
    while deadline.seconds < min(30, settings.timeout) {
      try Interruption.check(address.base)
      guard let mail = mailbox.wait(0.1).first else { continue }
      switch mail.result {
      case .failure(let failure):
        throw reader.unusable(
          .endpointReached, "cannot be reached: \(failure.reason)", ["is the server running?"])
      case .success(let response):
        // Servers without such a list answer in many ways; only what holds for all requests counts.
        if [401, 402, 403].contains(response.status) || (300..<400).contains(response.status),
          case .stop(let error) = reader.refusal(response, hasSucceeded: true)
        {
          throw error
        }
        return
      }
    }
    cancel()
    throw reader.unusable(.endpointReached, "does not answer", ["is the server running?"])
  }

  func answer(
    _ requests: [ReplyDesk.Open], at desk: ReplyDesk, each: () throws -> Void
  ) throws {
    var round = EndpointRound(source: self, desk: desk, requests: requests)
    try round.run(each)
  }

  /// The body of a request.
  func body(_ request: ReplyRequest) -> [UInt8] {
    guard case .prompt(let prompt, let temperature, let maxTokens) = request.content else {
      preconditionFailure("an endpoint is asked with prompts")
    }
    var body: JSONObject = ["model": .string(settings.model)]
    switch settings.api {
    case .completions: body["prompt"] = .string(prompt.text)
    case .chat: body["messages"] = prompt.messages
    }
    for field in settings.fields {
      switch field {
      case "temperature": body[field] = .number(temperature)
      case "max_tokens", "max_completion_tokens": body[field] = .integer(Int64(maxTokens))
      case "stop": body[field] = [.string(Prompt.end)]
      // What every server takes for an integer.
      default: body[field] = request.seed.map { .integer(Int64($0 >> 33)) }
      }
    }
    return JSONValue.object(body).serializedBytes
  }

  /// No token is shorter than a byte; a chat's template adds some to each message.
  func worstCase(_ request: ReplyRequest) -> WorstCase {
    guard case .prompt(let prompt, _, let maxTokens) = request.content else {
      return WorstCase(prompt: 0, completion: 0)
    }
    return WorstCase(
      prompt: prompt.text.utf8.count + 64 * (2 * prompt.examples.count + 2), completion: maxTokens)
  }

  func send(
    _ request: EndpointRequest, _ job: Int, _ attempt: Int, _ mailbox: Mailbox
  ) -> @Sendable () -> Void {
    transport.send(request, limit: Limits.endpointReply) {
      mailbox.put(Mailbox.Mail(job: job, attempt: attempt, result: $0))
    }
  }

  var url: String { address.base + (settings.api == .chat ? "/chat/completions" : "/completions") }

  var headers: [(name: String, value: String)] {
    var headers = [
      (name: "Content-Type", value: "application/json"), ("Accept", "application/json"),
    ]
    if let key { headers.append(("Authorization", key.header)) }
    return headers
  }
}

/// Seconds on a clock that never goes back.
struct Watch {
  private let start = ContinuousClock.now

  var seconds: Double { (ContinuousClock.now - start) / .seconds(1) }
}
