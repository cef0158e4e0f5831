import Boundary
import TestSupport
import Testing

@testable import TriPosT

@Suite("Run folder")
struct RunFolderTests {
  private let configuration = LoopTests.tiny

  /// A complete run in a folder of its own.
  private func withRun(_ body: (String) throws -> Void) throws {
    try withTemporaryFolder { path in
      try LoopTests.run(configuration, in: path)
      try body(path)
    }
  }

  /// The code that going on with the run is refused with; nil when it is not.
  private func resumption(
    of path: String, _ configuration: RunConfiguration? = nil,
    origin: RunManifest.Origin = LoopTests.origin
  ) throws -> InputError? {
    try refusal {
      _ = try RunFolder.resume(
        path, configuration: configuration ?? self.configuration, origin: origin)
    }
  }

  private func create(_ path: String) throws -> InputError? {
    try refusal {
      _ = try RunFolder.create(path, configuration: configuration, origin: LoopTests.origin)
    }
  }

  private func replace(_ text: String, with other: String, in path: String) throws {
    let before = try Files.readText(path)
    #expect(before.contains(text))
    let parts = before.split(separator: text, maxSplits: 1, omittingEmptySubsequences: false)
    try Files.writeAtomically(parts.joined(separator: other), to: path)
  }

  @Test("RUN-02: a folder in use is refused, naming the process")
  func locked() throws {
    try withRun { path in
      let first = try RunFolder.resume(
        path, configuration: configuration, origin: LoopTests.origin)
      let error = try resumption(of: path)
      #expect(error?.exit == .busy)
      #expect(error?.found.contains("process") == true)
      withExtendedLifetime(first) {}
      #expect(try create(path)?.rule.code == "RUN-17")
    }
  }

  @Test("RUN-05: what earlier kills left under temporary names is removed and listed")
  func leftovers() throws {
    try withRun { path in
      let names = [".tripost-1-0", "iteration-1/.tripost-9-3", "iteration-2/adapter.partial"]
      for name in names { try Files.writeAtomically("torn", to: path + "/" + name) }
      let folder = try RunFolder.resume(
        path, configuration: configuration, origin: LoopTests.origin)
      #expect(folder.leftovers == names)
      #expect(names.allSatisfy { !Files.exists(path + "/" + $0) })
    }
  }

  @Test("RUN-06: an output that is missing, cut or changed is refused by name")
  func damagedOutputs() throws {
    for (name, _) in try outputs() {
      try withRun { path in
        let file = path + "/" + name
        var bytes = try Files.read(file)
        try Files.remove(file)
        #expect(try resumption(of: path)?.rule.code == "RUN-06")
        #expect(try resumption(of: path)?.file == file)
        bytes[bytes.count / 2] ^= 1
        try Files.writeAtomically(bytes, to: file)
        #expect(try resumption(of: path)?.rule.code == "RUN-06")
        bytes[bytes.count / 2] ^= 1
        try Files.writeAtomically(bytes, to: file)
        #expect(try resumption(of: path) == nil)
        try Files.writeAtomically(Array(bytes.dropLast()), to: file)
        #expect(try resumption(of: path)?.rule.code == "RUN-06")
      }
    }
  }

  /// The outputs of a run with their digests.
  private func outputs() throws -> [(String, String)] {
    var result: [(String, String)] = []
    try withRun { path in
      let text = try Files.readText(path + "/run.json")
      let manifest = try RunManifest(parsing: text, file: "run.json")
      for record in manifest.records where record.iteration < 2 {
        result += record.outputs.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
      }
    }
    return result
  }

  @Test("RUN-07: a run.json that is cut anywhere, or lacks a field, is refused")
  func damagedManifest() throws {
    try withRun { path in
      let file = path + "/run.json"
      let bytes = try Files.read(file)
      for length in stride(from: 0, to: bytes.count - 1, by: max(1, bytes.count / 40)) {
        try Files.writeAtomically(Array(bytes.prefix(length)), to: file)
        #expect(try resumption(of: path)?.rule.code == "RUN-07", "\(length) bytes")
      }
      let fields = ["version", "model", "seeds", "stages", "task", "method", "outputs", "facts"]
      for field in fields {
        try Files.writeAtomically(bytes, to: file)
        try replace("\"\(field)\"", with: "\"\(field)x\"", in: file)
        #expect(try resumption(of: path)?.rule.code == "RUN-07", "\(field)")
      }
    }
  }

  @Test("CFG-13: other settings are refused with a list of them, but for those that may change")
  func otherSettings() throws {
    try withRun { path in
      var other = configuration
      other.threads = 7
      other.parallel = 3
      other.output = "elsewhere"
      other.model = "moved.gguf"
      #expect(try resumption(of: path, other) == nil)
      other.seed = 99
      other.mix.rho = 2
      let error = try resumption(of: path, other)
      #expect(error?.rule.code == "CFG-13")
      #expect(error?.exit == .mismatch)
      #expect(error?.found.contains("seed: 42 in the folder, 99 now") == true)
      #expect(error?.found.contains("mix.rho") == true)
    }
  }

  @Test("CFG-14: a folder of another format version is refused")
  func otherFormat() throws {
    try withRun { path in
      try replace("\"format\":1", with: "\"format\":2", in: path + "/run.json")
      #expect(try resumption(of: path)?.rule.code == "CFG-14")
    }
  }

