public import Boundary
import Llama
import QuantKernels

/// What a checkpoint must be; rules of `docs/bad-inputs.md`, section 16.
extension InputError.Rule {
  static let checkpointWhole = Self("RUN-06", exit: .malformedFile)
  static let manifestWhole = Self("RUN-07", exit: .malformedFile)
  static let checkpointOfThisRun = Self("RUN-09", exit: .mismatch)
  static let countersAgree = Self("RUN-10", exit: .malformedFile)
  static let checkpointBatches = Self("RUN-15", exit: .mismatch)
  static let checkpointFinite = Self("RUN-20", exit: .diverged)
}

/// A folder of training checkpoints, `step-00000150` and so on.
///
/// A checkpoint is itself a folder: the adapter as PEFT keeps it, the optimizer's moments, and a
/// manifest with the step and each file's size and SHA-256. It is written under another name,
/// synced and renamed, so one that has its name is whole; the newest that verifies is the truth. With validation, the
/// checkpoint of the best step stays, too.
public struct CheckpointFolder {
  /// Where the checkpoints are.
  public let path: String
  /// What must be equal for a checkpoint to be of use: the model's digest, and whatever else the
  /// caller names.
  public let identity: JSONObject

  static let manifestName = "manifest.json"
  static let optimizerName = "optimizer.safetensors"
  static let format: Int64 = 1
  /// Checkpoints kept beside the newest.
  static let spares = 1

  /// The checkpoints in a folder; `identity` says everything but options and rows, which the trainer
  /// knows.
  public init(_ path: String, identity: JSONObject) {
    self.path = path
    self.identity = identity
  }

  /// Saves where a trainer stands, then removes all but the newest two and the best.
  ///
  /// - Throws: `InputError` RUN-20 when a value is not finite; input/output errors.
  public func write(_ trainer: Trainer) throws {
    let name = Self.name(trainer.step)
    for part in trainer.adapter.parts {
      guard part.parameters.allSatisfy({ squaredSum($0).isFinite }) else {
        throw InputError(
          .checkpointFinite, file: "\(path)/\(name)", at: .init(entry: "\(part.site)"),
          found: "a value of the adapter", allowed: "finite",
          hints: ["the checkpoint before is as it was"])
      }
    }
    let files =
      PEFTAdapter.files(of: trainer.adapter)
      + [FileInPieces(Self.optimizerName, Self.optimizerFile(trainer).write)]
    let entries: [JSONValue] = try files.map { file in
      let (bytes, digest) = try file.measured()
      return [
        "name": .string(file.name), "bytes": .integer(Int64(bytes)), "sha256": .string(digest),
      ]
    }
    var members: JSONObject = [
      "format": .integer(Self.format), "step": .integer(Int64(trainer.step)),
      "identity": .object(fullIdentity(trainer)), "files": .array(entries),
    ]
    if trainer.validation != nil { members["validation"] = trainer.record.json }
    let manifest = JSONValue.object(members)
    let sealed: JSONValue = [
      "manifest": manifest, "sha256": .string(SHA256.hex(of: Array(manifest.serialized.utf8))),
    ]
    try Files.createDirectory(path)
    try writeFolder(
      files + [FileInPieces(Self.manifestName, bytes: Array(sealed.serialized.utf8))],
      to: "\(path)/\(name)", replacing: true)
    let best = trainer.record.best.map { Self.name($0.step) }
    for old in try checkpoints().dropLast(Self.spares + 1) where old != best {
      try Files.remove("\(path)/\(old)")
    }
  }

  /// The path of the newest checkpoint; nil where there is none.
  func newest() throws -> String? {
    guard Files.exists(path) else { return nil }
    return try checkpoints().last.map { "\(path)/\($0)" }
  }

  /// The adapter of the step that validation found best; what the trainer has where there is no validation.
  ///
  /// - Throws: `InputError` when that checkpoint is gone or damaged.
  public func bestAdapter(of trainer: Trainer) throws -> Adapter {
    guard let best = trainer.record.best, best.step != trainer.step else { return trainer.adapter }
    let name = Self.name(best.step)
    _ = try verified(name)
    return try PEFTAdapter.read("\(path)/\(name)", shape: trainer.adapter.shape)
  }

