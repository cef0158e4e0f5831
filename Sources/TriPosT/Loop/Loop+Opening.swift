import Boundary
public import Llama
import QuantKernels

// How a run gets its model, student and folder together.

extension Loop {
  /// Opens all that a configuration names; nothing is written before all of it has been read.
  ///
  /// - Parameters:
  ///   - configuration: What to run.
  ///   - resuming: Whether a run that is in the output folder goes on; a new one needs an empty folder.
  ///   - version: The program's, which a run sticks to.
  ///   - loaded: The model that the configuration names, where it has been read before.
  ///   - transport: Sends requests to an endpoint.
  ///   - seconds: The time on a clock that never goes back; only for what is shown.
  ///   - report: Sees what happens; may throw to stop.
  /// - Throws: `ConfigurationProblems` when paths do not lead anywhere; `InputError` for the rest.
  public convenience init(
    opening configuration: RunConfiguration, resuming: Bool, version: String,
    loaded: LoadedModel? = nil, transport: (any EndpointTransport)? = nil,
    seconds: @escaping () -> Double,
    report: @escaping (RunEvent) throws -> Void
  ) throws {
    try configuration.checkPaths()
    if configuration.threads > 0 { Kernels.threads = configuration.threads }
    var course = try Course(configuration)
    let memory = configuration.memory > 0 ? configuration.memory << 20 : nil
    let loaded = try loaded ?? LoadedModel(configuration.model, memory: memory)
    let judges = try Judges(
      configuration, task: course.name, base: loaded, transport: transport)
    if let judges { course = course.judged(by: judges) }
    let origin = RunManifest.Origin(
      version: version, instructionSet: "\(Kernels.instructionSet)", modelDigest: loaded.digest,
      modelBytes: try Files.size(configuration.model), configurationDigest: configuration.digest,
      dataDigests: try configuration.fileDigests(), judgeDigests: judges?.digests ?? [:])
    let student = LlamaStudent(
      loaded.model, modelDigest: loaded.digest, settings: configuration.lora,
      parallel: configuration.parallel, memory: memory)
    // A run that is complete asks nobody.
    if !resuming || !RunFolder.isComplete(configuration.output) { try judges?.desk.check() }
    let folder =
      resuming
      ? try RunFolder.resume(configuration.output, configuration: configuration, origin: origin)
      : try RunFolder.create(configuration.output, configuration: configuration, origin: origin)
    try judges?.desk.open(folder.url("replies.jsonl"))
    self.init(
      configuration, course: course, student: student, folder: folder, modelDigest: loaded.digest,
      seconds: seconds, report: report)
  }
}

/// A base model in memory, with what names it.
public struct LoadedModel {
  public let model: LlamaModel
  /// SHA-256 of the file.
  public let digest: String

  /// Reads a GGUF file below a ceiling on the process' memory in bytes.
  ///
  /// - Throws: `InputError` when the file is no model that can be run.
  public init(_ path: String, memory: Int? = nil) throws {
    digest = try SHA256.hexOfFile(path)
    model = try LlamaModel(path, memory: memory)
  }
}

extension RunConfiguration {
  /// The SHA-256 of every file that questions come from.
  func fileDigests() throws -> [String: String] {
    var digests: [String: String] = [:]
    let task = TaskFile.isFolder(task) ? try TaskFile(task).files : []
    for path in task + data.files {
      digests[path] = try SHA256.hexOfFile(path)
    }
    return digests
  }
}

extension RunConfiguration {
  /// What is wrong with the paths, all of it at once (CFG-09).
  func checkPaths() throws {
    var problems = modelProblems
    func refuse(_ key: String, _ found: String, _ hints: [String] = []) {
      problems.append(InputError(.pathExists, at: .init(field: key), found: found, hints: hints))
    }
    if output.isEmpty {
      refuse("output", "no run folder is named", ["name one with --output runs/x"])
    } else if Files.exists(output), !Files.isDirectory(output) {
      refuse("output", "\(escaped(output)) is a file, not a folder")
    }
    for (role, judge) in judges where judge.kind == .model && !Files.exists(judge.model) {
      refuse("\(role.rawValue).model", "\(escaped(judge.model)) does not exist")
    }
    if !prompts.isEmpty, !Files.isDirectory(prompts) {
      refuse("prompts", "\(escaped(prompts)) is no folder")
    }
    if !openingFrom.isEmpty, !Files.exists(openingFrom + "/run.json") {
      refuse("opening_from", "there is no run in \(escaped(openingFrom))")
    }
    if method == .rationale, !Files.exists(controlTokensFrom + "/run.json") {
      refuse("control_tokens_from", "there is no run in \(escaped(controlTokensFrom))")
    }
    try ConfigurationProblems.throwIfAny(problems)
  }

  /// What is wrong with the model's path (CFG-09).
  var modelProblems: [InputError] {
    func refuse(_ found: String, _ hints: [String] = []) -> [InputError] {
      [InputError(.pathExists, at: .init(field: "model"), found: found, hints: hints)]
    }
    if model.isEmpty { return refuse("no model is named", ["name one with -m MODEL.gguf"]) }
    if !Files.exists(model) { return refuse("\(escaped(model)) does not exist") }
    if Files.isDirectory(model) { return refuse("\(escaped(model)) is a folder, not a GGUF file") }
    return []
  }
}
