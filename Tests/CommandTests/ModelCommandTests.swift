import Boundary
import Foundation
import GGUF
import TestSupport
import Testing

@Suite("Commands on the small model", .enabled(if: SharedData.isAvailable), .serialized)
struct ModelCommandTests {
  static let model = SharedData.url("models/stories260K.gguf")
  static let prompt = "Once upon a time"

  @Test("bench reports every speed with its share of what the machine can do")
  func bench() throws {
    let result = try Program.run(
      "bench", "-m", Self.model, "-p", "32", "-n", "8", "--n-parallel", "2,3", "-r", "1", "--json")
    let json = try #require(result.json)
    #expect(json.object?.keys == ["prefill", "decode", "batched", "train", "machine"])
    #expect(json["prefill"]?["tokens"] == 32 && json["decode"]?["tokens"] == 8)
    #expect(json["batched"]?.array?.compactMap { $0["batch"]?.int } == [2, 3])
    for speed in [json["prefill"], json["decode"], json["batched"]?.array?.last, json["train"]] {
      #expect((speed?["tokens_per_s"]?.double ?? 0) > 0)
    }
    #expect((json["train"]?["peak_rss_bytes"]?.int ?? 0) > 1_000_000)
    #expect((json["machine"]?["read_bytes_per_s"]?.double ?? 0) > 1e8)
    // Scalar code has no peak that is measured.
    if json["machine"]?["instruction_set"] != "scalar" {
      #expect((json["machine"]?["f32_operations_per_s"]?.double ?? 0) > 1e8)
      let share = try #require(json["train"]?["share_of_peak"]?.double)
      #expect(share > 0 && share < 1)
    }

    let words = try Program.run(
      "bench", "-m", Self.model, "-p", "8", "-n", "2", "-r", "1", "--no-train")
    #expect(words.exit == 0 && words.lines.contains { $0.hasPrefix("prefill 8") })
    let long = try Program.run("bench", "-m", Self.model, "-p", "5000")
    #expect(long.exit == 5 && long.code == "GGUF-M13")
  }

  // MARK: tokenize and inspect

  @Test("tokenize prints ids and pieces, in words and as JSON")
  func tokenize() throws {
    let json = try #require(
      try Program.run("tokenize", "-m", Self.model, "-p", "Hi é", "--json").json)
    #expect(json.object?.keys == ["tokens", "pieces"])
    #expect(json["tokens"]?.array?.first == 1)
    #expect(json["pieces"]?.array?.compactMap(\.string).joined() == "<s>▁Hi▁é")

