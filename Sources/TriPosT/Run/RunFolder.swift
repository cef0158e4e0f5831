import Boundary

/// The folder of one run: its files, the record of its complete stages, and the lock on both.
///
/// A stage is complete when `run.json` names its outputs with their digests, and `run.json` is replaced
/// in one step after the outputs are durable. So at every moment the folder is the state after some
/// stage plus partial work under names that only that stage reads.
public final class RunFolder {
  public let path: String
  public private(set) var manifest: RunManifest
  let metrics: MetricsLog
  /// Names of unfinished files that an earlier kill left behind; they have been removed.
  public let leftovers: [String]
  private let lock: FolderLock

  /// Makes the folder of a new run, with `config.yaml` and a `run.json` without stages.
  ///
  /// - Throws: `InputError` RUN-17 when there is something in it, RUN-02 when it is in use.
  public static func create(
    _ path: String, configuration: RunConfiguration, origin: RunManifest.Origin
  ) throws -> RunFolder {
    if Files.exists(path) {
      guard Files.isDirectory(path) else {
        throw InputError(.freshFolder, file: path, found: "a file where the run folder should be")
      }
      guard isUnstarted(path) else {
        throw InputError(
          .freshFolder, file: path, found: "the folder is not empty",
          hints: Files.exists(path + "/run.json")
            ? ["--resume continues the run in it"] : ["choose another --output"])
      }
    }
    try Files.createDirectory(path)
    let lock = try FolderLock(path)
    let manifest = RunManifest(
      origin: origin, method: configuration.method.rawValue, task: configuration.task,
      model: configuration.model,
      seeds: [
        "run": .integer(Int64(configuration.seed)),
        "data": .integer(Int64(configuration.data.seed)),
      ])
    try Files.writeAtomically(configuration.yaml, to: path + "/config.yaml")
    try Files.writeAtomically(manifest.text, to: path + "/run.json")
    return try RunFolder(path, manifest, lock)
  }

  /// Opens the folder of a run that was stopped, and checks every complete stage; a folder in which
  /// no run had begun yet is made anew.
  ///
  /// - Throws: `InputError` when it is no run (RUN-07), in use (RUN-02), another run (RUN-09, CFG-13),
  ///   or when a recorded file is not what was recorded (RUN-06, RUN-23).
  public static func resume(
    _ path: String, configuration: RunConfiguration, origin: RunManifest.Origin
  ) throws -> RunFolder {
    let file = path + "/run.json"
    guard Files.exists(file) || !isUnstarted(path) else {
      return try create(path, configuration: configuration, origin: origin)
    }
    let lock = try FolderLock(path)
    let manifest = try RunManifest(parsing: try Files.readText(file), file: file)
    let made = try storedConfiguration(path)
    let differences = configuration.differences(from: made)
    if !differences.isEmpty {
      throw InputError(
        .sameConfiguration, file: path,
        found: "made with other settings: "
          + differences.map { "\($0.key): \($0.there) in the folder, \($0.here) now" }.joined(
            separator: "; "),
        hints: ["choose another --output, or leave these settings as they were"])
    }
    try manifest.origin.check(against: origin, file: file)
    let folder = try RunFolder(path, manifest, lock)
    try folder.verify()
    return folder
  }

  /// Whether there is a run that has come to its end; what is damaged is found elsewhere.
  static func isComplete(_ path: String) -> Bool {
    let file = path + "/run.json"
    guard Files.exists(file), let text = try? Files.readText(file) else { return false }
    return (try? RunManifest(parsing: text, file: file))?.ended != nil
  }

  /// The configuration a run folder was made with.
  public static func storedConfiguration(_ path: String) throws -> RunConfiguration {
    let file = path + "/config.yaml"
    return try RunConfiguration(
      yaml: try Files.readText(file, limit: Limits.configuration), file: file)
  }

  private init(_ path: String, _ manifest: RunManifest, _ lock: FolderLock) throws {
    self.path = path
    self.manifest = manifest
    self.lock = lock
    var leftovers: [String] = []
    for folder in [""] + (try Files.list(path)).filter({ $0.hasPrefix("iteration-") }) {
      let inside = folder.isEmpty ? "" : folder + "/"
      for name in try Files.list(path + "/" + folder) where Self.isTemporary(name) {
        try Files.remove(path + "/" + inside + name)
        leftovers.append(inside + name)
      }
    }
    self.leftovers = leftovers
    metrics = try MetricsLog(path + "/metrics.jsonl")
  }

  /// Names under which this program writes what it renames when it is complete.
  private static func isTemporary(_ name: String) -> Bool {
    name.hasPrefix(Files.temporaryPrefix) || name.hasSuffix(".partial") || name.hasSuffix(".old")
  }

  /// Whether the folder is missing, empty, or where a run was killed before its `run.json`.
  private static func isUnstarted(_ path: String) -> Bool {
    guard let names = try? Files.list(path) else { return !Files.exists(path) }
    return names.allSatisfy { [".lock", "config.yaml"].contains($0) || isTemporary($0) }
  }
}

extension RunFolder {
  /// The path, inside the folder, of a file of an iteration.
  static func name(_ iteration: Int, _ file: String) -> String { "iteration-\(iteration)/\(file)" }

  func url(_ name: String) -> String { path + "/" + name }

