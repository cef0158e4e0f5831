import Boundary
import EndpointHTTP
import Synchronization
import TestSupport
import Testing

@testable import TriPosT

/// The whole loop with an endpoint for critic and improver, over real HTTP.
@Suite("The loop with an endpoint", .serialized)
struct EndpointLoopTests {
  static let key = "false-key-0123456789abcdef"

  static func configuration(_ server: HelpfulServer) -> RunConfiguration {
    var configuration = LoopTests.configuration
    configuration.feedback.kind = .endpoint
    configuration.improvement.kind = .endpoint
    configuration.endpoint.url = server.server.address
    configuration.endpoint.model = "helpful"
    configuration.endpoint.timeout = 5
    return configuration
  }

  static func source(
    _ configuration: RunConfiguration, transport: any EndpointTransport = HTTPTransport()
  ) throws -> EndpointSource {
    var source = EndpointSource(
      settings: configuration.endpoint,
      address: try EndpointAddress.parse(configuration.endpoint.url).get(),
      key: try APIKey(variable: "KEY") { _ in key }, transport: transport, seed: 42)
    source.second = 0.002
    return source
  }

  struct Stop: Error {}

  /// The course of these tests with critic and improver behind an endpoint.
  static func course(_ configuration: RunConfiguration) throws -> Course {
    let scripted = try Course(LoopTests.configuration)
    let source = try source(configuration)
    let desk = ReplyDesk([.feedback: source, .improvement: source])
    let files = try PromptFiles(task: configuration.task)
    func asking(_ settings: RunConfiguration.JudgeSettings) -> Asking {
      Asking(
        files: files, temperature: settings.temperature, maxTokens: settings.maxTokens, seed: 42)
    }
    return Course(
      name: scripted.name, tasks: scripted.tasks, cells: scripted.ownCells,
      training: scripted.training, validation: scripted.validation,
      test: scripted.test,
      critic: PromptedCritic(
        name: source.name, asking: asking(configuration.feedback), desk: desk),
      improver: PromptedImprover(
        name: source.name, asking: asking(configuration.improvement), desk: desk),
      demonstrator: scripted.demonstrator, desk: desk, notes: [])
  }

  /// Runs, or goes on with a run, in a folder; `events` is the number of them after which it is stopped.
  @discardableResult
  static func run(
    _ configuration: RunConfiguration, in path: String, stopAfter events: Int = .max
  ) throws -> ScriptedStudent {
    let course = try course(configuration)
    let student = ScriptedStudent(try Course(LoopTests.configuration))
    let folder = try RunFolder.resume(
      path, configuration: configuration, origin: LoopTests.origin)
    try course.desk?.open(folder.url("replies.jsonl"))
    var seen = 0
    let loop = Loop(
      configuration, course: course, student: student, folder: folder, modelDigest: "0",
      report: { _ in
        seen += 1
        if seen >= events { throw Stop() }
      })
    _ = try loop.run()
    return student
  }

