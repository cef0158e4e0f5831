import Boundary
import Synchronization

/// Where critics and improvers that are no scripts get their replies from.
///
/// Editing is a pure function of the replies. An edit that meets one that is not there stops with
/// `ReplyNeeded`; the loop gathers what all edits of a pass need, has it answered in one go, and edits again.
/// So replies may come in any order. Each is on disk before it is used (`replies.jsonl`), and is asked for once.
public final class ReplyDesk: Sendable {
  /// A request with the name under which its reply is kept.
  struct Open: Sendable {
    let key: String
    let request: ReplyRequest
  }

  private struct State {
    var known: [String: Reply] = [:]
    /// The keys that the stage at work needed, and those of them that this process asked for.
    var needed: Set<String> = []
    var asked: Set<String> = []
    var log: RecordLog?
    var ledger = ReplyLedger()
    var quality = ReplyQuality()
  }

  private let sources: [ReplyRole: any ReplySource]
  private let state = Mutex(State())

  init(_ sources: [ReplyRole: any ReplySource]) {
    self.sources = sources
  }

  /// Reads the replies of earlier processes, and keeps new ones there.
  ///
  /// - Throws: `InputError` RUN-12 when the file is damaged.
  func open(_ path: String) throws {
    try state.withLock { state in
      let log = try RecordLog(path)
      for (index, record) in log.records.enumerated() {
        let known = Reply.read(record)
        guard state.ledger.replay(record, reply: known?.reply) else {
          throw InputError(
            .logIntact, file: path, at: .init(line: index + 1), found: "a line of no known kind")
        }
        if let known { state.known[known.key] = known.reply }
      }
      state.log = log
    }
  }

  /// Whether the sources can be asked at all.
  func check() throws {
    for role in ReplyRole.allCases { try sources[role]?.check() }
  }

  /// The reply to a request.
  ///
  /// - Throws: `ReplyNeeded` when it is not there yet.
  func reply(to request: ReplyRequest) throws -> Reply {
    let key = key(of: request)
    let known = state.withLock {
      $0.needed.insert(key)
      let known = $0.known[key]
      if let known { $0.quality.note(known, to: request, key) }
      return known
    }
    guard let known else { throw ReplyNeeded(request: request, key: key) }
    return known
  }

  /// Has requests answered, each once.
  ///
  /// `each` sees how many are done; what it throws stops the work, and what is there stays.
  func answer(_ needed: [ReplyNeeded], each: (_ done: Int) throws -> Void) throws {
    var open: [Open] = []
    var keys: Set<String> = []
    for need in needed where keys.insert(need.key).inserted {
      open.append(Open(key: need.key, request: need.request))
    }
    state.withLock { $0.asked.formUnion(keys) }
    for role in ReplyRole.allCases {
      let own = open.filter { $0.request.role == role }
      guard !own.isEmpty, let source = sources[role] else { continue }
      try source.answer(own, at: self) {
        try each(state.withLock { state in open.count { state.known[$0.key] != nil } })
      }
    }
  }

  /// Begins to count for a stage.
  func beginStage() {
    state.withLock {
      $0.needed = []
      $0.asked = []
    }
  }

  /// What the stage's replies come to: the same however often it was stopped.
  var facts: JSONObject {
    state.withLock { state in
      let replies = state.needed.sorted().compactMap { state.known[$0] }
      let failed = replies.count { if case .failure = $0.outcome { true } else { false } }
      func sum(_ path: KeyPath<Reply, Int>) -> JSONValue {
        .integer(Int64(replies.reduce(0) { $0 + $1[keyPath: path] }))
      }
      return [
        "replies": .integer(Int64(replies.count)), "failed": .integer(Int64(failed)),
        "prompt_tokens": sum(\.promptTokens), "generated_tokens": sum(\.completionTokens),
        "cost": .number(replies.reduce(0) { $0 + $1.cost }),
      ]
    }
  }

