import Boundary
import Foundation
import GGUF
import TestSupport
import Testing

@Suite("tripost train", .enabled(if: SharedData.isAvailable, "needs ../shared/data"), .serialized)
struct TrainCommandTests {
  static let model = SharedData.url("models/stories260K.gguf")

  /// Forty conversations of a question and an answer.
  static let conversations = (0..<40).map { index in
    #"{"messages":[{"role":"user","content":"Which dog is number \#(index)?"},"#
      + #"{"role":"assistant","content":"It was dog \#(index * 7 % 40)."}]}"#
  }.joined(separator: "\n")

  func train(_ folder: TemporaryFolder, _ more: String...) throws -> Program.Result {
    let data = folder.path("rows.jsonl")
    if !Files.exists(data) { _ = try folder.write("rows.jsonl", Self.conversations) }
    return try Program.run(
      ["train", "-m", Self.model, "--data", data, "--chat-template", "zephyr", "-r", "4"] + more)
  }

  @Test("TPL-05: messages need a template that is known, from the model or by name")
  func template() throws {
    let folder = try TemporaryFolder()
    let data = try folder.write("rows.jsonl", Self.conversations)
    func verdict(_ jinja: String?) throws -> Program.Result {
      let file = try GGUFFile(Self.model)
      var writer = GGUFWriter()
      for (key, value) in file.metadata { writer.set(key, value) }
      if let jinja { writer.set("tokenizer.chat_template", .string(jinja)) }
      for tensor in file.tensors {
        writer.add(
          name: tensor.name, type: tensor.type, dims: tensor.dims,
          bytes: file.withBytes(of: tensor) { Array($0) })
      }
      try writer.write(to: folder.path("m.gguf"))
      return try Program.run(
        "train", "-m", folder.path("m.gguf"), "--data", data, "--show-row", "2")
    }
    for jinja in [nil, "{% for m in messages %}{{ m.content }}{% endfor %}"] {
      let refused = try verdict(jinja)
      #expect(refused.exit == 4 && refused.code == "TPL-05")
      #expect(refused.errors.contains("--chat-template"))
    }
    let known = try verdict(
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    )
    #expect(known.exit == 0 && known.lines.first?.contains("row \"line 2\"") == true)
  }

