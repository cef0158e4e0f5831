import Boundary
import Llama
import LoRA
import TestSupport
import Testing

@testable import TriPosT

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite("The loop")
struct LoopTests {
  /// Two iterations over a few questions.
  static let configuration: RunConfiguration = {
    var configuration = RunConfiguration()
    configuration.iterations = 2
    configuration.data.seen = ["l3d2"]
    configuration.data.unseen = ["l4d2"]
    configuration.data.training = 24
    configuration.data.validation = 2
    configuration.data.testPerShape = 6
    configuration.mix.maxDataLength = 20
    configuration.mix.minDataLength = 4
    configuration.train.maxLength = 2000
    return configuration
  }()

  /// As few questions as still give every kind of text, for tests that run it hundreds of times.
  static let tiny: RunConfiguration = {
    var tiny = configuration
    tiny.data.training = 8
    tiny.data.testPerShape = 2
    tiny.mix.maxDataLength = 6
    tiny.mix.minDataLength = 2
    tiny.train.batch = 2
    return tiny
  }()

  static let origin = RunManifest.Origin(
    version: "test", instructionSet: "none", modelDigest: "0", modelBytes: 0,
    configurationDigest: configuration.digest)

  /// Runs in a folder, new or begun, with a student that knows nothing of earlier processes.
  @discardableResult
  static func run(
    _ configuration: RunConfiguration = configuration, in path: String, parallel: Int = 4,
    by student: ScriptedStudent? = nil, report: @escaping (RunEvent) throws -> Void = { _ in }
  ) throws -> (student: ScriptedStudent, table: ResultTable) {
    let course = try Course(configuration)
    let student = student ?? ScriptedStudent(course)
    student.parallel = parallel
    let folder = try RunFolder.resume(path, configuration: configuration, origin: origin)
    let loop = Loop(
      configuration, course: course, student: student, folder: folder, modelDigest: "0",
      report: report)
    return (student, try loop.run())
  }

  /// The bytes of every file of a run, by name.
  static func contents(of path: String, _ inside: String = "") throws -> [String: [UInt8]] {
    var result: [String: [UInt8]] = [:]
    for name in try Files.list(path) where name != ".lock" {
      let full = path + "/" + name
      if Files.isDirectory(full) {
        result.merge(try contents(of: full, inside + name + "/")) { $1 }
      } else {
        result[inside + name] = try Files.read(full)
      }
    }
    return result
  }