  /// What it took to get them, which depends on faults and restarts: for the run so far.
  var clock: JSONObject {
    state.withLock { state in
      [
        "requests": .integer(Int64(state.ledger.requests)),
        "retries": .integer(Int64(state.ledger.retries)),
        "cache_hits": .integer(Int64(state.needed.subtracting(state.asked).count)),
        "tokens": .integer(Int64(state.ledger.tokens)), "cost": .number(state.ledger.cost),
      ]
    }
  }

  private func key(of request: ReplyRequest) -> String {
    let identity = sources[request.role]?.identity ?? [:]
    return SHA256.hex(
      of: JSONValue.array([.object(identity), request.json]).serializedBytes)
  }
}

// For sources.
extension ReplyDesk {
  var ledger: ReplyLedger { state.withLock { $0.ledger } }

  var quality: ReplyQuality { state.withLock { $0.quality } }

  /// Whether there has been a reply with a text.
  var hasReplies: Bool {
    state.withLock {
      $0.known.values.contains { if case .text = $0.outcome { true } else { false } }
    }
  }

  /// Puts on record what happens to a request before its reply is there.
  func note(_ event: ReplyLedger.Event) throws {
    try state.withLock { state in
      try state.log?.append(event.record)
      state.ledger.apply(event)
    }
  }

  /// Keeps a reply for good.
  func record(_ reply: Reply, to open: Open) throws {
    try state.withLock { state in
      var record = reply.record(key: open.key)
      for (key, value) in open.request.json.object ?? [:] { record[key] = value }
      try state.log?.append(record)
      try state.log?.sync()
      state.ledger.apply(.settled(open.key, reply))
      state.quality.note(reply, to: open.request, open.key)
      state.known[open.key] = reply
    }
  }
}

/// How many of the replies that were looked at can be used.
struct ReplyQuality: Sendable {
  private var seen: Set<String> = []
  private var faults: [String: Int] = [:]

  /// Replies that are seen before their quality is judged.
  private static let sampleSize = 50

  /// Counts a reply, once.
  mutating func note(_ reply: Reply, to request: ReplyRequest, _ key: String) {
    guard seen.insert(key).inserted, let fault = request.fault(reply) else { return }
    faults[fault, default: 0] += 1
  }

  /// What to say when more than this share is useless; nil while all is well.
  func complaint(above share: Double) -> String? {
    let count = faults.values.reduce(0, +)
    guard seen.count >= Self.sampleSize, Double(count) > share * Double(seen.count) else {
      return nil
    }
    let commonest = faults.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(3)
      .map { "\($0.value) times \"\($0.key)\"" }.joined(separator: ", ")
    return "\(count) of \(seen.count) replies cannot be used: \(commonest)"
  }
}

extension Reply {
  fileprivate func record(key: String) -> JSONObject {
    var record: JSONObject = ["event": "reply", "key": .string(key)]
    switch outcome {
    case .text(let text): record["text"] = .string(text)
    case .failure(let reason): record["failure"] = .string(reason)
    }
    record["prompt_tokens"] = .integer(Int64(promptTokens))
    record["completion_tokens"] = .integer(Int64(completionTokens))
    record["cost"] = .number(cost)
    record["model"] = model.map { .string($0) }
    record["finish"] = finish.map { .string($0) }
    return record
  }

  /// Reads a record of `replies.jsonl`; nil when it is no reply's.
  fileprivate static func read(_ record: JSONObject) -> (key: String, reply: Reply)? {
    guard record["event"]?.string == "reply", let key = record["key"]?.string else { return nil }
    var reply: Reply
    if let text = record["text"]?.string {
      reply = Reply(.text(text))
    } else if let reason = record["failure"]?.string {
      reply = Reply(.failure(reason))
    } else {
      return nil
    }
    guard let prompt = record["prompt_tokens"]?.int, let cost = record["cost"]?.double,
      let completion = record["completion_tokens"]?.int,
      ReplyLedger.tokenRange.contains(prompt), ReplyLedger.tokenRange.contains(completion)
    else { return nil }
    reply.promptTokens = prompt
    reply.completionTokens = completion
    reply.cost = cost
    reply.model = record["model"]?.string
    reply.finish = record["finish"]?.string
    return (key, reply)
  }
}
