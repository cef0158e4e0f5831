import Boundary
import TriPosT

/// What a run's folder tells, as far as its stages are complete.
struct RunContents {
  let path: String
  let manifest: RunManifest
  let configuration: RunConfiguration
  let table: ResultTable
  /// The steps of each training in their order, those of one that is not complete included.
  let steps: [(iteration: Int, steps: [TrainingStep])]

  /// - Throws: `InputError` when a file cannot be read or was not written by a run.
  init(_ path: String) throws {
    self.path = path
    let file = path + "/run.json"
    manifest = try RunManifest(parsing: try Files.readText(file), file: file)
    configuration = try RunFolder.storedConfiguration(path)
    table = try ResultTable(manifest, in: path)
    let log = path + "/metrics.jsonl"
    steps = try Files.exists(log) ? Self.steps(log) : []
  }

  var method: Method { Method(rawValue: manifest.method) ?? configuration.method }

  /// The records of a stage, by iteration.
  func records(_ stage: RunManifest.Stage) -> [RunManifest.Record] {
    manifest.records.filter { $0.stage == stage }
  }

  /// The iteration as people call it: "ft rationale" before the first round, "t = 1" after.
  func name(of iteration: Int) -> String {
    guard iteration == 0 else { return "t = \(iteration)" }
    return method.label(iteration: 0, mode: method.mainTest(of: 0))
  }

  private static func steps(_ log: String) throws -> [(iteration: Int, steps: [TrainingStep])] {
    var trainings: [(iteration: Int, steps: [TrainingStep])] = []
    for record in try JSONLines.readWholeLines(log).rows where record["event"] == "step" {
      guard let iteration = record["iteration"]?.int, let step = TrainingStep(record) else {
        continue
      }
      if trainings.last?.iteration != iteration { trainings.append((iteration, [])) }
      trainings[trainings.count - 1].steps.append(step)
    }
    return trainings
  }
}

/// A step of the optimizer.
struct TrainingStep {
  let step: Int
  /// In nats a token, by weight.
  let loss: Double
  let learningRate: Double

  /// Reads a line of `metrics.jsonl`; nil when it has not all of these.
  init?(_ record: JSONValue) {
    guard let step = record["step"]?.int, let loss = record["loss"]?.double,
      let rate = record["learning_rate"]?.double
    else { return nil }
    (self.step, self.loss, learningRate) = (step, loss, rate)
  }
}

extension JSONObject {
  /// A count among a stage's facts; zero where there is none.
  func count(of key: String) -> Int {
    Swift.min(Swift.max(0, self[key]?.int ?? 0), 1_000_000_000)
  }
}
