public import Boundary

/// `run.json`: what ran, on what, and which stages are complete.
public struct RunManifest: Equatable, Sendable {
  /// One step of an iteration; complete when its record is in the manifest.
  public enum Stage: String, CaseIterable, Sendable {
    /// Attempts are sampled and edited.
    case practise
    /// The texts to train on are chosen.
    case mix
    case train, evaluate
  }

  /// A complete stage: what it read and wrote, by path inside the folder and SHA-256.
  public struct Record: Equatable, Sendable {
    public let iteration: Int
    public let stage: Stage
    public let inputs: [String: String]
    public let outputs: [String: String]
    /// Numbers about the stage that later ones need; the same in every repetition.
    public let facts: JSONObject
    /// Wall-clock seconds of the process that completed it.
    public let seconds: Double
  }

  /// What has to be the same when a run is resumed.
  public struct Origin: Equatable, Sendable {
    public let version: String
    public let instructionSet: String
    /// SHA-256 and bytes of the model file.
    public let modelDigest: String
    public let modelBytes: Int
    public let configurationDigest: String
    /// SHA-256 of the files that questions came from, by path.
    public let dataDigests: [String: String]
    /// SHA-256 of what decides the replies of critic and improver, by the setting that names it.
    public let judgeDigests: [String: String]

    public init(
      version: String, instructionSet: String, modelDigest: String, modelBytes: Int,
      configurationDigest: String, dataDigests: [String: String] = [:],
      judgeDigests: [String: String] = [:]
    ) {
      self.version = version
      self.instructionSet = instructionSet
      self.modelDigest = modelDigest
      self.modelBytes = modelBytes
      self.configurationDigest = configurationDigest
      self.dataDigests = dataDigests
      self.judgeDigests = judgeDigests
    }
  }

  public let origin: Origin
  public let method: String
  public let task: String
  public let model: String
  public let seeds: JSONObject
  public internal(set) var records: [Record] = []
  /// Why no further stage will come: nil while the run goes on.
  public internal(set) var ended: String?

  static let format = 1
}

extension RunManifest {
  var json: JSONValue {
    [
      "format": .integer(Int64(Self.format)), "version": .string(origin.version),
      "instruction_set": .string(origin.instructionSet),
      "model": [
        "path": .string(model), "bytes": .integer(Int64(origin.modelBytes)),
        "sha256": .string(origin.modelDigest),
      ],
      "config_sha256": .string(origin.configurationDigest), "data": .digests(origin.dataDigests),
      "judges": .digests(origin.judgeDigests), "method": .string(method), "task": .string(task),
      "seeds": .object(seeds),
      "state": ended == nil ? "running" : "finished", "ended": ended.map { .string($0) } ?? .null,
      "stages": .array(records.map(\.json)),
    ]
  }

  /// The text of a `run.json`: a member a line, and a stage a line.
  var text: String {
    let members = (json.object ?? [:]).map { key, value -> String in
      guard let stages = value.array, !stages.isEmpty else {
        return "\"\(key)\":\(value.serialized)"
      }
      return "\"\(key)\":[\n" + stages.map { "  \($0.serialized)" }.joined(separator: ",\n") + "\n]"
    }
    return "{\n" + members.joined(separator: ",\n") + "\n}\n"
  }

  /// Reads the text of a `run.json`.
  ///
  /// - Throws: `InputError` RUN-07 when it is damaged, CFG-14 when another format version wrote it.
  package init(parsing text: String, file: String) throws {
    let root: JSONValue
    do {
      root = try JSONValue(parsing: text, file: file)
    } catch let error as InputError {
      throw InputError(.manifestReadable, file: file, at: error.place, found: error.found)
    }
    func unreadable(_ field: String) -> InputError {
      InputError(
        .manifestReadable, file: file, at: .init(field: field), found: "missing or of a wrong type")
    }
    func string(_ value: JSONValue?, _ field: String) throws -> String {
      guard let text = value?.string else { throw unreadable(field) }
      return text
    }
    func digests(_ field: String) throws -> [String: String] {
      try (root[field]?.object ?? [:]).reduce(into: [:]) {
        $0[$1.key] = try string($1.value, field)
      }
    }
    guard let format = root["format"]?.int else { throw unreadable("format") }
    guard format == Self.format else {
      throw InputError(
        .knownFormat, file: file, at: .init(field: "format"), found: "\(format)",
        allowed: "\(Self.format), the format of this program")
    }
    guard let bytes = root["model"]?["bytes"]?.int else { throw unreadable("model.bytes") }
    guard let seeds = root["seeds"]?.object else { throw unreadable("seeds") }
    guard let stages = root["stages"]?.array else { throw unreadable("stages") }
    origin = Origin(
      version: try string(root["version"], "version"),
      instructionSet: try string(root["instruction_set"], "instruction_set"),
      modelDigest: try string(root["model"]?["sha256"], "model.sha256"), modelBytes: bytes,
      configurationDigest: try string(root["config_sha256"], "config_sha256"),
      dataDigests: try digests("data"), judgeDigests: try digests("judges"))
    method = try string(root["method"], "method")
    task = try string(root["task"], "task")
    model = try string(root["model"]?["path"], "model.path")
    self.seeds = seeds
    ended = root["ended"]?.string
    records = try stages.enumerated().map { index, value in
      guard let record = Record(value) else { throw unreadable("stages[\(index)]") }
      return record
    }
  }
}

extension RunManifest.Record {
  fileprivate var json: JSONValue {
    [
      "iteration": .integer(Int64(iteration)), "stage": .string(stage.rawValue),
      "inputs": .digests(inputs), "outputs": .digests(outputs), "facts": .object(facts),
      "seconds": .number(seconds),
    ]
  }

  fileprivate init?(_ value: JSONValue) {
    func digests(_ value: JSONValue?) -> [String: String]? {
      guard let object = value?.object else { return nil }
      var result: [String: String] = [:]
      for (path, digest) in object {
        guard let digest = digest.string else { return nil }
        result[path] = digest
      }
      return result
    }
    guard let iteration = value["iteration"]?.int,
      let stage = value["stage"]?.string.flatMap(RunManifest.Stage.init(rawValue:)),
      let inputs = digests(value["inputs"]), let outputs = digests(value["outputs"]),
      let facts = value["facts"]?.object, let seconds = value["seconds"]?.double
    else { return nil }
    self.init(
      iteration: iteration, stage: stage, inputs: inputs, outputs: outputs, facts: facts,
      seconds: seconds)
  }
}

extension JSONValue {
  /// SHA-256 by path, in the order of the paths.
  fileprivate static func digests(_ digests: [String: String]) -> JSONValue {
    var object = JSONObject()
    for path in digests.keys.sorted() { object[path] = digests[path].map { .string($0) } }
    return .object(object)
  }
}
