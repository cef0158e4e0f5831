import Boundary
import TriPosT

/// What the student wrote, to read and to search.
struct TrajectoryBrowser {
  let shown: Int
  let count: Int
  private let groups: [(file: TrajectoryFile, items: [TrajectoryItem])]

  /// How many are taken of a run that has more.
  static let limit = 500

  /// - Throws: `InputError` when a file of the run cannot be read.
  init(_ run: RunContents) throws {
    let files = TrajectoryFile.all(of: run)
    count = files.reduce(0) { $0 + $1.count }
    let share = min(1, Double(Self.limit) / Double(max(1, count)))
    groups = try files.map { file in
      let rows = try file.chosen(share: share)
      let weights =
        try file.kind == .test
        ? nil : Self.weights(run, file.iteration, rows.compactMap { $0["id"]?.string })
      return (file, rows.map { TrajectoryItem($0, of: file, rows: weights) })
    }
    shown = groups.reduce(0) { $0 + $1.items.count }
  }

  /// The texts of an iteration's training, once they are chosen.
  private static func weights(
    _ run: RunContents, _ iteration: Int, _ questions: [String]
  ) throws -> TrainingRows? {
    guard run.records(.mix).contains(where: { $0.iteration == iteration }) else { return nil }
    return try TrainingRows("\(run.path)/iteration-\(iteration)/train.jsonl", of: Set(questions))
  }

  var html: HTML {
    guard shown > 0 else { return "" }
    let which: HTML =
      shown == count
      ? "All \(counted(shown, "trajectory", "trajectories")) of the run."
      : """
      <b>\(grouped(shown)) of \(grouped(count))</b> trajectories, chosen evenly over the files of the run and what became of \
      them; of each test the same questions. The rest is in the folders <code>iteration-*</code>.
      """
    return """
      <p>\(which)</p>
      <p class="key"><span class="attempt">attempt</span> <span class="feedback">feedback</span> \
      <span class="update">update</span> <span class="wrong">✗ the wrong step</span></p>
      \(search)\(groups.map(group))
      """
  }

  /// Shown by the script, without which it would do nothing.
  private var search: HTML {
    let outcomes = groups.flatMap(\.items).reduce(into: [String]()) {
      if !$0.contains($1.outcome) { $0.append($1.outcome) }
    }.sorted()
    return """
      <form id="search" hidden="hidden" role="search">
      <label>Search <input type="search" id="words" placeholder="words, a number, an id" autocomplete="off" /></label>
      <label>Where <select id="where"><option value="">everywhere</option>\
      \(groups.indices.map { "<option value=\"g\($0)\">\(groups[$0].file.title)</option>" as HTML })</select></label>
      <label>Outcome <select id="outcome"><option value="">any</option>\
      \(outcomes.map { "<option>\($0)</option>" as HTML })</select></label>
      <output id="count"></output>
      </form>

      """
  }

  /// The list that is open from the start: the first in which there may be feedback.
  private var opened: Int { groups.firstIndex { $0.file.kind == .practice } ?? 0 }

  private func group(_ group: (file: TrajectoryFile, items: [TrajectoryItem])) -> HTML {
    let index = groups.firstIndex { $0.file.path == group.file.path } ?? 0
    let names = group.items.map(\.outcome)
    let outcomes = Set(names).map { name in (name: name, count: names.count { $0 == name }) }
      .sorted { ($1.count, $0.name) < ($0.count, $1.name) }.map { "\($0.name) \($0.count)" }
    let of = group.items.count == group.file.count ? "" : " of \(grouped(group.file.count))"
    return """
      <details class="list" id="g\(index)"\(index == opened ? " open=\"open\"" as HTML : "")><summary><h3>\(group.file.title)</h3> \
      <span class="muted">\(grouped(group.items.count))\(of): \(outcomes.joined(separator: ", "))</span></summary>
      \(group.items.map(\.html))</details>

      """
  }
}
