import Boundary
import TriPosT

/// The report of a study: its tables, and curves over its runs.
struct StudyPage {
  let html: HTML

  /// - Throws: `InputError` when the plan or a run's folder cannot be read.
  init(_ folder: String) throws {
    let file = "\(folder)/\(Study.textName)"
    let plan = try StudyPlan(
      yaml: try Files.readText(file, limit: Limits.configuration), file: file, output: folder)
    let results = try plan.results()
    let tables = results.tables().filter { $0.name != "figures" }
    func shown(_ names: [String]) -> HTML {
      let mine = tables.filter { table in names.contains { table.name.hasPrefix($0) } }
      return "\(mine.map { Table($0).html })"
    }
    let (complete, all) = (results.complete.count, plan.cells.count)
    func list(_ names: [String]) -> String {
      names.reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        .joined(separator: ", ")
    }
    let points = plan.cells.map(\.point)
    html =
      Page(
        title: "A study of \(counted(Set(points.map(\.method)).count, "method"))",
        facts: [
          ("Methods", list(points.map(\.method))), ("Tasks", list(points.map(\.task))),
          ("Models", list(points.map(\.model))), ("Seeds", list(plan.cells.map { "\($0.seed)" })),
          ("Runs", "\(complete) of \(all) complete"),
        ],
        notice: complete == all
          ? nil
          : "This study is not finished: \(complete) of \(counted(all, "run")) complete. What follows is of the tests that are there.",
        sections: [
          .init(
            id: "results", title: "What came out",
            body: tables.isEmpty
              ? "<p class=\"lead\">No test is complete yet.</p>\n"
              : StudyGains(results).html + StudyCurves(results).html
                + shown(["main", "task-", "by-"])),
          .init(id: "data", title: "What was learnt from", body: shown(["data"])),
          .init(id: "cost", title: "What it cost", body: shown(["cost"])),
          .init(id: "runs", title: "What ran", body: Self.runs(results, folder)),
        ].filter { !$0.body.isEmpty },
        footer: "Made by tripost from the files of the study; it needs none of them."
      ).html
  }

  private static func runs(_ results: StudyResults, _ folder: String) -> HTML {
    var table = Table(header: ["run", "state"], words: 2)
    table.rows = results.plan.cells.map { cell in
      let path = "\(folder)/\(cell.id)"
      let state =
        results.complete.contains(cell.id)
        ? "complete" : Files.exists(path + "/run.json") ? "begun" : "not begun"
      let name: HTML =
        Files.exists(path + "/report.html")
        ? "<a href=\"\(address(cell.id))/report.html\">\(cell.id)</a>" : "\(cell.id)"
      return [name, "\(state)"]
    }
    return """
      \(table.html)<details><summary>The study (study.yaml)</summary>
      <pre class="text">\(results.plan.text)</pre></details>

      """
  }

  /// A path as a relative address: what a browser would read otherwise is given by its bytes.
  private static func address(_ path: String) -> String {
    let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/".utf8)
    let digits = Array("0123456789ABCDEF")
    return "./"
      + path.utf8.map { byte in
        plain.contains(byte)
          ? String(Character(Unicode.Scalar(byte)))
          : "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }.joined()
  }
}
