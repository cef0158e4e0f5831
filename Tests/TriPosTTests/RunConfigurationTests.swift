import Boundary
import Llama
import LoRA
import Testing

@testable import TriPosT

@Suite("Run configuration")
struct RunConfigurationTests {
  /// The codes of everything that is wrong with a text, in order.
  private func problems(_ yaml: String, _ overrides: RunConfiguration.Override...) -> [InputError] {
    do {
      _ = try RunConfiguration(yaml: yaml, file: "c.yaml", overrides: overrides)
      return []
    } catch let error as ConfigurationProblems {
      return error.problems
    } catch let error as InputError {
      return [error]
    } catch {
      Issue.record("another error: \(error)")
      return []
    }
  }

  @Test("an empty text gives the shipped profile", arguments: ["", "# nothing\n", "---\n", "{}"])
  func empty(yaml: String) throws {
    #expect(try RunConfiguration(yaml: yaml) == RunConfiguration())
  }

  @Test("sections, lists and scalars fill their fields")
  func fields() throws {
    let yaml = """
      seed: 7
      model: "my model.gguf"  # quoted, with a blank
      lora: {rank: 4, targets: [attn_q, attn_v]}
      train:
        learning_rate: 1e-4
        epochs: 2
        schedule: cosine
      """
    let configuration = try RunConfiguration(yaml: yaml)
    #expect(configuration.seed == 7)
    #expect(configuration.model == "my model.gguf")
    #expect(configuration.lora.rank == 4)
    #expect(configuration.lora.targets == ["attn_q", "attn_v"])
    #expect(configuration.train.stage.learningRate == 1e-4)
    #expect(configuration.train.stage.epochs == 2)
    #expect(configuration.train.schedule == .cosine)
  }