  @Test("RUN-09: another model or program version is refused; another instruction set is not")
  func otherOrigin() throws {
    func origin(version: String = "test", set: String = "none", digest: String = "0")
      -> RunManifest.Origin
    {
      .init(
        version: version, instructionSet: set, modelDigest: digest, modelBytes: 0,
        configurationDigest: "")
    }
    try withRun { path in
      #expect(try resumption(of: path, origin: origin(set: "other")) == nil)
      for other in [origin(version: "next"), origin(digest: "1")] {
        let error = try resumption(of: path, origin: other)
        #expect(error?.rule.code == "RUN-09")
        #expect(error?.exit == .mismatch)
      }
    }
  }

  @Test("DS-14: a run is not resumed with other prompts or judges")
  func otherJudges() throws {
    func origin(_ digests: [String: String]) -> RunManifest.Origin {
      .init(
        version: "test", instructionSet: "none", modelDigest: "0", modelBytes: 0,
        configurationDigest: "", judgeDigests: digests)
    }
    try withTemporaryFolder { path in
      let configuration = LoopTests.configuration
      _ = try RunFolder.create(
        path, configuration: configuration, origin: origin(["prompts": "1", "feedback.model": "2"]))
      for (digests, code) in [
        (["prompts": "1", "feedback.model": "2"], nil),
        (["prompts": "9", "feedback.model": "2"], "DS-14"), (["prompts": "1"], "DS-14"),
      ] {
        let error = try refusal {
          _ = try RunFolder.resume(path, configuration: configuration, origin: origin(digests))
        }
        #expect(error?.rule.code == code, "\(digests)")
      }
    }
  }

  @Test("RUN-11: a torn last line is cut off, wherever it is torn")
  func tornLine() throws {
    try withRun { path in
      let file = path + "/metrics.jsonl"
      let bytes = try Files.read(file)
      let lastLine = bytes.dropLast().lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
      for end in lastLine..<bytes.count {
        try Files.writeAtomically(Array(bytes[..<end]), to: file)
        #expect(try resumption(of: path) == nil)
        #expect(try Files.size(file) == lastLine)
      }
    }
  }

  @Test("RUN-12: a damaged line before the last is refused with its number")
  func damagedLine() throws {
    try withRun { path in
      let file = path + "/metrics.jsonl"
      let bytes = try Files.read(file)
      let middle = try #require(bytes.firstIndex(of: 0x0A)) + 30
      for place in middle..<middle + 40 where bytes[place] != 0x0A {
        var damaged = bytes
        damaged[place] ^= 1
        try Files.writeAtomically(damaged, to: file)
        let error = try resumption(of: path)
        #expect(error?.exit == .malformedFile)
        #expect(error?.place.line == 2)
      }
    }
  }

  @Test("RUN-13: an event that comes out with other numbers is not deterministic")
  func otherNumbers() throws {
    try withTemporaryFolder { path in
      let log = try MetricsLog(path + "/metrics.jsonl")
      try log.record("step", iteration: 1, step: 3, numbers: ["loss": 0.5], clock: ["seconds": 1])
      let again = try MetricsLog(path + "/metrics.jsonl")
      try again.record("step", iteration: 1, step: 3, numbers: ["loss": 0.5], clock: ["seconds": 9])
      #expect(again.records("step", iteration: 1).count == 1)
      let error = try refusal {
        try again.record("step", iteration: 1, step: 3, numbers: ["loss": 0.25], clock: [:])
      }
      #expect(error?.rule.code == "RUN-13")
    }
  }

  @Test("RUN-17: a folder that is not empty is refused and stays as it is")
  func notEmpty() throws {
    try withTemporaryFolder { path in
      try Files.writeAtomically("mine", to: path + "/letter.txt")
      let error = try create(path)
      #expect(error?.rule.code == "RUN-17")
      #expect(error?.exit == .inputOutput)
      #expect(try Files.list(path) == ["letter.txt"])
      #expect(try resumption(of: path)?.exit == .inputOutput)
      #expect(try Files.readText(path + "/letter.txt") == "mine")
    }
    try withRun { path in
      let error = try create(path)
      #expect(error?.hints == ["--resume continues the run in it"])
    }
  }

  @Test("RUN-18: a run goes on in a folder that was moved")
  func moved() throws {
    try withRun { path in
      try withTemporaryFolder { other in
        try Files.rename(path, to: other + "/moved")
        let (student, _) = try LoopTests.run(configuration, in: other + "/moved")
        #expect(student.asked.isEmpty)
      }
    }
  }

  @Test("RUN-23: a stage made from another input than the one on record is refused")
  func otherInput() throws {
    try withRun { path in
      let text = try Files.readText(path + "/run.json")
      let manifest = try RunManifest(parsing: text, file: "")
      let record = try #require(manifest.records.first { !$0.inputs.isEmpty })
      let (name, digest) = try #require(record.inputs.first)
      let wrong = String(digest.reversed())
      try replace(
        "\"inputs\":{\"\(name)\":\"\(digest)\"", with: "\"inputs\":{\"\(name)\":\"\(wrong)\"",
        in: path + "/run.json")
      #expect(try resumption(of: path)?.rule.code == "RUN-23")
    }
  }

  @Test("config.yaml has every setting, and running it again is the same run")
  func configurationRepeats() throws {
    try withRun { path in
      #expect(try RunFolder.storedConfiguration(path) == configuration)
      try withTemporaryFolder { other in
        try LoopTests.run(try RunFolder.storedConfiguration(path), in: other)
        #expect(try LoopTests.contents(of: path) == LoopTests.contents(of: other))
      }
    }
  }
}
