import Boundary
import Foundation
import Synchronization
import TestSupport
import Testing

private let model = SharedData.shippedModel

/// Critics and improvers that are no scripts, as a person has them work.
@Suite(
  "tripost run with other critics",
  .enabled(if: Files.exists(model), "needs models/tripost-6m-q8_0.gguf"),
  .serialized)
struct JudgeCommandTests {
  private func arguments(_ output: String, _ settings: String...) -> [String] {
    let all =
      [
        "data.seen=l3d2", "data.unseen=l4d2", "data.training=8", "data.validation=0",
        "data.test_per_shape=1", "rationale.epochs=1", "train.epochs=1", "mix.max_data_length=4",
        "mix.min_data_length=1", "rollout.passes=1", "rollout.max_new_tokens=200",
        "evaluation.max_new_tokens=200", "evaluation.max_generations=1",
      ] + settings
    return ["run", "-m", model, "--output", output, "--iterations", "1", "--resume"]
      + all.flatMap { ["--set", $0] }
  }

  /// Runs with other variables in the environment.
  private func run(_ environment: [String: String], _ arguments: [String]) throws -> Program.Result
  {
    let words = environment.map { "\($0)=\($1)" }
    return try Program.finish(
      Program.start("/usr/bin/env", words + [Program.path] + arguments))
  }

  @Test("a second model answers the same with any number of threads and sequences")
  func secondModel() throws {
    let folder = try TemporaryFolder()
    let settings = [
      "feedback.kind=model", "feedback.model=\(model)", "feedback.max_tokens=20",
      "improvement.kind=model", "improvement.model=\(model)", "improvement.max_tokens=20",
    ].flatMap { ["--set", $0] }
    var trajectories: [[UInt8]] = []
    for (name, parallel) in [("one", "1"), ("two", "5")] {
      let path = folder.path(name)
      let result = try Program.run(
        arguments(path, "parallel=\(parallel)") + settings + [
          "--threads", parallel == "1" ? "1" : "2",
        ])
      #expect(result.exit == 0, "\(result.errors)")
      trajectories.append(try Files.read(path + "/iteration-1/trajectories.jsonl"))
      let replies = try JSONLines.read(path + "/replies.jsonl")
      #expect(!replies.isEmpty)
      #expect(replies.allSatisfy { $0["completion_tokens"]?.int ?? 99 <= 20 })
      let metrics = try Files.readText(path + "/metrics.jsonl")
      #expect(metrics.contains(#""event":"replies","iteration":1,"replies":\#(replies.count),"#))
      #expect(try Files.readText(path + "/run.json").contains(#""critic":"model "#))
    }
    #expect(trajectories[0] == trajectories[1])
  }

  @Test("an endpoint gets the key, and nothing else has it; every request is on record")
  func endpoint() throws {
    let key = "false-key-77aa88bb99cc"
    let server = LocalServer { request in
      if request.headers["authorization"] != "Bearer " + key {
        return .reply(status: 401, body: key)
      }
      return .reply(
        body: #"{"choices":[{"text":" (1)\nError segment: \"x\"\nError reason: \#(key)"}]}"#)
    }
    let folder = try TemporaryFolder()
    let path = folder.path("run")
    let settings = [
      "feedback.kind=endpoint", "endpoint.url=\(server.address)", "endpoint.model=fake",
      "endpoint.api=completions", "endpoint.api_key_env=FAKE_KEY", "endpoint.input_price=1",
      "endpoint.max_cost=0.0000001",
    ].flatMap { ["--set", $0] }
    let missing = try Program.run(arguments(path) + settings)
    #expect(missing.exit == 3)
    #expect(missing.code == "CFG-12")
    let wrong = try run(["FAKE_KEY": "wrong"], arguments(path) + settings)
    #expect(wrong.exit == 11)
    #expect(wrong.code == "EP-03")
    #expect(!Files.exists(path))
    let poor = try run(["FAKE_KEY": key], arguments(path) + settings)
    #expect(poor.exit == 12)
    #expect(poor.errors.contains("error[EP-24]"))
    #expect(server.posts == 0)
    let rich = try run(
      ["FAKE_KEY": key], arguments(path) + settings + ["--set", "endpoint.max_cost=9"])
    #expect(rich.exit == 0, "\(rich.errors)")
    let sent = try JSONLines.read(path + "/replies.jsonl").count { $0["event"]?.string == "sent" }
    #expect(server.posts == sent && sent > 0)
    for text in [missing, wrong, poor, rich].flatMap({ [$0.output, $0.errors] }) {
      #expect(!text.contains(key))
    }
    let files = try #require(FileManager.default.enumerator(atPath: path))
    for case let name as String in files where !Files.isDirectory(path + "/" + name) {
      let text = String(decoding: try Files.read(path + "/" + name), as: UTF8.self)
      #expect(!text.contains(key), "\(name)")
      #expect(!text.contains(Data(key.utf8).base64EncodedString()), "\(name)")
    }
    let again = try Program.run(arguments(path) + settings.dropLast(2))
    #expect(again.exit == 3, "a key is asked for even when there is nothing to do")
  }

  @Test("a program judges and mends; FB-05: what it says out of turn ends the run with one line")
  func program() throws {
    let folder = try TemporaryFolder()
    let script = try folder.write(
      "critic.sh",
      #"""
      while read -r line; do
        case $line in
          *'"id":0}') id=0 ;;
          *) id=${line##*'"id":'}; id=${id%\}} ;;
        esac
        case $line in
          *'"ask":"feedback"'*) echo "{\"id\":$id,\"step\":\"1\",\"part\":\"This equation\",\"reason\":\"so it is\"}" ;;
          *) echo "{\"id\":$id,\"error\":\"no idea\"}" ;;
        esac
      done
      """#)
    let path = folder.path("run")
    let settings = [
      "feedback.kind=program", "feedback.program=sh \(script)", "improvement.kind=program",
      "improvement.program=sh \(script)",
    ].flatMap { ["--set", $0] }
    let result = try Program.run(arguments(path) + settings)
    #expect(result.exit == 0, "\(result.errors)")
    let edits = try Files.readText(path + "/iteration-1/trajectories.jsonl")
    #expect(edits.contains(#"In step (1) the part \"This equation\" is incorrect."#))
    #expect(edits.contains("improver-failed"))

    for (name, command, code) in [
      ("json", "yes no", "FB-05"), ("end", "false", "FB-02"), ("none", "no-such-program", "FB-01"),
    ] {
      let result = try Program.run(
        arguments(folder.path(name)) + [
          "--set", "feedback.kind=program", "--set", "feedback.program=\(command)",
        ])
      #expect(result.exit == 13, "\(result.errors)")
      #expect(result.errors.contains("error[\(code)]"), "\(result.errors)")
    }
    #expect(!Files.exists(folder.path("none")))
  }
}
