import Boundary
import TriPosT

/// One trajectory as it is read: question, attempts, feedback, updates, decisions, loss weights.
struct TrajectoryItem {
  /// In the list and in the search: "repaired", "wrong".
  let outcome: String
  let html: HTML

  /// - Parameters:
  ///   - row: A line of the file.
  ///   - file: Where it comes from.
  ///   - rows: The training texts of its iteration; nil where nothing was learnt from it.
  init(_ row: JSONValue, of file: TrajectoryFile, rows: TrainingRows?) {
    let (outcome, look) = Self.outcome(of: row, file.kind)
    self.outcome = outcome
    var budget = TextBudget()
    let id = row["id"]?.string ?? ""
    let question = row["question"]?.string ?? ""
    let turns = Trajectory(
      row["turns"] ?? .array([]),
      to: Question(id: id, block: question, hint: "", gold: "", cell: .init(name: "", isSeen: true))
    )
    let written = TurnList(
      turns?.turns ?? [], rights: row["attempts"]?.array?.compactMap(\.bool) ?? [])
    let raw = written.isEmpty ? Self.unedited(row) : ""
    let attempts = turns?.turns.map { "\($0.attempt)" } ?? []
    let learnt = rows?.texts(of: id, holding: attempts.isEmpty ? [raw] : attempts) ?? []
    html = """
      <details class="item" data-outcome="\(outcome)"><summary><span class="tag \(look)">\(outcome)</span> \
      <b>\(id)</b> <span class="muted">\(row["cell"]?.string ?? "")</span> \
      <span class="question">\(String(question.prefix(160)))</span></summary>
      \(question.isEmpty ? "" : budget.take(question) { "<div class=\"text block\">\($0)</div>\n" })\
      \(Self.facts(row))\
      \(written.html(&budget))\
      \(raw.isEmpty ? "" : RawText(raw).html(&budget))\
      \(Decisions(row["decisions"]?.array ?? []).html(&budget))\
      \(LossWeights(learnt).html(&budget))</details>

      """
  }

  private static func outcome(
    of row: JSONValue, _ kind: TrajectoryFile.Kind
  ) -> (name: String, look: String) {
    switch (kind, row["outcome"]?.string, row["correct"]?.bool) {
    case (.practice, "correct", _): return ("right", "right")
    case (.practice, "improved", _): return ("repaired", "improved")
    case (.practice, "feedback-only", _): return ("feedback only", "feedback-only")
    case (.practice, _, _): return ("discarded", "discarded")
    case (_, _, let isRight):
      let rights = row["attempts"]?.array?.compactMap(\.bool) ?? []
      guard let first = rights.first, let last = rights.last, rights.count > 1 else {
        return isRight == true ? ("right", "right") : ("wrong", "wrong")
      }
      switch (first, last) {
      case (false, true): return ("wrong → right", "improved")
      case (true, false): return ("right → wrong", "wrong")
      case (true, true): return ("right → right", "right")
      case (false, false): return ("wrong → wrong", "wrong")
      }
    }
  }

  /// What the student wrote, where no turns are on record.
  private static func unedited(_ row: JSONValue) -> String {
    if let prediction = row["prediction"]?.string {
      // It begins with the question and the lead.
      let question = (row["question"]?.string ?? "") + "\n"
      return prediction.hasPrefix(question)
        ? String(prediction.dropFirst(question.count)) : prediction
    }
    if let attempt = row["attempt"]?.string { return attempt }
    let generations = row["generations"]?.array ?? []
    return generations.compactMap { $0.string ?? $0["text"]?.string }.joined(separator: "\n")
  }

  private static func facts(_ row: JSONValue) -> HTML {
    var facts: [String] = []
    if let gold = row["gold"]?.string { facts.append("the answer is \(gold)") }
    if let answer = row["answer"] {
      facts.append("answered \(answer.string ?? "nothing that can be read")")
    }
    if let reason = row["reason"]?.string {
      facts.append("discarded: \(reason.replacing("-", with: " "))")
    }
    if let end = row["end"]?.string { facts.append("ended: \(end.replacing("-", with: " "))") }
    if let pass = row["pass"]?.int, pass > 0 { facts.append("pass \(pass)") }
    if row["rationalized"]?.bool == true { facts.append("the answer was given away") }
    if let tokens = row["tokens"]?.int { facts.append("\(grouped(tokens)) tokens") }
    return
      "<p class=\"muted\">\(facts.map { String($0.prefix(200)) }.joined(separator: " · "))</p>\n"
  }
}
