import ArgumentParser
import Boundary
import EndpointHTTP
import TriPosT
import TriPosTReport

/// The main job: the whole TriPosT loop.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Teaches a model to correct its own mistakes: the whole TriPosT loop.",
    discussion: """
      The model first learns ground-truth rationales with a LoRA adapter. Then,
      iteration by iteration, it answers the training questions, its attempts are
      judged and repaired, and it learns from the repaired ones. Every iteration is
      tested; the table of all tests is the result.

      Everything goes into the output folder; report.html there shows all of it. A run that was stopped, even by
      kill -9, goes on with --resume to the same bytes. Settings come from the file,
      then from --set and the other flags; --settings lists them all, with the
      defaults of the task.

      Tasks: \(Course.names.joined(separator: ", "));
      several of them joined by +, which one adapter learns together; or a folder with
      a task of your own (docs/tasks.md).

      Methods: \(Method.allCases.map(\.rawValue).joined(separator: ", ")).

      Examples:
        tripost run --task multistep_arithmetic -m model.gguf --output runs/first
        tripost run --task word_sorting -m model.gguf --output runs/words
        tripost run --task word_sorting+logical_deduction --output runs/both
        tripost run --output runs/first --resume
        tripost run experiment.yaml --seed 2 --output runs/seed-2
        tripost run -m model.gguf --output runs/w1 --set train.self_improve_weight=1
        tripost run -m model.gguf --output runs/asked --set feedback.kind=endpoint \\
          --set endpoint.url=http://localhost:8080 --set endpoint.model=name
        tripost run -m model.gguf --output runs/second --set feedback.kind=model \\
          --set feedback.model=large.gguf
        tripost run --method lmsi --output runs/lmsi --set opening_from=runs/first
        tripost run --method rationale --output runs/control \\
          --set control_tokens_from=runs/first
      """)

  @Argument(
    help: ArgumentHelp("A configuration in YAML.", valueName: "config.yaml"),
    transform: filePath)
  var config: String?

  @Option(help: ArgumentHelp("The task: a name or a folder.", valueName: "task"))
  var task: String?

  @Option(help: ArgumentHelp("What the model learns from; tripost unless set.", valueName: "name"))
  var method: String?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The base model, a GGUF file.", valueName: "file"),
    transform: filePath)
  var model: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("The run folder.", valueName: "folder"))
  var output: String?

  @Flag(help: "Go on with the run in the output folder, or begin it there.")
  var resume = false

  @Option(name: .shortAndLong, help: ArgumentHelp("Where random numbers start.", valueName: "n"))
  var seed: Int?

  @Option(help: ArgumentHelp("TriPosT iterations.", valueName: "n"))
  var iterations: Int?

  @OptionGroup var memory: MemoryOption
  @OptionGroup var threads: ThreadOption

  @Option(
    help: ArgumentHelp("Any setting, once for each: --set lora.rank=8.", valueName: "key=value"))
  var set: [String] = []

  @Flag(help: "Print all settings with their values and stop.")
  var settings = false

  @Flag(help: "Print the evaluations as one JSON array.")
  var json = false

  func run() throws {
    do {
      let configuration = try self.resolved()
      if settings { return try Console.print(configuration.yaml) }
      let watch = RunProgress()
      let start = ContinuousClock.now
      let loop = try Loop(
        opening: configuration, resuming: resume, version: Root.version,
        transport: HTTPTransport(), seconds: { (ContinuousClock.now - start) / .seconds(1) },
        report: watch.show)
      let table = try loop.run()
      let report = try Report(of: configuration.output)
      try report.write()
      try Console.print(
        json ? table.json.serialized : "\(table)\nreport         \(report.file)")
    } catch let problems as ConfigurationProblems where problems.problems.count == 1 {
      throw problems.problems[0]
    }
  }

  /// The file's settings, or those of the run to go on with, under those of the command line.
  private func resolved() throws -> RunConfiguration {
    var overrides: [RunConfiguration.Override] = []
    for (key, value) in [
      ("task", task), ("method", method), ("model", model), ("output", output),
      ("seed", seed.map(String.init)),
      ("iterations", iterations.map(String.init)), ("threads", threads.threads.map(String.init)),
      ("memory", memory.bytes.map { String(max(1, $0 >> 20)) }),
    ] {
      if let value { overrides.append(.init(key, value)) }
    }
    overrides += set.map(override)
    var file = config
    if file == nil, resume, let output, Files.exists(output + "/run.json") {
      file = output + "/config.yaml"
    }
    let yaml = try file.map { try Files.readText($0, limit: Limits.configuration) }
    return try RunConfiguration(yaml: yaml, file: file, overrides: overrides)
  }

  func validate() throws { try checkSettings(set) }
}

/// Refuses a `--set` without a sign in it.
func checkSettings(_ texts: [String]) throws {
  for text in texts where !text.contains("=") {
    throw ValidationError("--set needs key=value, not '\(text)'")
  }
}

/// The setting that a checked `key=value` means.
func override(_ text: String) -> RunConfiguration.Override {
  let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
  return .init(String(parts[0]), String(parts.last ?? ""))
}

/// Shows what happens in a run: a line that moves, and one that stays for every stage.
final class RunProgress {
  private var line: (label: String, tokensBefore: Int, progress: ConsoleProgress)?

  func show(_ event: RunEvent) throws {
    switch event {
    case .note(let text): StandardStreams.writeError(escaped(text, limit: 512) + "\n")
    case .stageBegan: break
    case .progress(let stage, let progress):
      let label = "\(stage), \(progress.unit)"
      if line?.label != label {
        line?.progress.finish()
        line = (label, progress.tokens, ConsoleProgress(label))
      }
      line?.progress.update(
        done: progress.done, of: progress.total,
        tokens: progress.tokens - (line?.tokensBefore ?? 0),
        facts: progress.loss.map { [ConsoleProgress.words(loss: $0)] } ?? [])
    case .stageEnded(let stage, let numbers, let seconds):
      line?.progress.finish()
      line = nil
      StandardStreams.writeError("\(stage) done in \(rounded(seconds)) s: \(words(numbers))\n")
    }
  }

  /// The numbers of a stage in a line: plain ones as they are, an evaluation as its accuracy.
  private func words(_ numbers: JSONObject) -> String {
    numbers.compactMap { key, value -> String? in
      if let accuracy = value["accuracy"]?.double { return "\(key) \(rounded(accuracy * 100)) %" }
      switch value {
      case .integer(let number): return "\(key) \(number)"
      case .number(let number): return "\(key) \((number * 10_000).rounded() / 10_000)"
      case .string(let text): return "\(key) \(escaped(text))"
      default: return nil
      }
    }.joined(separator: ", ")
  }

  private func rounded(_ number: Double) -> String { "\((number * 10).rounded() / 10)" }
}
