import Boundary

/// What to make of a server's answer (docs/bad-inputs.md, EP-*).
enum EndpointOutcome {
  case reply(Reply)
  /// Worth another try, in so many seconds at the earliest; it is not known to cost anything unless `isCharged`.
  case retry(String, after: Double? = nil, isCharged: Bool = false)
  /// Worth two more tries; then the item has failed.
  case doubtful(String)
  /// The item has failed; asking again would change nothing.
  case failed(String, isCharged: Bool = false)
  case stop(InputError)
}

/// Understands the answers of an OpenAI-compatible server.
struct EndpointReader {
  let address: EndpointAddress
  let settings: RunConfiguration.EndpointSettings
  let key: APIKey?

  /// - Parameters:
  ///   - result: What came over HTTP.
  ///   - worst: What the request costs where the server does not say.
  ///   - hasSucceeded: Whether the endpoint has ever answered; until then a refusal of the request is taken for one of
  ///     all.
  /// - Returns: What to do about the request.
  func outcome(
    of result: Result<EndpointResponse, TransportFailure>, worst: WorstCase, hasSucceeded: Bool
  ) -> EndpointOutcome {
    switch result {
    case .failure(let failure):
      let reason = shown(failure.reason)
      switch failure.kind {
      case .address:
        return hasSucceeded ? .retry(reason) : .stop(unusable(.endpointReached, reason))
      case .connection: return .retry(reason)
      case .cut, .timeout: return .retry(reason, isCharged: true)
      case .tooLarge:
        return .failed("a reply of more than \(Limits.endpointReply) bytes", isCharged: true)
      }
    case .success(let response):
      return response.status == 200
        ? reply(response, worst) : refusal(response, hasSucceeded: hasSucceeded)
    }
  }

  /// What a status other than 200 means.
  func refusal(_ response: EndpointResponse, hasSucceeded: Bool) -> EndpointOutcome {
    let status = response.status
    let said = message(of: response)
    let reason = "HTTP \(status)" + (said.isEmpty ? "" : ": \(said)")
    switch status {
    case 401, 403:
      // What the server says may repeat part of the key.
      return .stop(
        unusable(
          .endpointKey, "HTTP \(status): the server does not take the key",
          [
            settings.apiKeyEnv.isEmpty
              ? "name the environment variable with the key in endpoint.api_key_env"
              : "the key comes from the environment variable \(settings.apiKeyEnv)"
          ]))
    case 402: return .stop(unusable(.endpointQuota, reason))
    case 300..<400:
      let target = response.headers["location"] ?? "nowhere"
      return .stop(
        unusable(
          .endpointRedirect,
          "HTTP \(status): the server sends to \(hostOnly(target)), which is not followed",
          ["set endpoint.url to the right address"]))
    case 429 where isQuota(response): return .stop(unusable(.endpointQuota, reason))
    case 408, 409, 425, 429, 500, 502, 503, 504, 529:
      let wait = retryAfter(response)
      if let wait, wait > 600 {
        return .stop(
          unusable(.endpointWait, "\(reason); the server asks to wait for \(Int(min(wait, 1e9))) s")
        )
      }
      return .retry(reason, after: wait)
    case 413, 422: return .failed(reason)
    case 400 where hasSucceeded: return .failed(reason)
    case 204: return .doubtful(reason)
    default: return .stop(unusable(.endpointRequest, reason))
    }
  }

  private func reply(_ response: EndpointResponse, _ worst: WorstCase) -> EndpointOutcome {
    if response.body.isEmpty { return .doubtful("an empty reply") }
    guard let text = String(validating: response.body, as: UTF8.self) else {
      return .retry("a reply that is not UTF-8", isCharged: true)
    }
    let start = text.trimmed.utf8.first
    if start == UInt8(ascii: "<") { return .doubtful("HTML in place of a reply") }
    let root: JSONValue
    do {
      root = try JSONValue(parsing: text)
    } catch let error as InputError where error.rule.code == "JSON-03" {
      return .failed("JSON with too much nesting, or impossible numbers", isCharged: true)
    } catch {
      return .retry("a reply that is no whole JSON", isCharged: true)
    }
    if let error = root["error"], !error.isNull { return .doubtful("an error in place of a reply") }
    guard let choice = choice(of: root) else { return .doubtful("a reply without choices") }
    let finish = choice["finish_reason"]?.string
    if finish == "content_filter" {
      return .failed("the server's content filter", isCharged: true)
    }
    guard let content = content(of: choice), !content.trimmed.isEmpty else {
      let reasoning = choice["message"]?["reasoning_content"]?.string ?? ""
      return reasoning.isEmpty
        ? .doubtful("an empty reply, finish_reason \(shown(finish ?? "missing"))")
        : .failed(
          "no visible answer: all tokens went into reasoning; raise max_tokens", isCharged: true)
    }
    func withoutKey(_ text: String) -> String { key?.removed(from: text) ?? text }
    var reply = Reply(.text(withoutKey(content)))
    reply.finish = finish.map(withoutKey)
    reply.model = root["model"]?.string.map(withoutKey)
    if settings.pinModel, let model = reply.model, model != settings.model {
      return .stop(
        unusable(
          .endpointModel,
          "the reply is from \"\(escaped(model))\", not from \"\(escaped(settings.model))\""))
    }
    let usage = root["usage"]
    reply.promptTokens = tokens(usage?["prompt_tokens"]) ?? worst.prompt
    reply.completionTokens = tokens(usage?["completion_tokens"]) ?? worst.completion
    reply.cost = settings.cost(reply.promptTokens, reply.completionTokens)
    return .reply(reply)
  }

