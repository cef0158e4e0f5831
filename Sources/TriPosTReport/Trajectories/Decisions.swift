import Boundary

/// What was decided about a trajectory, and on which grounds, as it is on record.
struct Decisions {
  private let decisions: [JSONValue]

  init(_ decisions: [JSONValue]) { self.decisions = decisions }

  func html(_ budget: inout TextBudget) -> HTML {
    guard !decisions.isEmpty else { return "" }
    var list: HTML = ""
    for decision in decisions {
      var words: HTML = ""
      for (key, value) in decision.object ?? [:] where key != "decision" {
        words += " <span class=\"muted\">\(Self.name(key)):</span> "
        words += budget.take(Self.text(key, value))
      }
      list += "<li>\(Self.name(decision["decision"]?.string ?? ""))\(words)</li>\n"
    }
    return "<details class=\"sub\"><summary>Decisions</summary><ul>\(list)</ul></details>\n"
  }

  private static func name(_ key: String) -> String { key.replacing("-", with: " ") }

  private static func text(_ key: String, _ value: JSONValue) -> String {
    switch value {
    case .string(let text): text
    case .bool(let isSo): isSo ? "yes" : "no"
    case .null: "none"
    // Turns are counted from 0; the first one is the attempt.
    case .integer(let turn) where key == "turn": turn == 0 ? "attempt" : "update \(turn)"
    default: value.serialized
    }
  }
}
