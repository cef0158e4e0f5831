public import Boundary

extension StudyResults {
  /// Writes the tables into the study's folder: `tables.md`, and each as CSV; and `study.json`.
  func write() throws {
    let tables = tables()
    for table in tables {
      try Files.writeAtomically(table.csv, to: "\(plan.output)/\(table.name).csv")
    }
    let shown = tables.filter { $0.name != "figures" }
    try Files.writeAtomically(
      shown.map(\.markdown).joined(separator: "\n"), to: plan.output + "/tables.md")
    try Files.writeAtomically(description + "\n", to: plan.output + "/tables.txt")
    try Files.writeAtomically(json.serialized + "\n", to: plan.output + "/study.json")
  }

  /// Which runs are complete and which failed, and every figure.
  public var json: JSONValue {
    let runs = plan.cells.map { cell -> JSONValue in
      var run: JSONObject = [
        "id": .string(cell.id), "method": .string(cell.point.method),
        "task": .string(cell.point.task), "model": .string(cell.point.model),
        "seed": .integer(Int64(cell.seed)),
        "state": .string(complete.contains(cell.id) ? "complete" : "open"),
      ]
      if let failure = failures.first(where: { $0.cell.id == cell.id }) {
        run["state"] = "failed"
        run["error"] = failure.error.json
      }
      return .object(run)
    }
    let tables = tables()
    func rows(_ name: String) -> [JSONValue] {
      guard let table = tables.first(where: { $0.name == name }) else { return [] }
      return table.rows.map { row in
        var object = JSONObject()
        for (key, value) in zip(table.header, row) { object[key] = .string(value) }
        return .object(object)
      }
    }
    return [
      "runs": .array(runs), "complete": .integer(Int64(complete.count)),
      "figures": .array(rows("figures")), "transfer": .array(rows("transfer")),
    ]
  }
}

extension StudyResults: CustomStringConvertible {
  /// All tables as text.
  public var description: String {
    let shown = tables().filter { $0.name != "figures" }.map(\.text)
    return shown.isEmpty ? "no run is complete yet" : shown.joined(separator: "\n")
  }
}