  /// The choice of index 0; any others were not asked for.
  private func choice(of root: JSONValue) -> JSONValue? {
    let choices = root["choices"]?.array ?? []
    return choices.first { $0["index"]?.int == 0 } ?? choices.first
  }

  /// The text of a choice, its parts joined.
  private func content(of choice: JSONValue) -> String? {
    guard settings.api == .chat else { return choice["text"]?.string }
    switch choice["message"]?["content"] {
    case .string(let text): return text
    case .array(let parts): return parts.compactMap { $0["text"]?.string }.joined()
    default: return nil
    }
  }

  private func tokens(_ value: JSONValue?) -> Int? {
    value?.int.flatMap { ReplyLedger.tokenRange.contains($0) ? $0 : nil }
  }

  private func isQuota(_ response: EndpointResponse) -> Bool {
    let error = (try? JSONValue(parsing: String(decoding: response.body, as: UTF8.self)))?["error"]
    let codes = [error?["code"]?.string, error?["type"]?.string].compactMap { $0?.lowerCased }
    return codes.contains { $0.has("quota") || $0.has("billing") }
  }

  /// The error that the server words, on one line and without the key.
  private func message(of response: EndpointResponse) -> String {
    let error = (try? JSONValue(parsing: String(decoding: response.body, as: UTF8.self)))?["error"]
    return shown(error?["message"]?.string ?? error?.string ?? "")
  }

  private func shown(_ text: String) -> String {
    escaped(key?.removed(from: text) ?? text, limit: 200)
  }

  /// The host of an address from outside.
  private func hostOnly(_ address: String) -> String {
    let rest = address.firstRange(of: "://").map { address[$0.upperBound...] } ?? address[...]
    let authority = rest.prefix { !"/?#".contains($0) }
    let host = authority.split(separator: "@").last ?? authority
    return shown(host.isEmpty ? "this server" : String(host))
  }

  /// Seconds that the server asks for: nil when it does not, or not in a way that can be read.
  private func retryAfter(_ response: EndpointResponse) -> Double? {
    guard let text = response.headers["retry-after"]?.trimmed else { return nil }
    if let seconds = Double(text), seconds.isFinite { return max(0, seconds) }
    // By the server's own clock, so that this machine's does not matter.
    guard let then = httpDate(text), let now = response.headers["date"].flatMap(httpDate) else {
      return nil
    }
    return Double(max(0, then - now))
  }

  func unusable(
    _ rule: InputError.Rule, _ found: String, _ hints: [String] = []
  ) -> InputError {
    InputError(
      rule, file: address.base, found: found,
      hints: hints.isEmpty ? ["what is there is kept; --resume goes on"] : hints)
  }
}

/// Tokens that a request takes at most.
struct WorstCase: Equatable {
  let prompt: Int
  let completion: Int
}

extension RunConfiguration.EndpointSettings {
  /// What tokens cost.
  func cost(_ prompt: Int, _ completion: Int) -> Double {
    (Double(prompt) * inputPrice + Double(completion) * outputPrice) / 1_000_000
  }
}

/// Seconds since 1970 of a date such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 5.6.7); nil for anything else.
func httpDate(_ text: String) -> Int? {
  let words = text.words.map(String.init)
  let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
  guard words.count == 6, words[5] == "GMT", let month = months.firstIndex(of: words[2]),
    let day = Int(words[1]), let year = Int(words[3]), (1970...9999).contains(year),
    (1...31).contains(day)
  else { return nil }
  let clock = words[4].split(separator: ":").compactMap { Int($0) }
  guard clock.count == 3, (0..<24).contains(clock[0]), (0..<60).contains(clock[1]),
    (0...60).contains(clock[2])
  else { return nil }
  // Days since 1970 in the Gregorian calendar, with years that begin in March.
  let shifted = month < 2 ? year - 1 : year
  let dayOfYear = (153 * ((month + 10) % 12) + 2) / 5 + day - 1
  let days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
  return ((days * 24 + clock[0]) * 60 + clock[1]) * 60 + clock[2]
}

extension InputError.Rule {
  static let endpointReached = Self("EP-01", exit: .endpoint)
  static let endpointKey = Self("EP-03", exit: .endpoint)
  static let endpointRequest = Self("EP-04", exit: .endpoint)
  static let endpointBusy = Self("EP-05", exit: .endpoint)
  static let endpointQuota = Self("EP-06", exit: .endpoint)
  static let endpointWait = Self("EP-07", exit: .endpoint)
  static let endpointRedirect = Self("EP-09", exit: .endpoint)
  static let endpointModel = Self("EP-16", exit: .endpoint)
  static let invalidReplies = Self("EP-21", exit: .endpoint)
  static let ceiling = Self("EP-24", exit: .budget)
}