    let words = try Program.run("tokenize", "-m", Self.model, "-p", "Hi é", "--no-bos")
    #expect(words.exit == 0 && words.lines.count == json["tokens"]?.array.map { $0.count - 1 })
  }

  @Test("tokenize takes the bytes of a file exactly and works without weights")
  func tokenizeFile() throws {
    let folder = try TemporaryFolder()
    let vocabulary = SharedData.url("tokenizers/ggml-vocab-llama-spm.gguf")
    let text = try folder.write("text", [0x0D, 0x0A, 0xFF, 0x00, 0x0A])
    let json = try Program.run("tokenize", "-m", vocabulary, "-f", text, "--json").json
    // "▁\r" is one token there; a text mode that changed the line end would lose it.
    #expect(json?["pieces"] == ["<s>", "▁\r", "<0x0A>", "<0xFF>", "<0x00>", "<0x0A>"])
    #expect(json?["tokens"] == [1, 6756, 13, 258, 3, 13])

    let special = try Program.run(
      "tokenize", "-m", vocabulary, "-p", "a</s>", "--parse-special", "--json")
    #expect(special.json?["tokens"]?.array?.last == 2)
  }

  @Test("TOK-12: a tokenizer of another kind is refused with the list")
  func otherTokenizer() throws {
    let result = try Program.run(
      "tokenize", "-m", SharedData.url("tokenizers/ggml-vocab-gpt-2.gguf"), "-p", "a")
    #expect(result.exit == 4 && result.code == "TOK-12")
    #expect(result.errors.contains("\"gpt2\" is not one of: llama"))
  }

  @Test("TOK-19: a text of 2 GiB is refused at once")
  func hugeText() throws {
    let folder = try TemporaryFolder()
    let text = try folder.write("text", "")
    try Files.truncate(text, to: 2 << 30)
    let result = try Program.run("tokenize", "-m", Self.model, "-f", text)
    #expect(result.exit == 4 && result.code == "TOK-19")
  }

  @Test("inspect lists metadata and tensors, in words and as JSON")
  func inspect() throws {
    let json = try #require(try Program.run("inspect", Self.model, "--json").json)
    #expect(json.object?.keys == ["version", "metadata", "tensors"])
    #expect(json["metadata"]?["llama.block_count"] == 5)
    #expect(json["tensors"]?.array?.count == 48)
    let embedding = json["tensors"]?.array?.first { $0["name"] == "token_embd.weight" }
    #expect(embedding?["type"] == "F32" && embedding?["dims"] == [64, 512])
    #expect(embedding?["offset"]?.int != nil)

    let words = try Program.run("inspect", Self.model).output
    #expect(words.contains("llama.block_count = 5") && words.contains("[64 x 512]"))
  }

  // MARK: generate and score

  @Test("generate at temperature 0 gives llama.cpp's tokens")
  func greedy() throws {
    let reference = try JSONValue(parsing: Files.readText(SharedData.url("reference/greedy.json")))
    let entry = try #require(reference["entries"]?.array?.first)
    let arguments = ["-m", Self.model, "-p", Self.prompt, "-n", "64", "--temp", "0"]

    let json = try #require(try Program.run(["generate", "--json"] + arguments).json)
    #expect(
      json.object?.keys == ["prompt_index", "sample_index", "text", "tokens", "finish_reason"])
    #expect(json["tokens"] == entry["greedy_ids"] && json["text"] == entry["greedy_text"])
    #expect(json["finish_reason"] == "length")

    let words = try Program.run(["generate"] + arguments)
    #expect(words.output == (entry["greedy_text"]?.string ?? "") + "\n")
  }

  @Test("completions depend on prompt, sample and seed alone")
  func independence() throws {
    let folder = try TemporaryFolder()
    let prompts = try folder.write(
      "prompts.jsonl", #"{"prompt":"Once"}\#n{"prompt":"Lily and Tom"}\#n"#)
    let arguments = [
      "generate", "-m", Self.model, "--prompts", prompts, "-n", "24", "--n-samples", "3", "--json",
    ]
    let first = try Program.run(arguments + ["-t", "1", "--parallel", "1"])
    let second = try Program.run(arguments + ["-t", "2", "--parallel", "5", "-s", "42"])
    let other = try Program.run(arguments + ["--seed", "43"])

    #expect(first.exit == 0 && first.output == second.output)
    #expect(first.output != other.output)
    let rows = try first.lines.map { try JSONValue(parsing: $0) }
    #expect(rows.compactMap { $0["prompt_index"]?.int } == [0, 0, 0, 1, 1, 1])
    #expect(rows.compactMap { $0["sample_index"]?.int } == [0, 1, 2, 0, 1, 2])
    #expect(Set(rows.compactMap { $0["text"]?.string }).count == 6)
  }

  @Test("score gives llama.cpp's mean, and the likeliest tokens of every position")
  func score() throws {
    let reference = try JSONValue(parsing: Files.readText(SharedData.url("reference/greedy.json")))
    let entry = try #require(reference["entries"]?.array?.first)
    let arguments = ["score", "-m", Self.model, "-p", Self.prompt]
    let json = try #require(try Program.run(arguments + ["--json", "--logits-top", "3"]).json)
    let nll = try #require(json["nll"]?.double)

    #expect(json["tokens"] == entry["prompt_ids"])
    #expect(json["logprobs"]?.array?.count == json["tokens"]?.array?.count)
    #expect(json["logprobs"]?.array?.first == .null)
    // llama.cpp prints float logits; 1e-4 is far above their rounding.
    #expect(abs(nll - (entry["prompt_mean_nll"]?.double ?? 0)) < 1e-4)
    #expect(abs((json["perplexity"]?.double ?? 0) - exp(nll)) < 1e-12)
    let top = try #require(json["top"]?.array)
    #expect(top.count == json["tokens"]?.array?.count && top.allSatisfy { $0.array?.count == 3 })
    #expect(top.last?.array?.first?["id"] == entry["greedy_ids"]?.array?.first)
    #expect(try Program.run(arguments).output.contains("perplexity"))
  }

  @Test("an adapter changes what is generated, in either of its formats and by its factor")
  func adapter() throws {
    let arguments = ["generate", "-m", Self.model, "-p", Self.prompt, "-n", "16", "--temp", "0"]
    let gguf = SharedData.url("lora/peft-r4-qv/adapter-f32.gguf")
    let plain = try Program.run(arguments).output
    let adapted = try Program.run(arguments + ["--lora", gguf]).output
    #expect(plain != adapted)
    #expect(
      try Program.run(arguments + ["--lora", SharedData.url("lora/peft-r4-qv/final")]).output
        == adapted)
    #expect(try Program.run(arguments + ["--lora-scaled", gguf + ":0"]).output == plain)
    #expect(try Program.run(arguments + ["--lora-scaled", gguf + ":1"]).output == adapted)
  }

  @Test("prompts of one batch choose among the adapters, with the bits that each alone has")
  func mixedAdapters() throws {
    let folder = try TemporaryFolder()
    let gguf = SharedData.url("lora/peft-r4-qv/adapter-f32.gguf")
    let peft = SharedData.url("lora/peft-r4-qv/final")
    let rows = [#""#, #","lora":[]"#, #","lora":1"#, #","lora":"final""#, #","lora":["final",1]"#]
      .map { #"{"prompt":"\#(Self.prompt)"\#($0)}"# }
    let prompts = try folder.write("prompts.jsonl", rows.joined(separator: "\n"))
    let arguments = ["generate", "-m", Self.model, "-n", "24", "--temp", "0", "--json"]
    let loaded = ["--lora-scaled", "\(gguf):-3", "--lora", peft]
    let mixed = try Program.run(arguments + ["--prompts", prompts] + loaded)
    let tokens = try mixed.lines.map { try JSONValue(parsing: $0)["tokens"] }
    #expect(tokens.count == 5)
    // --lora comes first, so number 1 is the scaled one.
    let alone = try [
      loaded, [], ["--lora-scaled", "\(gguf):-3"], ["--lora", peft],
      ["--lora", peft, "--lora-scaled", "\(gguf):-3"],
    ].map { try Program.run(arguments + ["-p", Self.prompt] + $0).json?["tokens"] }
    #expect(tokens == alone)
    #expect(Set(tokens.compactMap { $0?.serialized }).count == 4)
  }

  @Test(
    "DS-04: a row that names no adapter, or one of two", arguments: ["2", "-1", #""x""#, "{}"])
  func unknownAdapter(name: String) throws {
    let folder = try TemporaryFolder()
    let prompts = try folder.write("prompts.jsonl", #"{"prompt":"a","lora":\#(name)}"#)
    let adapter = SharedData.url("lora/peft-r4-qv/final")
    for loaded in [[], ["--lora", adapter, "--lora", adapter]] {
      let result = try Program.run(
        ["generate", "-m", Self.model, "--prompts", prompts, "-n", "1"] + loaded)
      // The adapter's missing digest is warned of first.
      #expect(result.exit == 4 && result.errors.contains("error[DS-04]"))
      #expect(result.errors.contains("line 1"))
    }
  }

  @Test("export writes every format, and merging says how far predictions moved")
  func export() throws {
    let folder = try TemporaryFolder()
    let adapter = SharedData.url("lora/peft-r4-qv/adapter-f32.gguf")
    func export(_ from: String, _ to: String, _ name: String, _ more: String...) throws
      -> Program.Result
    {
      try Program.run(
        ["export", from, "--to", to, "-m", Self.model, "-o", folder.path(name)] + more)
    }
    #expect(try export(adapter, "mlx", "mlx").exit == 0)
    #expect(try export(folder.path("mlx"), "peft", "peft").exit == 0)
    #expect(try export(folder.path("peft"), "gguf", "again.gguf").exit == 0)
    let merged = try export(folder.path("again.gguf"), "merged", "m.gguf", "--type", "F32")
    #expect(merged.exit == 0 && merged.lines.first == folder.path("m.gguf"))
    #expect(merged.output.contains("10 of 48 tensors changed: 10 as F32; exact"))
    #expect(merged.output.contains("merged model: KL 0.0 nats"))
    #expect(try Files.readText(folder.path("Modelfile")) == "FROM ./m.gguf\n")

    let arguments = ["generate", "-p", Self.prompt, "-n", "16", "--temp", "0", "-m"]
    #expect(
      try Program.run(arguments + [folder.path("m.gguf")]).output
        == Program.run(arguments + [Self.model, "--lora", adapter]).output)
    let again = try export(adapter, "merged", "m.gguf")
    #expect(again.exit == 8 && again.errors.contains("error[ADP-15]"))
    let other = try export(adapter, "merged", "other.gguf")
    #expect(other.exit == 8 && other.errors.contains("Modelfile"))
    #expect(try export(adapter, "merged", "m.gguf", "--force", "--type", "Q4_0").exit == 0)
    #expect(try Program.run("export", adapter, "--to", "merged", "-o", "x").exit == 2)
    #expect(try export(adapter, "gguf", "x.gguf", "--type", "F16").exit == 2)
  }

  @Test("train makes DoRA, rsLoRA and patterns, and goes on from an adapter made elsewhere")
  func trainKinds() throws {
    let folder = try TemporaryFolder()
    let data = try folder.write(
      "rows.jsonl",
      (0..<8).map { #"{"text":"Once there were \#($0) dogs."}"# }
        .joined(separator: "\n"))
    func train(_ name: String, _ more: String...) throws -> Program.Result {
      try Program.run(
        ["train", "-m", Self.model, "--data", data, "--output", folder.path(name), "--max-steps"]
          + ["2"] + more)
    }
    func config(_ name: String) throws -> JSONValue {
      try JSONValue(
        parsing: Files.readText(folder.path("\(name)/adapter/adapter_config.json")))
    }
    #expect(
      try train(
        "dora", "--dora", "--rslora", "--lora-targets", "q_proj,ffn_down", "-r", "4",
        "--lora-rank-pattern", "blk.0.attn_q=2", "--lora-alpha-pattern", "down_proj=8",
        "--loraplus-lr-ratio", "4"
      ).exit == 0)
    let dora = try config("dora")
    #expect(dora["use_dora"] == true && dora["use_rslora"] == true)
    #expect(dora["target_modules"] == ["down_proj", "q_proj"])
    #expect(dora["rank_pattern"]?["model.layers.1.self_attn.q_proj"] == 4)
    #expect(!Files.exists(folder.path("dora/adapter/adapter.gguf")))
    let refused = try Program.run(
      "export", folder.path("dora/adapter"), "--to", "gguf", "-o", folder.path("x.gguf"))
    #expect(refused.exit == 5 && refused.code == "ADP-08")
    #expect(refused.errors.contains("--to merged"))

    let foreign = SharedData.url("lora/peft-r4-qv/final")
    #expect(try train("more", "--lora", foreign).exit == 0)
    let more = try config("more")
    #expect(more["r"] == 4 && more["target_modules"] == ["q_proj", "v_proj"])
    #expect(more["base_model_name_or_path"]?.string?.isEmpty == false)
    #expect(Files.exists(folder.path("more/adapter/adapter.gguf")))
    #expect(try train("x", "--lora", foreign, "--lora-rank", "4").exit == 2)
    #expect(try train("x", "--lora", foreign, "--lora", foreign).exit == 2)
    let unknown = try train("y", "--lora-rank-pattern", "blk.9.attn_q=2")
    #expect(unknown.exit == 2 && unknown.code == "CFG-16")
  }

  // MARK: Refusals

  @Test("a prompt's row may say how many new tokens it gets")
  func tokensOfRow() throws {
    let folder = try TemporaryFolder()
    let prompts = try folder.write(
      "prompts.jsonl",
      [#"{"prompt":"Once"}"#, #"{"prompt":"Once","n_predict":3}"#].joined(separator: "\n"))
    let result = try Program.run(
      "generate", "-m", Self.model, "--prompts", prompts, "-n", "5", "--temp", "0", "--json")
    #expect(try result.lines.map { try JSONValue(parsing: $0)["tokens"]?.array?.count } == [5, 3])
  }

  @Test(
    "DS-04: a row without a prompt, or with a bad number of tokens, is named by its line",
    arguments: [
      "{}", #"{"prompt":3}"#, #"{"prompt":"a","n_predict":0}"#, #"{"prompt":"a","n_predict":"9"}"#,
      #"{"prompt":"a","n_predict":16777217}"#, #"{"prompt":"a","n_predict":null}"#,
    ])
  func promptRow(row: String) throws {
    let folder = try TemporaryFolder()
    let prompts = try folder.write("prompts.jsonl", #"{"prompt":"a"}\#n\#(row)\#n"#)
    let result = try Program.run("generate", "-m", Self.model, "--prompts", prompts)
    #expect(result.exit == 4 && result.code == "DS-04" && result.output == "")
    #expect(result.errors.contains("line 2"))
  }

  @Test("DS-01: a file without prompts")
  func noPrompts() throws {
    let folder = try TemporaryFolder()
    let prompts = try folder.write("prompts.jsonl", "\n")
    let result = try Program.run("generate", "-m", Self.model, "--prompts", prompts)
    #expect(result.exit == 4 && result.code == "DS-01")
  }

  static let commands = [
    ["inspect"], ["tokenize", "-p", "a", "-m"], ["generate", "-p", "a", "-m"],
    ["score", "-p", "a", "-m"],
  ]

  @Test("GGUF-H12, H13: no file, or a directory", arguments: commands)
  func noFile(command: [String]) throws {
    let missing = try Program.run(command + ["/no/such/file.gguf"])
    #expect(missing.exit == 8 && missing.code == "GGUF-H13")
    #expect(missing.errors.contains("/no/such/file.gguf"))
    let directory = try Program.run(command + ["/tmp"])
    #expect(directory.exit == 8 && directory.code == "GGUF-H12")
  }

  @Test("GGUF-D01: a truncated file", arguments: commands)
  func truncated(command: [String]) throws {
    let folder = try TemporaryFolder()
    let bytes = try Files.read(Self.model)
    let result = try Program.run(
      command + [try folder.write("cut.gguf", Array(bytes.dropLast(1000)))])
    // The tensor that lacks bytes is found by its own rule, GGUF-T11.
    #expect(result.exit == 4 && result.code == "GGUF-T11" && result.output == "")
    #expect(result.errors.contains("hint: download incomplete?"))
  }

  @Test("GGUF-T17: a tensor type that is not computed with is refused by name, and inspected")
  func unsupportedType() throws {
    let file = try GGUFFile(Self.model)
    var writer = GGUFWriter()
    for (key, value) in file.metadata { writer.set(key, value) }
    for tensor in file.tensors {
      let isOdd = tensor.name == "blk.2.attn_q.weight"
      let type = isOdd ? TensorType.mxfp4 : tensor.type
      let count = try #require(type.byteCount(of: tensor.dims))
      let bytes = file.withBytes(of: tensor) { Array($0.prefix(count)) }
      writer.add(name: tensor.name, type: type, dims: tensor.dims, bytes: bytes)
    }
    let folder = try TemporaryFolder()
    let path = folder.path("odd.gguf")
    try writer.write(to: path)

    let result = try Program.run("generate", "-m", path, "-p", "a")
    #expect(result.exit == 4 && result.code == "GGUF-T17")
    #expect(result.errors.contains("blk.2.attn_q.weight") && result.errors.contains("MXFP4"))
    #expect(try Program.run("inspect", path).exit == 0)
  }

  @Test("GGUF-M13: a text longer than the context")
  func tooLong() throws {
    let folder = try TemporaryFolder()
    let text = try folder.write("text", String(repeating: "a b ", count: 4000))
    for command in ["generate", "score"] {
      let result = try Program.run(command, "-m", Self.model, "-f", text)
      #expect(result.exit == 5 && result.code == "GGUF-M13", "\(result.errors)")
    }
  }

  // MARK: Being stopped

  @Test("CFG-17: a reader that goes away ends the work")
  func closedPipe() throws {
    let result = try Program.shell(
      "\"$0\" generate -m \"$1\" -p Once -n 50 --n-samples 100000 --parallel 2 | head -n 1; "
        + "exit ${PIPESTATUS[0]}",
      Self.model)
    #expect(result.exit == 0 && result.lines.count == 1)
  }

  @Test(
    "SYS-06: a signal ends the work with exit code 128 and its number",
    arguments: [SIGINT, SIGTERM, SIGHUP])
  func signal(number: Int32) throws {
    let running = try Program.start(
      Program.path,
      ["generate", "-m", Self.model, "-p", "Once", "-n", "2000", "--n-samples", "1000"])
    Thread.sleep(forTimeInterval: 1)
    kill(running.process.processIdentifier, number)
    let start = ContinuousClock.now
    let result = try Program.finish(running)
    #expect(result.exit == 128 + number && ContinuousClock.now - start < .seconds(10))
    #expect(!result.errors.contains("error["))
  }
}