  @Test("projections are named in GGUF's or Hugging Face's words")
  func projectionNames() throws {
    let configuration = try RunConfiguration(yaml: "lora: {targets: [q_proj, ffn_down, up_proj]}")
    #expect(
      configuration.lora.targets.compactMap { Projection(named: $0) } == [.query, .down, .up])
    #expect(problems("lora: {targets: [q]}").count == 1)
  }

  @Test("what the command line says wins over the file")
  func overrides() throws {
    let configuration = try RunConfiguration(
      yaml: "seed: 7\nlora:\n  rank: 4\n",
      overrides: [.init("seed", "8"), .init("lora.targets", "attn_q,attn_v")])
    #expect(configuration.seed == 8)
    #expect(configuration.lora.rank == 4)
    #expect(configuration.lora.targets == ["attn_q", "attn_v"])
  }

  @Test(
    "the resolved text reads back as the same configuration", arguments: ["", "a b: \"c", "null"])
  func resolved(output: String) throws {
    for profile in RunConfiguration.Profile.allCases {
      var configuration = RunConfiguration(profile: profile)
      configuration.output = output
      configuration.train.weightDecay = 1e-7
      #expect(try RunConfiguration(yaml: configuration.yaml) == configuration)
    }
  }

  @Test("every setting sets and gets its own field")
  func settings() throws {
    for setting in Setting.all {
      let other: String
      switch setting.kind {
      case .integer(let range):
        let next = range.lowerBound + 1
        other = "\(setting.get(RunConfiguration()) == .integer(next) ? next + 1 : next)"
      case .number(let range, _): other = plain((range.lowerBound + range.upperBound) / 2)
      case .flag: other = setting.get(RunConfiguration()) == .flag(true) ? "false" : "true"
      case .text: other = "other"
      case .choice(let names):
        other = names.last { setting.get(RunConfiguration()) != .text($0) } ?? ""
      case .list(let names): other = names.last ?? "l5d3"
      case .files: other = "questions.json"
      }
      var changed = RunConfiguration()
      let reader = problems("", .init(setting.key, other)).map(\.rule.code)
      // No task has that name, one task shares with none, and some settings need others.
      let expected = ["task", "data.task_mix"].contains(setting.key) ? ["CFG-05"] : ["CFG-06"]
      #expect(reader.isEmpty || reader == expected, "\(setting.key): \(reader)")
      switch setting.kind {
      case .integer: setting.set(&changed, .integer(Int(other) ?? 0))
      case .number: setting.set(&changed, .number(Double(other) ?? 0))
      case .flag: setting.set(&changed, .flag(other == "true"))
      case .text, .choice: setting.set(&changed, .text(other))
      case .list, .files: setting.set(&changed, .list([other]))
      }
      let differing = Setting.all.filter { $0.get(changed) != $0.get(RunConfiguration()) }
      #expect(differing.map(\.key) == [setting.key])
    }
  }

  @Test("CFG-01: an unknown name is refused with its place and the nearest one")
  func unknown() {
    let found = problems("train:\n  lerning_rate: 1e-4\n")
    #expect(found.map(\.rule.code) == ["CFG-01"])
    #expect(found.first?.place.line == 2)
    #expect(found.first?.place.column == 3)
    #expect(found.first?.found.contains("\"train.learning_rate\"") == true)
    #expect(problems("temperature: 1\n").first?.found.contains("rollout.temperature") == true)
  }

  @Test("CFG-02: a name that is set twice is refused with both lines")
  func twice() {
    let found = problems("seed: 1\ntask: multistep_arithmetic\nseed: 2\n")
    #expect(found.map(\.rule.code) == ["CFG-02"])
    #expect(found.first?.found.contains("lines 1, 3") == true)
  }

  @Test(
    "CFG-03: a value of a wrong type is refused",
    arguments: [
      "seed: \"1\"", "seed: [1]", "seed: {a: 1}", "seed: 1.5", "train: 3",
      "lora:\n  targets: attn_q",
      "task: [a]", "- seed",
    ])
  func wrongType(yaml: String) {
    #expect(problems(yaml).map(\.rule.code) == ["CFG-03"])
  }

  @Test(
    "CFG-04: only one spelling of numbers and booleans is accepted",
    arguments: [
      ".5", "1_000", "0o17", "0x10", "+1", "1.", "007", "yes", "~", "null", "", "1e", "1e-",
    ])
  func spelling(value: String) {
    #expect(problems("train:\n  learning_rate: \(value)\n").map(\.rule.code) == ["CFG-04"])
  }

  @Test(
    "CFG-05: a number out of its range is refused with the range",
    arguments: [
      "seed: -1", "seed: 9223372036854775808", "train: {learning_rate: 0}", "threads: 100000",
      "train: {learning_rate: -1e-4}", "rollout: {top_p: 1.5}", "lora: {rank: 0}", "method: other",
      "train: {learning_rate: 1e999}", "lora: {targets: []}", "lora: {targets: [attn_q, attn_q]}",
      "lora: {targets: [q_proj_x]}",
    ])
  func range(yaml: String) {
    #expect(problems(yaml).map(\.rule.code) == ["CFG-05"])
  }

  @Test(
    "CFG-05: NaN and infinity are no numbers", arguments: [".nan", "nan", ".inf", "inf", "-.inf"])
  func notFinite(value: String) {
    #expect(problems("rollout: {temperature: \(value)}").map(\.rule.code) == ["CFG-04"])
  }

  @Test("CFG-06: settings that need or exclude each other are named together")
  func disagreeing() {
    #expect(problems("method: rationale").map(\.rule.code) == ["CFG-06"])
    #expect(problems("control_tokens_from: runs/x").map(\.rule.code) == ["CFG-06"])
    #expect(problems("lora: {targets: [all-linear, attn_q]}").map(\.rule.code) == ["CFG-06"])
  }

  @Test(
    "CFG-07: aliases, tags, blocks and a second document are refused",
    arguments: [
      "a: &x 1", "a: *x", "seed: !!int 1", "task: |\n  x", "task: >\n  x",
      "seed: 1\n---\nseed: 2\n",
      "---\n---\n", "%YAML 1.1\n---\n", "- [&a 1, *a]",
      "a: [" + String(repeating: "1,", count: 10_001) + "]",
    ])
  func notPlain(yaml: String) {
    #expect(problems(yaml).map(\.rule.code) == ["CFG-07"])
  }

  @Test("CFG-07: marks of YAML mean nothing inside quotes, comments and words")
  func quotedMarks() throws {
    let yaml =
      "output: 'it''s & * ! | # [ {'  # & * !\nmodel: \"a\\\"&b\"\ncontrol_tokens_from: a&b*c\n"
      + "method: rationale\n"
    let configuration = try RunConfiguration(yaml: yaml)
    #expect(configuration.output == "it's & * ! | # [ {")
    #expect(configuration.model == "a\"&b")
    #expect(configuration.controlTokensFrom == "a&b*c")
  }

  @Test(
    "CFG-08: deep, large, torn and unreadable text is refused",
    arguments: [
      String(repeating: "[", count: 10_000), String(repeating: "- ", count: 10_000),
      (0..<200).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n"),
      "train:\n\tepochs: 1", "seed: \0", "output: \"torn", "seed: ]", "{seed: 1",
      "# " + String(repeating: "x", count: 1 << 20),
    ])
  func unreadable(yaml: String) {
    #expect(problems(yaml).map(\.rule.code) == ["CFG-08"])
  }

  @Test("CFG-10: all problems come together, on one error line with a line for each")
  func together() {
    let yaml = "seed: -1\nlora:\n  rang: 3\ntrain:\n  epochs: x\n"
    let found = problems(yaml, .init("threads", "-2"), .init("tarsk", "x"))
    #expect(found.map(\.rule.code) == ["CFG-05", "CFG-01", "CFG-04", "CFG-05", "CFG-01"])
    let text = ConfigurationProblems(problems: found).description
    #expect(text.split(separator: "\n").count == 6)
    #expect(text.ranges(of: "error[").count == 1)
    let many = (0..<50).map { "x\($0): 1" }.joined(separator: "\n")
    #expect(
      ConfigurationProblems(problems: problems(many)).description.hasSuffix("\n  and 30 more"))
  }

  @Test("CFG-11: a value that looks like a secret is refused and not shown")
  func secret() {
    let found = problems("task: sk-abcdef")
    #expect(found.map(\.rule.code) == ["CFG-11"])
    #expect(found.first?.description.contains("abcdef") == false)
  }

  @Test("the digest ignores what may change and nothing else")
  func digest() {
    for setting in Setting.all {
      var changed = RunConfiguration()
      switch setting.get(changed) {
      case .integer(let value): setting.set(&changed, .integer(value + 1))
      case .number(let value): setting.set(&changed, .number(value + 0.25))
      case .flag(let value): setting.set(&changed, .flag(!value))
      case .text(let value):
        if case .choice(let names) = setting.kind {
          setting.set(&changed, .text(names.first { $0 != value } ?? value))
        } else {
          setting.set(&changed, .text(value + "x"))
        }
      case .list: setting.set(&changed, .list(["other"]))
      }
      #expect((changed.digest == RunConfiguration().digest) == setting.mayChange, "\(setting.key)")
    }
  }
}