  @Test("--show-row prints every token with its weight, and trains nothing")
  func showRow() throws {
    let folder = try TemporaryFolder()
    let shown = try train(folder, "--show-row", "3", "--output", folder.path("x"))
    #expect(shown.exit == 0 && !Files.exists(folder.path("x")))
    let table = shown.lines.dropFirst().map { $0.split(separator: " ") }
    let trained = table.filter { $0[1] != "-" }
    #expect(trained.allSatisfy { $0[1] == "1" })
    #expect(trained.map { $0[2] }.joined() == "It▁was▁dog▁14.</s>")
    #expect(
      shown.lines.first?.contains("\(table.count) tokens, \(trained.count) trained on") == true)
    #expect(!shown.output.contains("\u{1B}"))
    let refused = try train(folder, "--show-row", "41")
    #expect(refused.exit == 2 && refused.code == "CFG-16")
  }

  @Test("rows that were not meant so are counted on standard error and in the log")
  func guards() throws {
    let folder = try TemporaryFolder()
    let long = String(repeating: "a b ", count: 2000)
    let rows =
      (0..<40).map { #"{"text":"Once \#($0)"}"# } + [
        #"{"text":"Once 0"}"#, #"{"text":"<s>Once"}"#, #"{"text":"\#(long)"}"#,
        #"{"text":"Once there","reward":0}"#,
      ]
    _ = try folder.write("rows.jsonl", rows.joined(separator: "\n"))
    let result = try train(folder, "--output", folder.path("x"), "--max-steps", "1")
    #expect(result.exit == 0)
    for part in [
      "1 row has no target token and is left out: line 44", "1 row is cut to the context",
      "1 row came before", "1 row does not teach where to stop", "1 row begins with the spelling",
    ] { #expect(result.errors.contains(part), "\(part)") }
    let counts = try #require(try JSONLines.read(folder.path("x/metrics.jsonl")).first)
    for (key, count) in [
      ("rows", 43), ("masked_rows", 1), ("cut_rows", 1), ("repeated_rows", 1), ("endless_rows", 1),
      ("double_bos_rows", 1),
    ] { #expect(counts[key] == .integer(Int64(count)), "\(key)") }
  }

  /// The log without what tells time.
  func numbers(_ path: String) throws -> [JSONValue] {
    try JSONLines.read("\(path)/metrics.jsonl").map { line in
      var object = line.object ?? [:]
      object["clock"] = nil
      return .object(object)
    }
  }

  @Test(
    "the best step is exported; a run that was stopped and gone on with has the same log and adapter"
  )
  func validation() throws {
    let folder = try TemporaryFolder()
    let flags = [
      "--val-split", "0.2", "--eval-every", "3", "--early-stopping-patience", "2", "--epochs", "40",
      "--lr", "0.02", "--save-every", "4",
    ]
    let formats = ["--report-to", "csv,tensorboard"]
    func train(_ name: String, _ more: [String]) throws -> Program.Result {
      let data = try folder.write("rows.jsonl", Self.conversations)
      return try Program.run(
        [
          "train", "-m", Self.model, "--data", data, "--chat-template", "zephyr", "--output",
          folder.path(name),
        ] + flags + more)
    }
    let whole = try train("whole", ["-t", "1"] + formats)
    #expect(whole.exit == 0 && whole.errors.contains("patience ran out"))
    let log = try numbers(folder.path("whole"))
    let evaluations = log.filter { $0["event"] == "evaluation" }
    let best = try #require(evaluations.last { $0["best"] == true })
    #expect(evaluations.last?["best"] == false)
    #expect(whole.errors.contains("best: step \(best["step"]?.int ?? 0),"))

    let data = try folder.write("rows.jsonl", Self.conversations)
    let running = try Program.start(
      Program.path,
      [
        "train", "-m", Self.model, "--data", data, "--chat-template", "zephyr", "--output",
        folder.path("cut"), "-t", "2",
      ] + flags + formats)
    // Some steps in.
    while (try? Files.size(folder.path("cut/metrics.jsonl"))) ?? 0 < 1500 {
      Thread.sleep(forTimeInterval: 0.002)
    }
    kill(running.process.processIdentifier, SIGTERM)
    let stopped = try Program.finish(running)
    #expect(stopped.exit == 143 || stopped.exit == 0)
    // The formats are those of before.
    #expect(try train("cut", ["--resume"]).exit == 0)
    #expect(try numbers(folder.path("cut")) == log)
    for file in ["adapter_model.safetensors", "adapter.gguf"] {
      let (a, b) = (folder.path("whole/adapter/\(file)"), folder.path("cut/adapter/\(file)"))
      #expect(try Files.read(a) == Files.read(b))
    }
    #expect(try Files.list(folder.path("cut/tensorboard")).count == 1)
    let rows = try Files.readText(folder.path("cut/metrics.csv")).split(separator: "\n")
    #expect(rows.count == log.count)
  }

  @Test("DS-13: validation rows that are trained on")
  func overlap() throws {
    let folder = try TemporaryFolder()
    let apart = try folder.write(
      "val.jsonl", String(try #require(Self.conversations.split(separator: "\n").first)))
    let result = try train(folder, "--output", folder.path("x"), "--val-data", apart)
    #expect(result.exit == 4 && result.code == "DS-13" && !Files.exists(folder.path("x")))
  }

  @Test(
    "CFG-15: flags that need one another or exclude one another",
    arguments: [
      ["--eval-every", "3"], ["--early-stopping-patience", "3"], ["--report-to", "wandb"],
      ["--val-split", "0.1", "--val-data", "x"], ["--val-split", "1"], ["--val-split", "0"],
      ["--chat-template", "jinja"], ["--show-row", "0"],
    ])
  func flags(flags: [String]) throws {
    let result = try Program.run(
      ["train", "-m", Self.model, "--data", "x", "--output", "/tmp/tripost-none"] + flags)
    #expect(result.exit == 2 && result.code == "CFG-15")
    let none = try Program.run("train", "-m", Self.model, "--data", "x")
    #expect(none.exit == 2 && none.errors.contains("--output"))
  }

  @Test("NUM-01: a loss that is not finite ends with exit code 10")
  func diverged() throws {
    let folder = try TemporaryFolder()
    #expect(try train(folder, "--output", folder.path("a"), "--max-steps", "2").exit == 0)
    let file = folder.path("a/adapter/adapter_model.safetensors")
    var bytes = try Files.read(file)
    // Every value becomes 3e38: finite, but no product with it is.
    let header = 8 + bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    for at in stride(from: header, to: bytes.count, by: 4) {
      bytes.replaceSubrange(at..<at + 4, with: [0x99, 0x76, 0x61, 0x7F])
    }
    try Files.writeAtomically(bytes, to: file)
    let result = try Program.run(
      "train", "-m", Self.model, "--data", folder.path("rows.jsonl"), "--chat-template", "zephyr",
      "--output", folder.path("b"), "--lora", folder.path("a/adapter"))
    #expect(result.exit == 10 && result.errors.contains("error[NUM-01]"))
    #expect(!Files.exists(folder.path("b/adapter")))
  }
}