  /// Every file without what depends on faults and time: the order of the replies, and clocks.
  static func contents(of path: String) throws -> [String: String] {
    var result: [String: String] = [:]
    for (name, bytes) in try LoopTests.contents(of: path) where name != "config.yaml" {
      var text = String(decoding: bytes, as: UTF8.self)
      if name == "replies.jsonl" {
        text = text.split(separator: "\n").filter { $0.contains(#""event":"reply""#) }.sorted()
          .joined(separator: "\n")
      }
      if name == "metrics.jsonl" {
        text = text.replacing(/"clock":\{[^}]*\},"sum":"[^"]*"/, with: "")
      }
      if name == "run.json" { text = text.replacing(/"config_sha256":"[^"]*"/, with: "") }
      result[name] = text
    }
    return result
  }

  private static func requests(in path: String) throws -> (sent: Int, replies: Int) {
    let records = try JSONLines.read(path + "/replies.jsonl")
    return (
      records.count { $0["event"]?.string == "sent" },
      records.count { $0["event"]?.string == "reply" }
    )
  }

  /// A run without faults, to compare with; made once.
  static let reference = Result { () throws -> [String: String] in
    let helper = HelpfulServer(try Course(LoopTests.configuration))
    var result: [String: String] = [:]
    try withTemporaryFolder { path in
      try run(configuration(helper), in: path)
      result = try contents(of: path)
    }
    return result
  }

  @Test("critic and improver behind an endpoint mend attempts as the scripts do")
  func helps() throws {
    let reference = try Self.reference.get()
    try withTemporaryFolder { path in
      _ = try LoopTests.run(in: path)
      func outcomes(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap {
          (try? JSONValue(parsing: String($0)))?["outcome"]?.string
        }
      }
      let name = "iteration-1/trajectories.jsonl"
      let scripted = outcomes(try Files.readText(path + "/" + name))
      let asked = outcomes(try #require(reference[name]))
      #expect(asked.count == scripted.count)
      #expect(asked.contains("improved"))
      #expect(zip(asked, scripted).count { $0 == $1 } * 10 >= 9 * scripted.count)
      #expect(reference["iteration-1/trajectories.jsonl"]?.contains("critic-failed") == false)
    }
  }

  @Test("a critic behind an endpoint judges the examples of prompts")
  func shots() throws {
    let helper = HelpfulServer(try Course(LoopTests.configuration))
    let configuration = Self.configuration(helper)
    let course = try Self.course(configuration)
    func prompt(_ mode: EvaluationMode) throws -> String {
      let session = try mode.session(of: course, configuration)
      var one = session(course.test[0])
      _ = one.nextPrompt()
      one.receive("(Final response) So the answer is 1.", endedByEOS: true)
      return try #require(one.nextPrompt()).text
    }
    _ = try EvaluationMode.fewShot.session(of: course, configuration)
    #expect(helper.server.posts == 0, "nobody is asked about right solutions")
    let text = try prompt(.prompted)
    #expect(helper.server.posts >= configuration.evaluation.shots)
    #expect(text.contains("Error reason: "))
    let before = helper.server.posts
    #expect(try prompt(.prompted) == text)
    #expect(helper.server.posts == before)
  }

  @Test("20 % faults of every kind change nothing but the number of requests", arguments: [1, 8])
  func faults(concurrency: Int) throws {
    let reference = try Self.reference.get()
    let kinds = Mutex<Set<Int>>([])
    let helper = HelpfulServer(
      try Course(LoopTests.configuration),
      fault: { body, number in
        var random = RandomStream(seed: 7, "fault " + body, number)
        guard number < 4, random.uniform() < 0.2 else { return nil }
        let kind = random.below(9)
        kinds.withLock { _ = $0.insert(kind) }
        return { good in
          switch kind {
          case 0: .late(seconds: 0.6, body: good)
          case 1: .reply(body: String(good.dropLast(20)))
          case 2: .reply(status: 429, headers: ["Retry-After": "3"], body: "{}")
          case 3: .reply(status: 500, body: "oops")
          case 4: .cut(body: String(good.prefix(30)))
          case 5: .hangUp
          case 6: .reply(status: 503, headers: ["Retry-After": "soon"], body: "")
          case 7: .reply(body: good + "}")
          default: number < 2 ? .reply(body: "<html>busy</html>") : .reply(status: 502, body: "")
          }
        }
      })
    try withTemporaryFolder { path in
      var configuration = Self.configuration(helper)
      configuration.endpoint.concurrency = concurrency
      configuration.endpoint.timeout = 0.4
      try Self.run(configuration, in: path)
      #expect(try Self.contents(of: path) == reference)
      let (sent, replies) = try Self.requests(in: path)
      #expect(sent == helper.server.posts)
      #expect(sent > replies)
      #expect(kinds.withLock { $0.count } > 5)
      for (name, bytes) in try LoopTests.contents(of: path) {
        #expect(!String(decoding: bytes, as: UTF8.self).contains(Self.key), "\(name)")
      }
    }
    #expect(helper.server.log.allSatisfy { $0.headers["authorization"] == "Bearer " + Self.key })
  }

  @Test(
    "EP-24: not one request more than the ceiling, over restarts; then it goes on to the same bytes"
  )
  func ceiling() throws {
    let reference = try Self.reference.get()
    let helper = HelpfulServer(
      try Course(LoopTests.configuration),
      fault: { body, number in
        number == 0 && body.utf8.count % 5 == 0 ? { _ in .reply(status: 500, body: "") } : nil
      })
    try withTemporaryFolder { path in
      var configuration = Self.configuration(helper)
      for most in [5, 5, 12] {
        configuration.endpoint.maxRequests = most
        let error = try refusal { try Self.run(configuration, in: path) }
        #expect(error?.rule.code == "EP-24")
        #expect(error?.exit == .budget)
        #expect(helper.server.posts == most)
      }
      configuration.endpoint.maxRequests = 0
      try Self.run(configuration, in: path)
      #expect(try Self.contents(of: path) == reference)
      #expect(try Self.requests(in: path).sent == helper.server.posts)
    }
  }

  @Test("EP-24: ceilings on tokens and money hold at the worst case", arguments: [false, true])
  func spending(money: Bool) throws {
    let helper = HelpfulServer(try Course(LoopTests.configuration))
    try withTemporaryFolder { path in
      var configuration = Self.configuration(helper)
      configuration.endpoint.inputPrice = 2
      configuration.endpoint.outputPrice = 10
      if money {
        configuration.endpoint.maxCost = 0.06
      } else {
        configuration.endpoint.maxTokens = 20_000
      }
      let error = try refusal { try Self.run(configuration, in: path) }
      #expect(error?.rule.code == "EP-24")
      var (tokens, cost) = (0, 0.0)
      for record in try JSONLines.read(path + "/replies.jsonl") {
        tokens += (record["prompt_tokens"]?.int ?? 0) + (record["completion_tokens"]?.int ?? 0)
        if record["event"]?.string == "reply" { cost += record["cost"]?.double ?? 0 }
      }
      #expect(tokens > 0 && cost > 0)
      #expect(money ? cost <= 0.06 : tokens <= 20_000)
    }
  }

  @Test("EP-22: a run that is stopped anywhere asks nothing twice but what was under way")
  func stops() throws {
    let reference = try Self.reference.get()
    for target in [40, 60, 75, 90] {
      let helper = HelpfulServer(try Course(LoopTests.configuration))
      try withTemporaryFolder { path in
        let configuration = Self.configuration(helper)
        do { try Self.run(configuration, in: path, stopAfter: target) } catch is Stop {}
        try Self.run(configuration, in: path)
        #expect(try Self.contents(of: path) == reference)
        let (sent, replies) = try Self.requests(in: path)
        #expect(sent <= replies + configuration.endpoint.concurrency)
        #expect(helper.server.posts == sent)
        let posts = helper.server.posts
        try Self.run(configuration, in: path)
        #expect(helper.server.posts == posts)
      }
    }
  }

  @Test("EP-21: replies that cannot be used stop the run once there are fifty, and stay on record")
  func useless() throws {
    let helper = HelpfulServer(
      try Course(LoopTests.configuration),
      word: { _ in "As a language model, I cannot judge this." })
    try withTemporaryFolder { path in
      var configuration = Self.configuration(helper)
      configuration.rollout.passes = 4
      configuration.endpoint.maxInvalidRatio = 1
      configuration.feedback.temperature = 0.5
      try Self.run(configuration, in: path)
      let edits = try Files.readText(path + "/iteration-1/trajectories.jsonl")
      #expect(edits.contains("the reply has fewer than three lines"))
      #expect(try Files.readText(path + "/replies.jsonl").contains("I cannot judge this"))
      try withTemporaryFolder { other in
        configuration.endpoint.maxInvalidRatio = 0.2
        configuration.data.training = 80
        configuration.endpoint.concurrency = 4
        let error = try refusal { try Self.run(configuration, in: other) }
        // As many as it takes to judge, and those under way then.
        #expect(try Self.requests(in: other).replies < 60)
        #expect(error?.rule.code == "EP-21")
        #expect(error?.exit == .endpoint)
      }
    }
  }

  @Test("EP-23: a torn record is asked for again; a changed one is refused")
  func damagedCache() throws {
    let reference = try Self.reference.get()
    let helper = HelpfulServer(try Course(LoopTests.configuration))
    try withTemporaryFolder { path in
      let configuration = Self.configuration(helper)
      do { try Self.run(configuration, in: path, stopAfter: 60) } catch is Stop {}
      let file = path + "/replies.jsonl"
      let text = try Files.readText(file)
      let changed = text.replacing("Error reason: ", by: "Error reason: not ")
      #expect(changed != text)
      try Files.writeAtomically(changed, to: file)
      let error = try refusal { try Self.run(configuration, in: path) }
      #expect(error?.rule.code == "RUN-12")
      #expect(error?.exit == .malformedFile)
      try Files.writeAtomically(String(text.dropLast(30)), to: file)
      try Self.run(configuration, in: path)
      var (contents, wanted) = (try Self.contents(of: path), reference)
      // Where the stop came after the stage's end, nobody needs the torn reply any more.
      func replies(_ files: inout [String: String]) -> Set<Substring> {
        Set(files.removeValue(forKey: "replies.jsonl")?.split(separator: "\n") ?? [])
      }
      let missing = replies(&wanted).symmetricDifference(replies(&contents))
      #expect(missing.count <= 1)
      #expect(contents == wanted)
    }
  }

  @Test("EP-05: an endpoint that fails without end stops the run, which goes on when it is back")
  func outage() throws {
    let reference = try Self.reference.get()
    let isDown = Mutex(true)
    let helper = HelpfulServer(
      try Course(LoopTests.configuration),
      fault: { _, _ in
        isDown.withLock { $0 } ? { _ in .reply(status: 503, body: "") } : nil
      })
    try withTemporaryFolder { path in
      let configuration = Self.configuration(helper)
      let error = try refusal { try Self.run(configuration, in: path) }
      #expect(error?.rule.code == "EP-05")
      #expect(error?.exit == .endpoint)
      #expect(helper.server.posts <= 40)
      isDown.withLock { $0 = false }
      try Self.run(configuration, in: path)
      #expect(try Self.contents(of: path) == reference)
    }
  }

  @Test("the same bytes over the completions of a base model's API as in a chat")
  func completions() throws {
    let helper = HelpfulServer(try Course(LoopTests.configuration))
    try withTemporaryFolder { path in
      var configuration = Self.configuration(helper)
      configuration.endpoint.api = .completions
      configuration.endpoint.concurrency = 3
      configuration.endpoint.fields = ["temperature", "max_completion_tokens"]
      try Self.run(configuration, in: path)
      let reference = try Self.reference.get()
      let name = "iteration-1/trajectories.jsonl"
      #expect(try Files.readText(path + "/" + name) == reference[name])
      let body = try JSONValue(parsing: String(decoding: helper.server.log[0].body, as: UTF8.self))
      #expect(
        body.object?.keys == ["model", "prompt", "temperature", "max_completion_tokens"])
      #expect(body["prompt"]?.string?.contains("[END]") == true)
      #expect(helper.server.mostBusy <= 3)
    }
  }
}
