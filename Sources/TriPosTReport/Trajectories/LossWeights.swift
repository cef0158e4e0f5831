import TriPosT

/// The texts that were trained on, with the weight that every token of a piece has in the loss.
struct LossWeights {
  private let texts: [TrainingText]

  init(_ texts: [TrainingText]) { self.texts = texts }

  func html(_ budget: inout TextBudget) -> HTML {
    guard !texts.isEmpty else { return "" }
    let highest = max(1e-9, texts.flatMap { $0.segments.map(\.weight) }.max() ?? 1)
    var rows: HTML = ""
    for text in texts where budget.left > 0 {
      var pieces: HTML = ""
      for segment in text.segments {
        let look = segment.weight == 0 ? " masked" : ""
        let share = short(min(1, max(0, segment.weight / highest)) * 100, 0)
        // A line end in front is what the pieces are set apart by.
        let shown = segment.text.hasPrefix("\n") ? String(segment.text.dropFirst()) : segment.text
        pieces += budget.take(shown) {
          """
          <div class="weight\(look)" style="--w:\(share)%"><b>× \(plain(segment.weight))</b><div class="text">\($0)</div></div>

          """
        }
      }
      rows += "<p class=\"muted\">\(text.id)</p>\n\(pieces)"
    }
    return """
      <details class="sub"><summary>Loss weights in \(counted(texts.count, "training text"))</summary>
      \(rows)</details>

      """
  }
}
