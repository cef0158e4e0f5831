import Boundary
import TriPosT

/// What ran and how far it is; what it cost; all settings.
struct OverviewSection {
  let run: RunContents

  init(_ run: RunContents) { self.run = run }

  /// What ran, in the head of the page.
  var facts: [(name: String, value: String)] {
    let manifest = run.manifest
    let origin = manifest.origin
    let data = run.configuration.data
    let questions = run.table.rows.last?.scores.all.count ?? 0
    return [
      ("Model", manifest.model.split(separator: "/").last.map(String.init) ?? manifest.model),
      ("Questions", "\(grouped(data.training)) to train, \(grouped(questions)) to test"),
      ("Seeds", manifest.seeds.map { "\($0.key) \($0.value.serialized)" }.joined(separator: ", ")),
      ("Time", duration(manifest.records.reduce(0) { $0 + $1.seconds })),
      ("Program", "tripost \(origin.version), \(origin.instructionSet)"),
      ("State", manifest.ended.map { "finished: \($0)" } ?? "not finished"),
    ]
  }

  /// How far a run is that is not finished.
  var notice: String? {
    guard run.manifest.ended == nil else { return nil }
    let done =
      run.manifest.records.last.map {
        "complete up to “\(run.name(of: $0.iteration)), \($0.stage.words)”"
      } ?? "no stage is complete"
    return "This run is not finished: \(done). What follows is of the part that is there."
  }

  var html: HTML {
    let origin = run.manifest.origin
    return """
      \(costs.html)<p class="muted">Model: \(run.manifest.model), \(grouped(origin.modelBytes)) bytes, SHA-256 \(origin.modelDigest)</p>
      <details><summary>All settings (config.yaml)</summary>
      <pre class="text">\(run.configuration.yaml)</pre></details>

      """
  }

  private var costs: Table {
    var table = Table(
      header: ["stage", "time", "prompt tokens", "generated", "trained"],
      caption: "Time and tokens of each stage")
    table.rows = run.manifest.records.map { record in
      func tokens(_ key: String) -> HTML {
        record.facts[key]?.int.map { "\(grouped($0))" } ?? ""
      }
      return [
        "\(run.name(of: record.iteration)), \(record.stage.words)",
        "\(duration(record.seconds))", tokens("prompt_tokens"), tokens("generated_tokens"),
        tokens("trained_tokens"),
      ]
    }
    return table
  }
}

extension RunManifest.Stage {
  /// What it does, for people.
  fileprivate var words: String {
    switch self {
    case .practise: "sampling attempts"
    case .mix: "mixing"
    case .train: "training"
    case .evaluate: "evaluating"
    }
  }
}