  /// The record of a stage, when it is complete.
  func record(_ stage: RunManifest.Stage, _ iteration: Int) -> RunManifest.Record? {
    manifest.records.first { $0.stage == stage && $0.iteration == iteration }
  }

  /// Does a stage unless it is on record, and puts it on record.
  ///
  /// `inputs` are the files inside the folder that `body` reads. It returns the facts of the stage and
  /// the files inside the folder that it leaves, complete and durable. `seconds` tells the time, `leastSeconds` what
  /// the facts' tokens take at the machine's peak.
  func complete(
    _ stage: RunManifest.Stage, _ iteration: Int, inputs: [String], seconds: () -> Double,
    leastSeconds: (JSONObject) -> Double? = { _ in nil },
    _ body: () throws -> (facts: JSONObject, outputs: [String])
  ) throws -> RunManifest.Record {
    if let record = record(stage, iteration) { return record }
    try Files.createDirectory(url("iteration-\(iteration)"))
    let inputDigests = try digests(of: inputs)
    let start = seconds()
    let (facts, outputs) = try body()
    let record = RunManifest.Record(
      iteration: iteration, stage: stage, inputs: inputDigests, outputs: try digests(of: outputs),
      facts: facts, seconds: rounded(seconds() - start))
    var clock: JSONObject = ["seconds": .number(record.seconds)]
    if record.seconds > 0, let least = leastSeconds(facts) {
      clock["share_of_peak"] = .number(rounded(least / record.seconds))
    }
    try metrics.record(stage.rawValue, iteration: iteration, numbers: facts, clock: clock)
    try metrics.sync()
    manifest.records.append(record)
    try Files.writeAtomically(manifest.text, to: url("run.json"))
    return record
  }

  /// Puts on record that no further stage will come.
  func end(_ reason: String) throws {
    guard manifest.ended == nil else { return }
    manifest.ended = reason
    try Files.writeAtomically(manifest.text, to: url("run.json"))
  }

  /// Takes over the stages of an iteration from the folder of another run: files, records and events.
  ///
  /// - Throws: `InputError` RUN-06 when a file there is not what its record says.
  func adopt(iteration: Int, from other: String) throws {
    let file = other + "/run.json"
    let manifest = try RunManifest(parsing: try Files.readText(file), file: file)
    let records = manifest.records.filter { $0.iteration == iteration }
    for record in records {
      for (name, digest) in record.outputs.sorted(by: { $0.key < $1.key }) {
        let bytes = try Files.read(other + "/" + name)
        guard SHA256.hex(of: bytes) == digest else {
          throw InputError(
            .stageOutput, file: other + "/" + name, found: "changed since the run wrote it")
        }
        try Files.createDirectory(Files.folder(of: url(name)))
        try Files.writeAtomically(bytes, to: url(name))
      }
    }
    try metrics.adopt(iteration: iteration, of: MetricsLog(other + "/metrics.jsonl"))
    try metrics.sync()
    self.manifest.records += records
    try Files.writeAtomically(self.manifest.text, to: url("run.json"))
  }

  private func digests(of names: [String]) throws -> [String: String] {
    var digests: [String: String] = [:]
    for name in names { digests[name] = try SHA256.hexOfFile(url(name)) }
    return digests
  }

  /// Every output is as recorded, and every input is the output that the stage before recorded.
  private func verify() throws {
    var written: [String: String] = [:]
    for record in manifest.records {
      let entry = "iteration \(record.iteration), stage \(record.stage.rawValue)"
      for (name, digest) in record.inputs.sorted(by: { $0.key < $1.key })
      where written[name] != digest {
        throw InputError(
          .stageInput, file: url("run.json"), at: .init(entry: entry, field: name),
          found: "made from another version of this file than the one on record")
      }
      for (name, digest) in record.outputs.sorted(by: { $0.key < $1.key }) {
        guard Files.exists(url(name)), try SHA256.hexOfFile(url(name)) == digest else {
          throw InputError(
            .stageOutput, file: url(name), at: .init(entry: entry),
            found: Files.exists(url(name)) ? "changed since the run wrote it" : "missing",
            hints: ["restore the file, or start the run anew"])
        }
        written[name] = digest
      }
    }
  }
}

extension RunManifest.Origin {
  /// Throws RUN-09 with what differs between the run's origin and this process.
  fileprivate func check(against now: Self, file: String) throws {
    var differences: [String] = []
    func compare(_ name: String, _ made: String, _ now: String) {
      if made != now { differences.append("\(name): \(made) then, \(now) now") }
    }
    compare("program version", version, now.version)
    compare("model SHA-256", String(modelDigest.prefix(16)), String(now.modelDigest.prefix(16)))
    let files = dataDigests.merging(judgeDigests) { $1 }
    let current = now.dataDigests.merging(now.judgeDigests) { $1 }
    for (path, digest) in files.sorted(by: { $0.key < $1.key }) {
      let current = current[path] ?? "none"
      if digest != current {
        throw InputError(
          .sameData, file: path,
          found: "changed since the run began: SHA-256 \(digest.prefix(16)) then, "
            + "\(current.prefix(16)) now")
      }
    }
    if !differences.isEmpty {
      throw InputError(
        .sameRun, file: file,
        found: "the run began with another origin: " + differences.joined(separator: "; "))
    }
  }
}
