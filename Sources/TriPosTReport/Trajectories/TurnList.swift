import TriPosT

/// Attempt, feedback and updates, each with who wrote it; the line that feedback names is marked.
struct TurnList {
  private let turns: [Trajectory.Turn]
  /// Whether each attempt is right, where that is on record.
  private let rights: [Bool]

  init(_ turns: [Trajectory.Turn], rights: [Bool]) {
    self.turns = turns
    self.rights = rights
  }

  var isEmpty: Bool { turns.isEmpty }

  func html(_ budget: inout TextBudget) -> HTML {
    var html: HTML = ""
    for (index, turn) in turns.enumerated() {
      let look = index == 0 ? "attempt" : "update"
      let name = index == 0 ? "Attempt" : "Update \(index)"
      let verdict: HTML =
        index < rights.count
        ? " <span class=\"tag \(rights[index] ? "right" : "wrong")\">\(rights[index] ? "right" : "wrong")</span>"
        : ""
      html += """
        <div class="turn \(look)"><h4>\(name) <span class="muted">by \(turn.attemptSource.words)</span>\(verdict)</h4>
        <div class="text">\(lines(of: index, &budget))</div></div>

        """
      guard let feedback = turn.feedback else { continue }
      html += """
        <div class="turn feedback"><h4>Feedback <span class="muted">by \(turn.feedbackSource.words)</span></h4>
        \(budget.take("\(feedback)") { "<div class=\"text\">\($0)</div>" })</div>

        """
    }
    return html
  }

  private func lines(of index: Int, _ budget: inout TextBudget) -> HTML {
    let turn = turns[index]
    let mistake = turn.feedback?.mistake
    let wrong = mistake.flatMap { turn.attempt.index(of: $0.step) }
    let before = index > 0 ? turns[index - 1].attempt.lines : nil
    var html: HTML = ""
    for (place, line) in turn.attempt.lines.enumerated() {
      let isNew = before.map { place >= $0.count || $0[place] != line } ?? false
      if place == wrong, let mistake {
        html += wrongLine(line, mistake, by: turn.feedbackSource, &budget)
      } else if isNew {
        html += budget.take(line) {
          "<span class=\"line new\">\($0) <span class=\"note\">changed</span></span>"
        }
      } else {
        html += budget.take(line) { "<span class=\"line\">\($0)</span>" }
      }
    }
    return html
  }

  private func wrongLine(
    _ line: String, _ mistake: Mistake, by source: Trajectory.Source, _ budget: inout TextBudget
  ) -> HTML {
    let note = source == .student ? "✗ named by the student" : "✗ wrong"
    guard !mistake.part.isEmpty, let part = line.firstRange(of: mistake.part) else {
      return budget.take(line) {
        "<span class=\"line bad\">\($0) <span class=\"note\">\(note)</span></span>"
      }
    }
    let start = budget.take(String(line[..<part.lowerBound]))
    let middle = budget.take(String(line[part])) { "<mark>\($0)</mark>" }
    let end = budget.take(String(line[part.upperBound...]))
    return """
      <span class="line bad">\(start)\(middle)\(end) <span class="note">\(note)</span></span>
      """
  }
}

extension Trajectory.Source {
  /// Who that is.
  fileprivate var words: String {
    switch self {
    case .student: "the student"
    case .critic: "the critic"
    case .improver: "the improver"
    case .editor: "the editor"
    }
  }
}
