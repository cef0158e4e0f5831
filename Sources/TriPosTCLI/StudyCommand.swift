import ArgumentParser
import Boundary
import EndpointHTTP
import Llama
import QuantKernels
import TriPosT
import TriPosTReport

/// Many runs and the tables over them.
struct StudyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "study",
    abstract: "Runs a grid of methods, tasks and settings, and tabulates the results.",
    discussion: """
      The file lists methods, tasks, models, seeds, values of p and w, and settings; \
      every combination is a run. What runs have in common (ft rationale of a task, \
      model and seed) is done once. The same command goes on with a study that was \
      stopped. A run that fails does not stop the others; the exit code then is that \
      of the first failure.

      The tables are printed and lie in the study's folder: tables.txt, tables.md, and \
      each as CSV. report.html there shows them with curves and intervals.

      Examples:
        tripost study studies/quick.yaml --dry-run
        tripost study studies/quick.yaml --jobs 2
        tripost study studies/paper-main.yaml --output runs/paper --tables
      """)

  @Argument(help: ArgumentHelp("The study in YAML.", valueName: "study.yaml"), transform: filePath)
  var study: String

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The study's folder, in the place of the file's.", valueName: "folder"))
  var output: String?

  @Flag(help: "Print what would be run, how long it takes and how much memory, and stop.")
  var dryRun = false

  @Flag(help: "Print the tables of what is complete, and stop.")
  var tables = false

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      """
      Runs at a time, each in a process of its own with its share of the threads; 1 unless set. \
      Quicker with small models, which leave cores idle.
      """, valueName: "n"))
  var jobs = 1

  @OptionGroup var threads: ThreadOption

  @Flag(help: "Print runs and figures as one JSON object.")
  var json = false

  func run() throws {
    threads.apply()
    do {
      let text = try Files.readText(study, limit: Limits.configuration)
      let plan = try StudyPlan(yaml: text, file: study, output: output)
      try plan.checkModels()
      if tables { return try show(plan.results()) }
      if dryRun {
        let estimate = try estimate(plan)
        return try Console.print(json ? estimate.json.serialized : estimate.description)
      }
      let results = try run(plan)
      let report = try Report(of: plan.output)
      try report.write()
      try show(results)
      StandardStreams.writeError("report: \(escaped(report.file, limit: 512))\n")
      if let failure = results.failure { throw failure }
    } catch let problems as ConfigurationProblems where problems.problems.count == 1 {
      throw problems.problems[0]
    }
  }

  private func show(_ results: StudyResults) throws {
    try Console.print(json ? results.json.serialized : results.description)
  }

  private func estimate(_ plan: StudyPlan) throws -> StudyEstimate {
    try StudyEstimate(plan) { configuration in
      let model = try LoadedModelOption.load(configuration.model)
      let tokens = min(configuration.train.maxLength, 512)
      let speed = try WorkSpeed(
        model, parallel: configuration.parallel,
        positions: 2 * configuration.evaluation.maxNewTokens, batch: configuration.train.batch,
        tokens: tokens)
      return (speed, { model.tokenizer.encode($0, addingBOS: false).count })
    }
  }

  private func run(_ plan: StudyPlan) throws -> StudyResults {
    let watch = RunProgress()
    let start = ContinuousClock.now
    var models: [String: LoadedModel] = [:]
    let study = try Study(plan) { configuration, report in
      let memory = configuration.memory > 0 ? configuration.memory << 20 : nil
      let loaded =
        try models[configuration.model] ?? LoadedModel(configuration.model, memory: memory)
      models = [configuration.model: loaded]
      return try Loop(
        opening: configuration, resuming: true, version: Root.version, loaded: loaded,
        transport: HTTPTransport(), seconds: { (ContinuousClock.now - start) / .seconds(1) },
        report: report)
    } report: { event in
      switch event {
      case .began(let cell, let number, let total):
        StandardStreams.writeError("run \(number) of \(total): \(escaped(cell.id, limit: 512))\n")
      case .run(let event): try watch.show(event)
      case .ended(let cell):
        // The study's report links to those of its runs.
        let folder = cell.configuration.output
        if !Files.exists(folder + "/report.html") { try Report(of: folder).write() }
      case .failed(let cell, let error):
        let found = escaped(error.found, limit: 512)
        StandardStreams.writeError(
          "failed: \(escaped(cell.id, limit: 512)): \(error.rule.code), \(found)\n")
      }
    }
    guard jobs > 1 else { return try study.run() }
    let share = max(1, Kernels.threads / jobs)
    return try study.run(jobs: jobs) { cell in
      let file = cell.configuration.output + ".yaml"
      try Files.createDirectory(cell.configuration.output)
      try Files.writeAtomically(cell.configuration.yaml, to: file)
      let program = CommandLine.arguments[0]
      return try ChildProcess(
        [program, "run", file, "--resume", "--threads", "\(share)"], inheritingAll: true)
    }
  }

  func validate() throws { try check("--jobs", jobs, in: 1...1024) }
}
