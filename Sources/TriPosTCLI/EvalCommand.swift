import ArgumentParser
import Boundary
import Llama
import QuantKernels
import TriPosT

/// Tests a model on a task.
struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Tests a model, with or without an adapter, on a task's questions.",
    discussion: """
      Answers are greedy. A self-improving model writes an attempt, judges it, and
      updates it until it finds nothing wrong, without any critic or improver;
      --mode single is for a model that has learnt rationales only. The questions are
      those of a run with the same data settings, or those of BIG-Bench-Hard and
      official TriPosT files. An adapter may be tested on tasks that it was not
      trained on.

      Tasks: \(Course.names.joined(separator: ", "));
      several joined by +; or a folder with a task of your own (docs/tasks.md).

      Examples:
        tripost eval -m model.gguf --lora runs/first/iteration-3/adapter
        tripost eval -m model.gguf --lora adapter.gguf --json
        tripost eval -m model.gguf --lora runs/first/iteration-3/adapter \\
          --task word_sorting
        tripost eval -m model.gguf --task logical_deduction \\
          --set data.test_files=logical_deduction_five_objects.json
        tripost eval -m model.gguf --mode single --set data.test_per_shape=10
      """)

  @OptionGroup var model: LoadedModelOption

  @Option(
    help: ArgumentHelp("An adapter: a PEFT folder or a GGUF file.", valueName: "path"),
    transform: filePath)
  var lora: String?

  @Option(help: ArgumentHelp("The task: a name or a folder.", valueName: "task"))
  var task = Course.names[0]

  @Option(
    help: ArgumentHelp(
      "One of \(EvaluationMode.names); self-improving with an adapter, unless set.",
      valueName: "mode"))
  var mode: String?

  @Option(help: ArgumentHelp("Sequences in flight.", valueName: "n"))
  var parallel = 64

  @OptionGroup var memory: MemoryOption
  @OptionGroup var threads: ThreadOption

  @Option(
    help: ArgumentHelp(
      "A setting of the task or the test, once for each.", valueName: "key=value"))
  var set: [String] = []

  @Flag(help: #"Print {"task","split":{"seen":{…},"unseen":{…},"all":{…}}}."#)
  var json = false

  func validate() throws {
    try check("--parallel", parallel, in: 1...4096)
    try checkSettings(set)
    if let mode, EvaluationMode(rawValue: mode) == nil {
      throw ValidationError("--mode is one of \(EvaluationMode.names), not '\(mode)'")
    }
  }

  func run() throws {
    threads.apply()
    do {
      let evaluation = try self.evaluation()
      try Console.print(
        json
          ? evaluation.json.serialized
          : "\(ResultTable(evaluation, label: evaluation.mode.rawValue))")
    } catch let problems as ConfigurationProblems where problems.problems.count == 1 {
      throw problems.problems[0]
    }
  }

  private func evaluation() throws -> Evaluation {
    // A test asks neither critic nor improver, so no setting of theirs is needed.
    let configuration = try RunConfiguration(
      yaml: nil,
      overrides: [.init("task", task), .init("method", Method.ftRationale.name)]
        + set.map(override))
    let course = try Course(configuration)
    for note in course.notes { Console.warn(note) }
    let student = LlamaStudent(
      try model.load(memory: memory.bytes), modelDigest: try SHA256.hexOfFile(model.model),
      settings: configuration.lora, parallel: parallel, memory: memory.bytes)
    if let lora { try student.loadAdapter(lora) }
    let mode =
      mode.flatMap(EvaluationMode.init(rawValue:)) ?? (lora == nil ? .single : .selfImproving)
    var line: ConsoleProgress?
    var generation = 0
    defer { line?.finish() }
    return try Evaluation(of: student, on: course, mode: mode, configuration: configuration) {
      progress in
      try Stopped.check()
      if progress.generation != generation {
        generation = progress.generation
        line?.finish()
        line = ConsoleProgress("questions, generation \(generation)")
      }
      line?.update(done: progress.done, of: progress.total, tokens: progress.tokens)
    }
  }
}

extension EvaluationMode {
  fileprivate static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
