import Boundary

/// What replies have cost so far, and what the requests that are under way may cost at worst.
///
/// It is a fold over the records of `replies.jsonl`, so ceilings hold over any number of restarts: a request is on record
/// before it is sent, and one whose end is not known counts at its worst.
struct ReplyLedger: Equatable, Sendable {
  /// Tokens and money.
  struct Charge: Equatable, Sendable {
    var tokens = 0
    var cost = 0.0
  }

  enum Event: Sendable {
    /// A request is about to be sent, and may cost this much.
    case sent(String, Charge)
    /// It was not served, and costs nothing.
    case refused(String, reason: String)
    /// It may have been served, but the reply cannot be used.
    case lost(String, reason: String)
    case settled(String, Reply)
  }

  private(set) var requests = 0
  private(set) var retries = 0
  /// Charged for good.
  private(set) var tokens = 0
  private(set) var cost = 0.0
  /// What is under way, by the request's key.
  private var open: [String: Charge] = [:]
  private var attempts: [String: Int] = [:]

  mutating func apply(_ event: Event) {
    switch event {
    case .sent(let key, let worst):
      charge(open.updateValue(worst, forKey: key))
      requests += 1
      if attempts[key, default: 0] > 0 { retries += 1 }
      attempts[key, default: 0] += 1
    case .refused(let key, _): open[key] = nil
    case .lost(let key, _): charge(open.removeValue(forKey: key))
    case .settled(let key, let reply):
      open[key] = nil
      attempts[key] = nil
      charge(Charge(tokens: reply.promptTokens + reply.completionTokens, cost: reply.cost))
    }
  }

  private mutating func charge(_ charge: Charge?) {
    guard let charge else { return }
    tokens += charge.tokens
    cost += charge.cost
  }

  /// Everything spent, and at worst still to come for what is under way.
  var atWorst: Charge {
    open.values.reduce(into: Charge(tokens: tokens, cost: cost)) {
      $0.tokens += $1.tokens
      $0.cost += $1.cost
    }
  }

  /// Which ceiling another request could pass; nil when none.
  func ceiling(
    passedBy next: Charge, _ settings: RunConfiguration.EndpointSettings
  ) -> String? {
    let worst = atWorst
    if settings.maxRequests > 0, requests >= settings.maxRequests {
      return "endpoint.max_requests: \(requests) of \(settings.maxRequests) are sent"
    }
    if settings.maxTokens > 0, worst.tokens + next.tokens > settings.maxTokens {
      return
        "endpoint.max_total_tokens: \(worst.tokens) of \(settings.maxTokens) are used, and the next "
        + "request may take \(next.tokens)"
    }
    if settings.maxCost > 0, worst.cost + next.cost > settings.maxCost {
      return
        "endpoint.max_cost: \(plain(worst.cost)) of \(plain(settings.maxCost)) is spent, and the next "
        + "request may cost \(plain(next.cost))"
    }
    return nil
  }
}

extension ReplyLedger.Event {
  var record: JSONObject {
    switch self {
    case .sent(let key, let worst):
      [
        "event": "sent", "key": .string(key), "tokens": .integer(Int64(worst.tokens)),
        "cost": .number(worst.cost),
      ]
    case .refused(let key, let reason):
      ["event": "refused", "key": .string(key), "reason": .string(reason)]
    case .lost(let key, let reason):
      ["event": "lost", "key": .string(key), "reason": .string(reason)]
    case .settled: [:]
    }
  }
}

extension ReplyLedger {
  /// Tokens that one request can have, so that no sum of them runs over.
  static let tokenRange = 0...1_000_000_000

  /// Applies a record of an earlier process; says whether it is of a known kind.
  mutating func replay(_ record: JSONObject, reply: Reply?) -> Bool {
    guard let key = record["key"]?.string, let event = record["event"]?.string else { return false }
    switch event {
    case "sent":
      guard let tokens = record["tokens"]?.int, Self.tokenRange.contains(tokens),
        let cost = record["cost"]?.double
      else { return false }
      apply(.sent(key, Charge(tokens: tokens, cost: cost)))
    case "refused": apply(.refused(key, reason: ""))
    case "lost": apply(.lost(key, reason: ""))
    case "reply":
      guard let reply else { return false }
      apply(.settled(key, reply))
    default: return false
    }
    return true
  }
}