  /// Brings a trainer to the newest checkpoint that verifies.
  ///
  /// - Returns: What was found wrong with newer ones and cleared away, one line each; nil where
  ///   there is no checkpoint at all.
  /// - Throws: `InputError`: RUN-06 where none verifies, RUN-09 or RUN-15 where one is of another
  ///   run.
  public func restore(_ trainer: Trainer) throws -> [String]? {
    guard Files.exists(path) else { return nil }
    var notes: [String] = []
    for name in try Files.list(path) where name.hasSuffix(".partial") || name.hasSuffix(".old") {
      try Files.remove("\(path)/\(name)")
      notes.append("\(path)/\(name): left over from a run that was killed; removed")
    }
    let names = try checkpoints()
    guard !names.isEmpty else { return nil }
    var last: InputError?
    for name in names.reversed() {
      do {
        let manifest = try verified(name)
        try checkIdentity(manifest, trainer, file: "\(path)/\(name)")
        try load(name, manifest, into: trainer)
        return notes
      } catch let error as InputError where error.exit == .malformedFile {
        notes.append(error.description)
        last = error
      }
    }
    throw InputError(
      last?.rule ?? .checkpointWhole, file: path, found: "no checkpoint verifies",
      hints: last.map { [$0.description] } ?? [])
  }

  private static func name(_ step: Int) -> String {
    let digits = "\(step)"
    return "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
  }

  /// The names of checkpoints, oldest first.
  private func checkpoints() throws -> [String] {
    try Files.list(path).filter { $0.hasPrefix("step-") && Int($0.dropFirst(5)) != nil }
      .sorted { (Int($0.dropFirst(5)) ?? 0) < (Int($1.dropFirst(5)) ?? 0) }
  }

  private func fullIdentity(_ trainer: Trainer) -> JSONObject {
    var all = identity
    for (key, value) in trainer.options.identity { all[key] = value }
    all["rows_sha256"] = .string(Self.digest(of: trainer.rows))
    if let validation = trainer.validation {
      all["validation_rows_sha256"] = .string(Self.digest(of: validation.rows))
      all["validation_interval"] = .integer(Int64(validation.interval))
      all["patience"] = validation.patience.map { .integer(Int64($0)) } ?? .null
    }
    return all
  }

  private static func digest(of rows: [TrainingRow]) -> String {
    var hash = SHA256()
    for row in rows {
      var bytes: [UInt8] = []
      appendLittleEndian(Int64(row.tokens.count), to: &bytes)
      for token in row.tokens { appendLittleEndian(Int32(truncatingIfNeeded: token), to: &bytes) }
      for weight in row.weights { appendLittleEndian(weight.bitPattern, to: &bytes) }
      hash.update(bytes)
    }
    return hash.finalize()
  }

  /// The manifest of a checkpoint whose files are all as it says.
  private func verified(_ name: String) throws -> JSONValue {
    let folder = "\(path)/\(name)"
    let manifestPath = "\(folder)/\(Self.manifestName)"
    guard Files.exists(manifestPath) else {
      throw InputError(.manifestWhole, file: manifestPath, found: "the file is missing")
    }
    let sealed: JSONValue
    do {
      sealed = try JSONValue(
        parsing: Files.readText(manifestPath, limit: 1 << 24), file: manifestPath)
    } catch let error as InputError {
      throw InputError(.manifestWhole, file: manifestPath, at: error.place, found: error.found)
    }
    guard let manifest = sealed["manifest"],
      sealed["sha256"]?.string == SHA256.hex(of: Array(manifest.serialized.utf8))
    else {
      throw InputError(.manifestWhole, file: manifestPath, found: "the manifest's digest is wrong")
    }
    guard manifest["format"]?.int == Int(Self.format) else {
      throw InputError(
        .manifestWhole, file: manifestPath, at: .init(field: "format"),
        found: manifest["format"]?.serialized ?? "nothing", allowed: "\(Self.format)")
    }
    var names = [Self.manifestName]
    for entry in manifest["files"]?.array ?? [] {
      let file = entry["name"]?.string ?? ""
      names.append(file)
      let whole = "\(folder)/\(file)"
      guard Files.exists(whole) else {
        throw InputError(.checkpointWhole, file: whole, found: "the file is missing")
      }
      let size = try Files.size(whole)
      guard size == entry["bytes"]?.int else {
        throw InputError(
          .checkpointWhole, file: whole, found: "\(size) bytes",
          allowed: "the \(entry["bytes"]?.serialized ?? "?") of the manifest")
      }
      guard try SHA256.hexOfFile(whole) == entry["sha256"]?.string else {
        throw InputError(
          .checkpointWhole, file: whole, found: "its digest differs from the manifest's")
      }
    }
    for extra in try Files.list(folder) where !names.contains(extra) {
      throw InputError(
        .checkpointWhole, file: "\(folder)/\(extra)",
        found: "a file that the manifest does not name")
    }
    return manifest
  }

