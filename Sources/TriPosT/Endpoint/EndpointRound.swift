import Boundary

/// The work on one set of requests: several under way at a time, faults tried again, ceilings kept.
///
/// One thread decides everything; others only carry bytes. A reply is on disk before the next one is looked at.
struct EndpointRound {
  private struct Job {
    let open: ReplyDesk.Open
    let worst: WorstCase
    var attempts = 0
    /// Of them, those that were answered with something useless.
    var doubts = 0
    /// When it may be sent.
    var due = 0.0
  }

  private struct UnderWay {
    let attempt: Int
    let deadline: Double
    let cancel: @Sendable () -> Void
  }

  private static let mostAttempts = 8
  private static let mostDoubts = 3
  private static let longestWait = 60.0
  /// How long a round that ends waits for what is under way.
  private static let lastSeconds = 5.0
  /// Failures in a row, and seconds without a success besides the timeout, after which an endpoint counts as unusable.
  private static let mostFailures = 20
  private static let longestSilence = 900.0
  /// Retries in all, and further ones for each request.
  private static let freeRetries = 20
  private static let retryShare = 0.2

  private let source: EndpointSource
  private let desk: ReplyDesk
  private var jobs: [Job]
  /// Jobs that are not under way, in the order in which they are sent when they are due.
  private var waiting: [Int]
  private var underWay: [Int: UnderWay] = [:]
  private let mailbox = Mailbox()
  private let watch = Watch()
  /// The first thing that ends the round; what is under way is still waited for.
  private var stop: (any Error)?
  private var isEnding = false
  private var failures = 0
  private var lastSuccess = 0.0
  private var retries = 0
  private var sent = 0

  init(source: EndpointSource, desk: ReplyDesk, requests: [ReplyDesk.Open]) {
    self.source = source
    self.desk = desk
    jobs = requests.map { Job(open: $0, worst: source.worstCase($0.request)) }
    waiting = Array(jobs.indices)
  }

  mutating func run(_ each: () throws -> Void) throws {
    defer { for way in underWay.values { way.cancel() } }
    while !waiting.isEmpty && stop == nil || !underWay.isEmpty {
      do {
        if stop == nil { try each() }
      } catch {
        stop = error
      }
      if stop == nil { try sendDue() } else { hurry() }
      for mail in mailbox.wait(0.05) where underWay[mail.job]?.attempt == mail.attempt {
        try receive(mail.result, mail.job)
      }
      for (job, way) in underWay.sorted(by: { $0.key < $1.key }) where watch.seconds > way.deadline
      {
        way.cancel()
        try receive(.failure(TransportFailure(.timeout, "no whole reply in time")), job)
      }
    }
    if let stop { throw stop }
    try each()
  }

  /// Sends what is due as long as there is room, below every ceiling.
  private mutating func sendDue() throws {
    while underWay.count < source.settings.concurrency,
      let place = waiting.firstIndex(where: { jobs[$0].due <= watch.seconds })
    {
      let job = waiting[place]
      let worst = jobs[job].worst
      let charge = ReplyLedger.Charge(
        tokens: worst.prompt + worst.completion,
        cost: source.settings.cost(worst.prompt, worst.completion))
      if let ceiling = desk.ledger.ceiling(passedBy: charge, source.settings) {
        // Those under way may turn out cheaper than their worst.
        if underWay.isEmpty {
          stop = InputError(
            .ceiling, file: source.address.base, found: "a ceiling is reached: \(ceiling)",
            hints: ["all replies are kept; a higher ceiling and --resume go on"])
        }
        return
      }
      waiting.remove(at: place)
      try desk.note(.sent(jobs[job].open.key, charge))
      jobs[job].attempts += 1
      sent += 1
      let request = EndpointRequest(
        url: source.url, headers: source.headers, body: source.body(jobs[job].open.request))
      let cancel = source.send(request, job, jobs[job].attempts, mailbox)
      underWay[job] = UnderWay(
        attempt: jobs[job].attempts, deadline: watch.seconds + source.settings.timeout,
        cancel: cancel)
    }
  }

