import Boundary
import TestSupport
import Testing

@testable import TriPosT

@Suite("Methods")
struct MethodTests {
  /// A few questions of a task, for one method.
  static func configuration(_ method: Method, _ task: String = Course.names[0]) -> RunConfiguration
  {
    var configuration = RunConfiguration(profile: .shipped, task: task, method: method)
    configuration.iterations = 2
    configuration.data.seen = [configuration.data.seen[0]]
    configuration.data.unseen = [configuration.data.unseen[0]]
    configuration.data.training = 16
    configuration.data.validation = 2
    configuration.data.testPerShape = 4
    configuration.mix.maxDataLength = 12
    configuration.mix.minDataLength = 1
    configuration.rollout.passes = 2
    configuration.train.maxLength = 2000
    return configuration
  }

  /// Methods that need no other run.
  static let single = Method.allCases.filter { $0 != .rationale }

  @Test(
    "a run of every method ends, and goes on after any stop to the same bytes", arguments: single)
  func resumes(method: Method) throws {
    let configuration = Self.configuration(method)
    try withTemporaryFolder { whole in
      var events = 0
      let (student, table) = try LoopTests.run(configuration, in: whole) { _ in events += 1 }
      let expected = try LoopTests.contents(of: whole)
      #expect(table.rows.allSatisfy { $0.scores.all.count == 8 })
      #expect(Set(table.rows.map(\.label)).count == table.rows.count)
      #expect(try RunFolder.storedConfiguration(whole) == configuration)
      let asked = student.asked.count
      for target in stride(from: 3, through: events, by: 11) {
        try withTemporaryFolder { path in
          struct Stop: Error {}
          var seen = 0
          let before = ScriptedStudent(try Course(configuration))
          #expect(throws: Stop.self) {
            try LoopTests.run(configuration, in: path, by: before) { _ in
              seen += 1
              if seen == target { throw Stop() }
            }
          }
          let (second, _) = try LoopTests.run(configuration, in: path)
          #expect(try LoopTests.contents(of: path) == expected, "event \(target) of \(events)")
          #expect(before.asked.count + second.asked.count == asked)
        }
      }
    }
  }

  @Test("a method on another task", arguments: single, Course.names.dropFirst())
  func tasks(method: Method, task: String) throws {
    try withTemporaryFolder { path in
      let (_, table) = try LoopTests.run(Self.configuration(method, task), in: path)
      #expect(!table.rows.isEmpty)
    }
  }

  /// The texts that an iteration trained on.
  private func texts(_ path: String, _ iteration: Int) throws -> [String] {
    try JSONLines.read("\(path)/iteration-\(iteration)/train.jsonl").map { row in
      (row["segments"]?.array ?? []).compactMap { $0["text"]?.string }.joined()
    }
  }

  @Test("LMSI learns right attempts of its own, each with its steps and without")
  func lmsi() throws {
    try withTemporaryFolder { path in
      let configuration = Self.configuration(.lmsi)
      #expect(configuration.samples.temperature == 1.2)
      let (_, table) = try LoopTests.run(configuration, in: path)
      #expect(table.rows.map(\.label) == ["ft rationale", "LMSI"])
      let samples = try JSONLines.read(path + "/iteration-1/samples.jsonl")
      #expect(samples.count == 16 * 5)
      let right = samples.filter { $0["correct"]?.bool == true }
      #expect(right.count > 10 && right.count < samples.count)
      let texts = try texts(path, 1)
      let long = texts.filter { $0.has("\n(1) ") }
      let short = texts.filter { !$0.has("\n(1) ") }
      #expect(Set(texts).count == texts.count)
      #expect(long.count == Set(right.compactMap { $0["id"]?.string }).count)
      #expect(short.allSatisfy { $0.has("Answer: So the answer is ") && $0.endsWith(".") })
      #expect(!short.isEmpty && !texts.contains { $0.has("Feedback:") })
    }
  }

  @Test("STaR asks again with the answer where it failed, and learns from the question without it")
  func star() throws {
    try withTemporaryFolder { path in
      var configuration = Self.configuration(.star)
      #expect(configuration.samples.count == 1 && configuration.samples.temperature == 0)
      configuration.iterations = 1
      let course = try Course(configuration)
      let student = ScriptedStudent(course)
      student.takesHints = true
      try LoopTests.run(configuration, in: path, by: student)
      let samples = try JSONLines.read(path + "/iteration-1/samples.jsonl")
      let first = samples.filter { $0["rationalized"]?.bool == false }
      let failed = first.filter { $0["correct"]?.bool == false }.compactMap { $0["id"]?.string }
      let again = samples.filter { $0["rationalized"]?.bool == true }
      #expect(!failed.isEmpty && first.count == 16)
      #expect(again.compactMap { $0["id"]?.string } == failed)
      #expect(again.allSatisfy { $0["correct"]?.bool == true })
      let texts = try texts(path, 1)
      #expect(texts.count == 16 && !texts.contains { $0.has("Hint:") })
    }
  }

  @Test("STaR and ReST train M_0 anew in each round; TriPosT goes on")
  func starts() throws {
    for (method, start) in [(Method.star, 0), (.rest, 0), (.tripost, 1)] {
      try withTemporaryFolder { path in
        try LoopTests.run(Self.configuration(method), in: path)
        let text = try Files.readText(path + "/run.json")
        let manifest = try RunManifest(parsing: text, file: "")
        let record = try #require(
          manifest.records.first { $0.stage == .train && $0.iteration == 2 })
        #expect(record.inputs.keys.contains("iteration-\(start)/adapter/adapter.json"))
        #expect(record.inputs.count == 2)
      }
    }
  }

  @Test("without interaction the student writes no attempt that is learnt from")
  func demonstrations() throws {
    for method in [Method.ftSIDemo, .triPosTNoInteraction] {
      try withTemporaryFolder { path in
        let (student, table) = try LoopTests.run(Self.configuration(method), in: path)
        #expect(student.asked.allSatisfy { $0.hasPrefix("test/") })
        #expect(student.adapter.canJudge)
        #expect(table.rows.count == (method == .ftSIDemo ? 2 : 3))
        let rows = try JSONLines.read(path + "/iteration-1/train.jsonl")
        let weights = Set(
          rows.flatMap { ($0["segments"]?.array ?? []).compactMap { $0["weight"]?.double } })
        #expect(weights == (method == .ftSIDemo ? [1] : [1, 1.5]))
        let facts = try JSONLines.read(path + "/metrics.jsonl").first {
          $0["event"]?.string == "practise"
        }
        #expect(facts?["demonstrator"]?.string == "script")
        #expect(facts?["improved"]?.int ?? 0 > 0)
      }
    }
  }

  @Test("without weights everything weighs 1; without re-balancing all texts are taken")
  func ablations() throws {
    try withTemporaryFolder { path in
      try LoopTests.run(Self.configuration(.triPosTNoWeights), in: path)
      let text = try Files.readText(path + "/iteration-1/train.jsonl")
      #expect(text.has("Updated Answer:") && !text.has("1.5"))
    }
    var others: [Int] = []
    for method in [Method.triPosTNoBalance, .tripost] {
      try withTemporaryFolder { path in
        try LoopTests.run(Self.configuration(method), in: path)
        let mix = try JSONLines.read(path + "/metrics.jsonl").first {
          $0["event"]?.string == "mix" && $0["iteration"]?.int == 1
        }
        others.append(mix?["correct"]?.int ?? 0)
      }
    }
    #expect(others[0] > others[1])
  }

  @Test("CFG-06: a setting that would make it another method is refused")
  func fixed() throws {
    for (method, key, value) in [
      ("tripost_no_weights", "train.self_improve_weight", "1.5"),
      ("tripost_no_balance", "mix.rho", "1.5"), ("ft_si_demo", "train.self_improve_weight", "2"),
      ("answer_only", "opening_from", "runs/x"), ("lmsi", "control_tokens_from", "runs/x"),
    ] {
      do {
        _ = try RunConfiguration(yaml: "method: \(method)\n", overrides: [.init(key, value)])
        Issue.record("\(method) with \(key)")
      } catch let problems as ConfigurationProblems {
        #expect(problems.problems.map(\.rule.code) == ["CFG-06"])
        #expect(problems.problems[0].found.has(method) || problems.problems[0].found.has(key))
      }
    }
    let changed = try RunConfiguration(
      yaml: "method: lmsi\n", overrides: [.init("samples.temperature", "0.7")])
    #expect(changed.samples.temperature == 0.7)
  }

  @Test("answers without steps are learnt and judged as they stand", arguments: Course.names)
  func answerOnly(task: String) throws {
    try withTemporaryFolder { path in
      let configuration = Self.configuration(.answerOnly, task)
      let course = try Course(configuration)
      try LoopTests.run(configuration, in: path)
      #expect(
        try texts(path, 0) == course.training.map { "\($0.block)\nAnswer: \($0.gold)" })
      for question in course.test {
        var session = BareAnswer(question: question, maxNewTokens: 10)
        #expect(session.nextPrompt()?.text == "\(question.block)\nAnswer:")
        session.receive(" \(question.gold)\nQ: more", endedByEOS: false)
        #expect(session.verdicts(by: course.task) == [true] && session.nextPrompt() == nil)
        var wrong = BareAnswer(question: question, maxNewTokens: 10)
        wrong.receive("", endedByEOS: true)
        #expect(wrong.verdicts(by: course.task) == [false] && wrong.answer == nil)
      }
    }
  }

  @Test("an opening is taken over byte by byte, and another one is refused")
  func sharedOpening() throws {
    try withTemporaryFolder { opening in
      try LoopTests.run(Self.configuration(.ftRationale), in: opening)
      try withTemporaryFolder { alone in
        try withTemporaryFolder { shared in
          let (all, _) = try LoopTests.run(Self.configuration(.tripost), in: alone)
          var configuration = Self.configuration(.tripost)
          configuration.openingFrom = opening
          let (student, table) = try LoopTests.run(configuration, in: shared)
          #expect(table.rows.count == 3)
          #expect(student.asked.count < all.asked.count)
          var (a, b) = (try LoopTests.contents(of: alone), try LoopTests.contents(of: shared))
          (a["config.yaml"], b["config.yaml"]) = (nil, nil)
          #expect(a == b)
        }
        var other = Self.configuration(.tripost)
        other.openingFrom = opening
        other.lora.rank = 4
        try withTemporaryFolder { path in
          let error = try refusal { try LoopTests.run(other, in: path) }
          #expect(error?.rule.code == "CFG-13")
          #expect(error?.found.has("lora.rank: 16 there, 4 here") == true)
        }
        other.lora.rank = 16
        // Who judges later has no part in an opening.
        other.feedback.kind = .program
        other.feedback.program = "none"
        try Files.writeAtomically("{}", to: opening + "/iteration-0/eval.json")
        try withTemporaryFolder { path in
          let error = try refusal { try LoopTests.run(other, in: path) }
          #expect(error?.rule.code == "RUN-06")
        }
      }
    }
  }
}
