import Boundary
import Foundation
import TestSupport
import Testing

private let shippedModel = SharedData.shippedModel

@Suite(
  "tripost study",
  .enabled(if: Files.exists(shippedModel), "needs models/tripost-6m-q8_0.gguf"),
  .serialized)
struct StudyCommandTests {
  /// A study of a few questions with one more line.
  private func study(_ folder: TemporaryFolder, _ more: String = "") throws -> String {
    let path = folder.path("study.yaml")
    try Files.writeAtomically(
      """
      output: \(folder.path("out"))
      methods: [answer_only, tripost]
      models: [\(shippedModel)]
      iterations: [1]
      settings:
        data: {seen: [l3d2], unseen: [l4d2], training: 8, validation: 1, test_per_shape: 2}
        rationale: {epochs: 1}
        rollout: {passes: 1, max_new_tokens: 200}
        mix: {max_data_length: 4, min_data_length: 1}
        evaluation: {max_new_tokens: 200}

      """ + more, to: path)
    return path
  }

  @Test("it is estimated, run, gone on with, and shown")
  func runs() throws {
    let folder = try TemporaryFolder()
    let file = try study(folder)
    let estimate = try Program.run(["study", file, "--dry-run", "--json"])
    #expect(estimate.exit == 0, "\(estimate.errors)")
    #expect(estimate.json?["runs"] == 3 && estimate.json?["complete"] == 0)
    #expect(estimate.json?["seconds"]?.double ?? 0 > 0)
    #expect(estimate.json?["memory_bytes"]?.int ?? 0 > 1 << 20)
    #expect(!Files.exists(folder.path("out")))

    let first = try Program.run(["study", file])
    #expect(first.exit == 0, "\(first.errors)")
    #expect(first.output.contains("TriPosT t = 1") && first.output.contains("ft answer only"))
    #expect(first.errors.contains("run 3 of 3"))
    let page = try Files.readText(folder.path("out/report.html"))
    let run = "multistep_arithmetic/tripost-6m-q8_0/seed-42/tripost-t1"
    #expect(page.contains("<a href=\"./\(run)/report.html\">\(run)</a>"))
    #expect(Files.exists(folder.path("out/\(run)/report.html")))
    let again = try Program.run(["study", file])
    #expect(again.exit == 0 && again.output == first.output)
    #expect(try Program.run(["study", file, "--tables"]).output == first.output)
    let json = try Program.run(["study", file, "--tables", "--json"]).json
    #expect(json?["complete"] == 3 && json?["figures"]?.array?.isEmpty == false)
  }

  @Test("runs in processes side by side give the same tables, and one that fails is told once")
  func jobs() throws {
    let (folder, other) = (try TemporaryFolder(), try TemporaryFolder())
    let one = try Program.run(["study", try study(folder)])
    let file = try study(other)
    let two = try Program.run(["study", file, "--jobs", "2"])
    #expect(two.exit == 0, "\(two.errors)")
    for name in ["main.csv", "data.csv", "task-multistep_arithmetic.csv"] {
      let both = try [folder, other].map { try Files.readText($0.path("out/\(name)")) }
      #expect(both[0] == both[1])
    }
    let run = "out/multistep_arithmetic/tripost-6m-q8_0/seed-42/"
    for name in ["ft_rationale", "answer_only"] {
      let adapter = "\(run)\(name)/iteration-0/adapter/adapter_model.safetensors"
      #expect(try SHA256.hexOfFile(other.path(adapter)) == SHA256.hexOfFile(folder.path(adapter)))
    }
    #expect(one.exit == 0 && Files.exists(other.path("out/report.html")))

    try Files.remove(other.path(run + "ft_rationale/run.json"))
    let failed = try Program.run(["study", file, "--jobs", "2"])
    #expect(failed.exit == 8, "\(failed.errors)")
    let told = failed.errors.split(separator: "\n").filter { $0.hasPrefix("failed: ") }
    #expect(told.count == 2)
    #expect(try Program.run(["study", file, "--jobs", "0"]).exit == 2)
  }

  @Test("STUDY-05: one run's failure is the exit code in the end, with the others run")
  func failure() throws {
    let folder = try TemporaryFolder()
    let file = try study(folder)
    let run = folder.path("out/multistep_arithmetic/tripost-6m-q8_0/seed-42/answer_only")
    #expect(try Program.run(["study", file]).exit == 0)
    try Files.remove(run + "/run.json")
    let result = try Program.run(["study", file])
    #expect(result.exit == 8, "\(result.errors)")
    let refusals = result.errors.split(separator: "\n").filter { $0.hasPrefix("error[") }
    #expect(refusals.count == 1 && refusals[0].hasPrefix("error[STUDY-05]"))
    #expect(result.errors.contains("failed: multistep_arithmetic/"))
    #expect(result.output.contains("TriPosT t = 1"))
    #expect(result.errors.contains("1 of 3 runs failed"))
  }

  @Test("STUDY-01, CFG-09: a study that cannot be run is refused before anything is written")
  func refusals() throws {
    let folder = try TemporaryFolder()
    let doubled = try Program.run(["study", try study(folder, "tasks: [chess]\n")])
    #expect(doubled.exit == 3 && doubled.code == "CFG-05")
    let missing = try Program.run(["study", folder.path("none.yaml")])
    #expect(missing.exit == 8)
    let text = try Files.readText(try study(folder))
    let path = folder.path("other.yaml")
    try Files.writeAtomically(
      text.replacingOccurrences(of: shippedModel, with: "none.gguf"), to: path)
    let model = try Program.run(["study", path])
    #expect(model.exit == 8 && model.code == "CFG-09", "\(model.errors)")
    #expect(!Files.exists(folder.path("out")))
  }
}
