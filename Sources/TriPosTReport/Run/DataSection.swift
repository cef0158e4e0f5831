import Boundary
import TriPosT

/// What each iteration's attempts became, and which texts were trained on.
struct DataSection {
  let run: RunContents

  init(_ run: RunContents) { self.run = run }

  var html: HTML {
    let mixes = run.records(.mix)
    let iterations = Set(mixes.map(\.iteration) + run.records(.practise).map(\.iteration)).sorted()
    guard !iterations.isEmpty else { return "" }
    let parts = iterations.map { iteration -> HTML in
      let practice = run.records(.practise).first { $0.iteration == iteration }
      let mix = mixes.first { $0.iteration == iteration }
      return """
        <section class="iteration"><h3>\(run.name(of: iteration))</h3>
        \(practice.map { attempts($0.facts) } ?? "")\(mix.map { texts($0.facts) } ?? "")</section>

        """
    }
    let usesTrajectories = run.records(.mix).contains { $0.facts["p"] != nil }
    let terms: HTML =
      usesTrajectories
      ? """
      <p class="muted"><b>x_imp</b>: an attempt with feedback and update. <b>x_T</b>: a right attempt of the student, or the \
      end of a repaired one, with closing feedback. <b>Ground truth</b>: a written-out solution with closing feedback. \
      <b>p</b>: the share of x_imp. Weight of feedback and update in x_imp: \
      w = \(plain(run.configuration.train.selfImproveWeight)).</p>

      """ : ""
    return "\(terms)<div class=\"iterations\">\n\(parts)</div>\n"
  }

  private func attempts(_ facts: JSONObject) -> HTML {
    func count(_ key: String) -> Int { facts.count(of: key) }
    let total = count("attempts")
    let authors = [
      ("critic", "feedback by"), ("improver", "updates by"), ("demonstrator", "attempts by"),
    ]
    .compactMap { key, words in facts[key]?.string.map { "\(words) \($0)" } }
    var title: HTML = "<b>\(counted(total, "attempt"))</b> at training questions"
    if let passes = facts["passes"]?.int { title += " in \(counted(passes, "pass", "passes"))" }
    if !authors.isEmpty { title += "; \(authors.joined(separator: ", "))" }
    guard facts["improved"] != nil else {
      // Methods that learn from right attempts alone.
      return ShareBar(
        title: title,
        parts: [
          .init(name: "right", count: count("correct"), look: "right"),
          .init(
            name: "wrong, left out", count: max(0, total - count("correct")), look: "discarded"),
        ]
      ).html
    }
    let reasons = (facts["discards"]?.object ?? [:])
      .map { "\($0.key.replacing("-", with: " ")) \($0.value.serialized)" }
    return ShareBar(
      title: title,
      parts: [
        .init(name: "right", count: count("correct"), look: "right"),
        .init(name: "repaired", count: count("improved"), look: "improved"),
        .init(name: "feedback only", count: count("feedback_only"), look: "feedback-only"),
        .init(
          name: "discarded", count: count("discarded"), look: "discarded",
          detail: reasons.isEmpty ? "" : ": " + reasons.joined(separator: ", ")),
      ]
    ).html
  }

  private func texts(_ facts: JSONObject) -> HTML {
    func count(_ key: String) -> Int { facts.count(of: key) }
    var title: HTML = "<b>\(counted(count("texts"), "text"))</b> to train on"
    if let share = facts["p"]?.double { title += ", p = \(short(share, 2))" }
    if count("too_long") > 0 {
      title += "; \(grouped(count("too_long"))) left out because of their length"
    }
    if let tokens = facts["tokens_wanted"]?.int {
      title += "; repeated to match \(grouped(tokens)) tokens of the other run"
    }
    let parts: [ShareBar.Part]
    if facts["p"] != nil {
      parts = [
        .init(name: "x_imp", count: count("improved"), look: "improved"),
        .init(name: "x_T", count: count("correct"), look: "right"),
        .init(name: "ground truth", count: count("ground_truth"), look: "truth"),
      ]
    } else if facts["correct"] != nil {
      parts = [.init(name: "right attempts", count: count("texts"), look: "right")]
    } else {
      parts = [.init(name: "ground truth", count: count("texts"), look: "truth")]
    }
    return ShareBar(title: title, parts: parts).html
  }
}