  /// What is on its way is paid for, and gets some seconds more to arrive.
  private mutating func hurry() {
    guard !isEnding else { return }
    isEnding = true
    for (job, way) in underWay {
      underWay[job] = UnderWay(
        attempt: way.attempt, deadline: min(way.deadline, watch.seconds + Self.lastSeconds),
        cancel: way.cancel)
    }
  }

  private mutating func receive(
    _ result: Result<EndpointResponse, TransportFailure>, _ job: Int
  ) throws {
    underWay[job] = nil
    let (open, worst) = (jobs[job].open, jobs[job].worst)
    switch source.reader.outcome(of: result, worst: worst, hasSucceeded: desk.hasReplies) {
    case .reply(let reply): try settle(reply, open)
    case .failed(let reason, let isCharged):
      try settle(failure(reason, isCharged ? worst : nil), open)
    case .doubtful(let reason):
      jobs[job].doubts += 1
      if jobs[job].doubts == Self.mostDoubts {
        try settle(failure(reason, worst), open)
      } else {
        try retry(job, reason, after: nil, isCharged: true)
      }
    case .retry(let reason, let after, let isCharged):
      try retry(job, reason, after: after, isCharged: isCharged)
    case .stop(let error):
      // A reply that is not wanted is charged like any other.
      let isServed = (try? result.get())?.status == 200
      try desk.note(
        isServed ? .lost(open.key, reason: error.found) : .refused(open.key, reason: error.found))
      stop = stop ?? error
    }
  }

  private func failure(_ reason: String, _ charge: WorstCase?) -> Reply {
    var reply = Reply(.failure(reason))
    reply.promptTokens = charge?.prompt ?? 0
    reply.completionTokens = charge?.completion ?? 0
    reply.cost = source.settings.cost(reply.promptTokens, reply.completionTokens)
    return reply
  }

  private mutating func settle(_ reply: Reply, _ open: ReplyDesk.Open) throws {
    try desk.record(reply, to: open)
    failures = 0
    lastSuccess = watch.seconds
    guard let complaint = desk.quality.complaint(above: source.settings.maxInvalidRatio) else {
      return
    }
    stop =
      stop
      ?? source.reader.unusable(
        .invalidReplies, complaint,
        ["endpoint.max_invalid_ratio says how many may be so", "the replies are in replies.jsonl"])
  }

  private mutating func retry(
    _ job: Int, _ reason: String, after asked: Double?, isCharged: Bool
  ) throws {
    let key = jobs[job].open.key
    try desk.note(isCharged ? .lost(key, reason: reason) : .refused(key, reason: reason))
    failures += 1
    func giveUp(_ why: String) {
      stop = stop ?? source.reader.unusable(.endpointBusy, "\(reason); \(why)")
    }
    if jobs[job].attempts >= Self.mostAttempts {
      return giveUp("\(jobs[job].attempts) attempts at one request have failed")
    }
    if failures >= Self.mostFailures { return giveUp("\(failures) failures in a row") }
    let silence = Self.longestSilence * source.second + source.settings.timeout
    if watch.seconds - lastSuccess > silence { return giveUp("no success in \(Int(silence)) s") }
    retries += 1
    if Double(retries) > Double(Self.freeRetries) + Self.retryShare * Double(sent) {
      return giveUp("\(retries) of \(sent) requests were retries")
    }
    var random = RandomStream(seed: source.seed, "retry " + key, jobs[job].attempts)
    let most = min(Self.longestWait, Double(1 << (jobs[job].attempts - 1)))
    let wait = max(most / 2 + most / 2 * random.uniform(), asked ?? 0)
    jobs[job].due = watch.seconds + wait * source.second
    waiting.append(job)
  }
}