  private func checkIdentity(_ manifest: JSONValue, _ trainer: Trainer, file: String) throws {
    let wanted = fullIdentity(trainer)
    let found = manifest["identity"]?.object ?? [:]
    for key in wanted.keys + found.keys where wanted[key] != found[key] {
      throw InputError(
        key == "batch" || key == "accumulation" ? .checkpointBatches : .checkpointOfThisRun,
        file: file, at: .init(field: key), found: found[key]?.serialized ?? "nothing",
        allowed: "this run's \(wanted[key]?.serialized ?? "nothing")")
    }
  }

  private func load(_ name: String, _ manifest: JSONValue, into trainer: Trainer) throws {
    let folder = "\(path)/\(name)"
    let optimizer = try SafetensorsFile("\(folder)/\(Self.optimizerName)")
    guard let step = manifest["step"]?.int, Self.name(step) == name,
      optimizer.metadata["step"] == "\(step)", step <= trainer.steps
    else {
      throw InputError(
        .countersAgree, file: folder, at: .init(field: "step"),
        found: "\(name), manifest \(manifest["step"]?.serialized ?? "?"), "
          + "optimizer \(optimizer.metadata["step"] ?? "?")",
        allowed: "one step of \(trainer.steps)")
    }
    let adapter = try PEFTAdapter.read(folder, shape: trainer.adapter.shape)
    guard adapter.parts.map(\.site) == trainer.adapter.parts.map(\.site),
      adapter.parts.map(\.update.scale) == trainer.adapter.parts.map(\.update.scale),
      adapter.parts.map(\.update.rank) == trainer.adapter.parts.map(\.update.rank),
      adapter.parts.map(\.parameters.count) == trainer.adapter.parts.map(\.parameters.count)
    else {
      throw InputError(
        .checkpointOfThisRun, file: folder, found: "an adapter of other sites, ranks or alphas")
    }
    let moments = try Self.names(of: trainer).map { name, moments in
      guard let put = moments.read(name, from: optimizer) else {
        throw InputError(
          .checkpointOfThisRun, file: optimizer.path, at: .init(entry: "moments of \"\(name)\""),
          found: "nothing of that name and shape")
      }
      return put
    }
    var record = ValidationRecord()
    if trainer.validation != nil {
      guard let saved = ValidationRecord(manifest["validation"]) else {
        throw InputError(
          .manifestWhole, file: "\(folder)/\(Self.manifestName)", at: .init(field: "validation"),
          found: manifest["validation"]?.serialized ?? "nothing")
      }
      record = saved
    }
    // Nothing is changed before everything has been read.
    for put in moments { put() }
    for (part, saved) in zip(trainer.adapter.parts, adapter.parts) {
      for (values, saved) in zip(part.parameters, saved.parameters) { values.copy(from: saved) }
      part.update.refresh()
    }
    trainer.step = step
    trainer.record = record
  }

  private static func names(of trainer: Trainer) -> [(String, Moments)] {
    zip(trainer.adapter.parts, trainer.moments).flatMap { part, moments in
      zip(["a", "b", "magnitude"], moments).map { ("\(part.site).\($0)", $1) }
    }
  }

  private static func optimizerFile(_ trainer: Trainer) -> SafetensorsWriter {
    var writer = SafetensorsWriter(metadata: [("step", "\(trainer.step)")])
    for (name, moments) in names(of: trainer) { moments.write(name, to: &writer) }
    return writer
  }
}
