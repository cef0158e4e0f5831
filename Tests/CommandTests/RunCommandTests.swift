import Boundary
import Foundation
import TestSupport
import Testing

private let shippedModel = SharedData.shippedModel

/// The program's main job on the shipped model, small enough for a test.
@Suite(
  "tripost run",
  .enabled(if: Files.exists(shippedModel), "needs models/tripost-6m-q8_0.gguf"),
  .serialized)
struct RunCommandTests {
  private func arguments(_ output: String, _ more: String...) -> [String] {
    let settings = [
      "data.seen=l3d2", "data.unseen=l4d2", "data.training=10", "data.validation=1",
      "data.test_per_shape=2", "rationale.epochs=1", "train.epochs=1", "train.checkpoint_every=1",
      "mix.max_data_length=4", "mix.min_data_length=1", "rollout.passes=1",
      "rollout.max_new_tokens=500", "evaluation.max_new_tokens=500",
    ]
    return ["run", "-m", shippedModel, "--output", output, "--iterations", "1", "--resume"]
      + settings.flatMap { ["--set", $0] } + more
  }

  /// Every file of a run without what tells time, place, or threads, as the report does throughout.
  private func contents(of path: String, _ inside: String = "") throws -> [String: String] {
    var result: [String: String] = [:]
    for name in try Files.list(path) where ![".lock", "report.html"].contains(name) {
      if Files.isDirectory(path + "/" + name) {
        result.merge(try contents(of: path + "/" + name, inside + name + "/")) { $1 }
        continue
      }
      var bytes = try Files.read(path + "/" + name)
      if ["config.yaml", "metrics.jsonl", "run.json"].contains(name) {
        var text = String(decoding: bytes, as: UTF8.self)
        for pattern in [
          /"clock":\{[^}]*\},"sum":"[^"]*"/, /"seconds":[-0-9.e]+/,
        ] { text = text.replacing(pattern, with: "") }
        text = text.replacing(/(?m)^(threads|parallel|output): .*$/, with: "")
        bytes = Array(text.utf8)
      }
      result[inside + name] = SHA256.hex(of: bytes)
    }
    return result
  }

  /// A whole run on one thread and one sequence at a time, to compare with; made once.
  private static let reference = Result { () throws -> [String: String] in
    let folder = try TemporaryFolder()
    let test = Self()
    let result = try Program.run(
      test.arguments(folder.path("run"), "--threads", "1", "--set", "parallel=1"))
    #expect(result.exit == 0, "\(result.errors)")
    #expect(result.output.contains("TriPosT t = 1"))
    return try test.contents(of: folder.path("run"))
  }

  @Test("two threads and more sequences at a time give the same bytes")
  func threads() throws {
    let reference = try Self.reference.get()
    let folder = try TemporaryFolder()
    let path = folder.path("run")
    let result = try Program.run(arguments(path, "--threads", "2", "--set", "parallel=7"))
    #expect(result.exit == 0, "\(result.errors)")
    #expect(try contents(of: path) == reference)
    #expect(Files.exists(path + "/iteration-1/adapter/adapter.gguf"))
    #expect(result.output.hasSuffix("report         \(path)/report.html\n"))
    let page = try Files.read(path + "/report.html")
    #if arch(x86_64)
      let shares = try Files.readText(path + "/metrics.jsonl").split(separator: "\n").compactMap {
        try JSONValue(parsing: String($0))["clock"]?["share_of_peak"]?.double
      }
      #expect(shares.count > 2 && shares.allSatisfy { $0 < 1 } && shares.contains { $0 > 0 })
    #endif

    let again = try Program.run(arguments(path))
    #expect(again.exit == 0)
    #expect(again.output == result.output)
    #expect(again.errors.contains("nothing to do"))
    #expect(try Files.read(path + "/report.html") == page)
  }

  @Test("RUN-01: killed in each stage, a run goes on to the same bytes")
  func killed() throws {
    // What a stage has begun to write; the run is killed as soon as it is there.
    let signs = [
      "iteration-0/checkpoints/step-00000001", "iteration-0/evaluations.partial.jsonl",
      "iteration-1/rollouts.partial.jsonl", "iteration-1/checkpoints/step-00000001",
      "iteration-1/evaluations.partial.jsonl",
    ]
    let reference = try Self.reference.get()
    let folder = try TemporaryFolder()
    let path = folder.path("run")
    for sign in signs {
      let running = try Program.start(Program.path, arguments(path, "--set", "parallel=2"))
      while running.process.isRunning, !hasBegun(path + "/" + sign) { usleep(500) }
      #expect(running.process.isRunning, "the run ended before \(sign)")
      kill(running.process.processIdentifier, SIGKILL)
      #expect(try Program.finish(running).exit == -SIGKILL)
    }
    let result = try Program.run(arguments(path))
    #expect(result.exit == 0, "\(result.errors)")
    #expect(try contents(of: path) == reference)
  }

  @Test("SYS-06: signals save and end with their exit codes; the folder is locked meanwhile")
  func signals() throws {
    let reference = try Self.reference.get()
    let folder = try TemporaryFolder()
    let path = folder.path("run")
    let cases: [(signal: Int32, code: Int32, sign: String)] = [
      (SIGINT, 130, "iteration-0/checkpoints/step-00000001"),
      (SIGTERM, 143, "iteration-1/rollouts.partial.jsonl"),
      (SIGHUP, 129, "iteration-1/checkpoints/step-00000001"),
    ]
    for (signal, code, sign) in cases {
      let running = try Program.start(Program.path, arguments(path, "--threads", "1"))
      while running.process.isRunning, !hasBegun(path + "/" + sign) { usleep(500) }
      if signal == SIGINT {
        let second = try Program.run(arguments(path))
        #expect(second.exit == 9)
        #expect(second.code == "RUN-02")
      }
      kill(running.process.processIdentifier, signal)
      let result = try Program.finish(running)
      #expect(result.exit == code, "\(result.errors)")
      #expect(result.errors.contains("--resume"))
    }
    #expect(try Program.run(arguments(path)).exit == 0)
    #expect(try contents(of: path) == reference)
  }

  @Test("SYS-03: a file-size limit stops the run with exit code 7, and it goes on without it")
  func fileSizeLimit() throws {
    let reference = try Self.reference.get()
    let folder = try TemporaryFolder()
    let path = folder.path("run")
    let line = #"ulimit -f 200; exec "$0" "$@""#
    let limited = try Program.finish(
      Program.start("/bin/bash", ["-c", line, Program.path] + arguments(path)))
    #expect(limited.exit == 7, "\(limited.errors)")
    #expect(try Program.run(arguments(path)).exit == 0)
    #expect(try contents(of: path) == reference)
  }

  @Test("CFG-09: paths that lead nowhere are listed before anything is written")
  func paths() throws {
    let folder = try TemporaryFolder()
    let result = try Program.run([
      "run", "-m", folder.path("none.gguf"), "--output", folder.path("run"),
    ])
    #expect(result.exit == 8)
    #expect(result.code == "CFG-09")
    #expect(!Files.exists(folder.path("run")))
  }

  @Test("a model that cannot be read leaves no run folder behind")
  func badModel() throws {
    let folder = try TemporaryFolder()
    let bytes = try Files.read(shippedModel)
    let model = try folder.write("cut.gguf", Array(bytes.prefix(bytes.count / 2)))
    let result = try Program.run(["run", "-m", model, "--output", folder.path("run")])
    #expect(result.exit == 4)
    #expect(!Files.exists(folder.path("run")))
  }

  private func hasBegun(_ path: String) -> Bool {
    Files.isDirectory(path) || ((try? Files.size(path)) ?? 0) > 0
  }
}