  @Test("a run leaves the folder that docs/tripost.md describes, and nothing else")
  func layout() throws {
    try withTemporaryFolder { path in
      let (_, table) = try Self.run(in: path)
      let names = try Self.contents(of: path).keys.sorted()
      let evaluation = ["eval.json", "evaluations.jsonl"]
      let iteration =
        ["adapter/adapter.json"] + evaluation
        + ["rollouts.jsonl", "train.jsonl", "trajectories.jsonl", "trajectories.txt"]
      #expect(
        names
          == ["config.yaml"]
          + (["adapter/adapter.json"] + evaluation + ["train.jsonl"])
          .map { "iteration-0/" + $0 } + iteration.map { "iteration-1/" + $0 }
          + iteration.map { "iteration-2/" + $0 } + ["metrics.jsonl", "run.json"])
      #expect(table.rows.map(\.label) == ["ft rationale", "TriPosT t = 1", "TriPosT t = 2"])
      #expect(table.rows.allSatisfy { $0.scores.all.count == 12 })
    }
  }

  @Test("the student learns from its own mistakes, and improves itself in the test")
  func learns() throws {
    try withTemporaryFolder { path in
      let (student, table) = try Self.run(in: path)
      #expect(student.adapter.canJudge)
      #expect(table.rows[0].scores.all.updated == 0)
      #expect(table.rows[1].scores.all.updated > 0)
      let texts = try JSONLines.read(path + "/iteration-1/train.jsonl")
      let weighted = texts.filter {
        $0["segments"]?.array?.contains { $0["weight"]?.double == 1.5 } == true
      }
      #expect(!weighted.isEmpty && weighted.count < texts.count)
    }
  }

  @Test("the result does not depend on how many answers come at a time", arguments: [1, 3, 100])
  func parallel(width: Int) throws {
    try withTemporaryFolder { one in
      try withTemporaryFolder { other in
        try Self.run(in: one)
        try Self.run(in: other, parallel: width)
        #expect(try Self.contents(of: one) == Self.contents(of: other))
      }
    }
  }

  @Test("another seed gives another run")
  func seeds() throws {
    try withTemporaryFolder { one in
      try withTemporaryFolder { other in
        try Self.run(in: one)
        var configuration = Self.configuration
        configuration.seed = 43
        try Self.run(configuration, in: other)
        let name = "iteration-1/rollouts.jsonl"
        #expect(try Files.read(one + "/" + name) != Files.read(other + "/" + name))
      }
    }
  }

  /// A full disk, which ends the run, and a device error, which is tried again first.
  @Test(
    "RUN-01: a run that fails at any file operation goes on to the same bytes",
    arguments: [ENOSPC, EIO])
  func failsAnywhere(fault: Int32) throws {
    try withTemporaryFolder { whole in
      let counter = FileFaults()
      try FileFaults.$current.withValue(counter) { _ = try Self.run(Self.tiny, in: whole) }
      let expected = try Self.contents(of: whole)
      let total = counter.operations
      #expect(total > 100)
      for target in stride(from: 1, through: total, by: fault == ENOSPC ? 5 : 17) {
        try withTemporaryFolder { path in
          let faults = FileFaults(.error(fault), at: target)
          var failed = false
          do {
            try FileFaults.$current.withValue(faults) { _ = try Self.run(Self.tiny, in: path) }
          } catch is InputError {
            failed = true
          }
          try Self.run(Self.tiny, in: path)
          let found = try Self.contents(of: path)
          #expect(found == expected, "operation \(target) of \(total), failed: \(failed)")
        }
      }
    }
  }

  @Test(
    "RUN-01: a run that is stopped after any event goes on to the same bytes, asking nothing twice")
  func stopsAnywhere() throws {
    try withTemporaryFolder { whole in
      var events = 0
      let (student, _) = try Self.run(in: whole) { _ in events += 1 }
      let expected = try Self.contents(of: whole)
      let asked = student.asked.count
      for target in stride(from: 1, through: events, by: 7) {
        try withTemporaryFolder { path in
          struct Stop: Error {}
          var seen = 0
          let before = ScriptedStudent(try Course(Self.configuration))
          #expect(throws: Stop.self) {
            try Self.run(in: path, by: before) { _ in
              seen += 1
              if seen == target { throw Stop() }
            }
          }
          let (second, _) = try Self.run(in: path)
          #expect(try Self.contents(of: path) == expected, "event \(target) of \(events)")
          #expect(before.asked.count + second.asked.count == asked)
        }
      }
    }
  }

  @Test("RUN-16: a complete run has nothing to do")
  func complete() throws {
    try withTemporaryFolder { path in
      let (_, first) = try Self.run(in: path)
      let before = try Self.contents(of: path)
      var notes: [String] = []
      let (student, second) = try Self.run(in: path) {
        if case .note(let text) = $0 { notes.append(text) }
      }
      #expect(student.asked.isEmpty)
      #expect(notes == ["the run is complete; nothing to do"])
      #expect(try Self.contents(of: path) == before)
      #expect(first.description == second.description)
    }
  }

  @Test("an iteration with too few texts ends the run, on record")
  func endsEarly() throws {
    try withTemporaryFolder { path in
      var configuration = Self.configuration
      configuration.mix.minDataLength = 10_000
      let (_, table) = try Self.run(configuration, in: path)
      #expect(table.rows.count == 1)
      let manifest = try JSONValue(parsing: try Files.readText(path + "/run.json"))
      #expect(manifest["ended"]?.string?.contains("min_data_length") == true)
    }
  }

  @Test("without epochs a run collects texts, and nothing is learnt")
  func collectsOnly() throws {
    try withTemporaryFolder { path in
      var configuration = Self.tiny
      configuration.rationale.epochs = 0
      configuration.train.stage.epochs = 0
      let (student, table) = try Self.run(configuration, in: path)
      #expect(student.adapter == ScriptedStudent.Adapter())
      #expect(table.rows.count > 1)
      #expect(try Files.readText(path + "/iteration-1/train.jsonl").contains("Feedback:"))
    }
  }

  @Test("texts that are all too long are refused before anything is learnt")
  func tooLong() throws {
    try withTemporaryFolder { path in
      var configuration = Self.tiny
      configuration.train.maxLength = 8
      let error = try #require(throws: InputError.self) { try Self.run(configuration, in: path) }
      #expect(error.rule.code == "CFG-06" && "\(error)".contains("train.max_length"))
    }
  }

  @Test("the control trains on rationales for as many tokens, and is tested both ways")
  func control() throws {
    try withTemporaryFolder { path in
      try Self.run(in: path)
      try withTemporaryFolder { other in
        var configuration = Self.configuration
        configuration.method = .rationale
        configuration.controlTokensFrom = path
        let (_, table) = try Self.run(configuration, in: other)
        #expect(
          table.rows.map(\.label) == [
            "ft rationale", "rationales again t = 1", "rationales again t = 1, loop",
            "rationales again t = 2", "rationales again t = 2, loop",
          ])
        let texts = try Files.readText(other + "/iteration-1/train.jsonl")
        #expect(!texts.contains("Feedback:"))
      }
    }
  }
}
