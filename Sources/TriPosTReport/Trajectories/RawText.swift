import TriPosT

/// What a student wrote, as it is: lines of feedback and beginnings of updates in their colours.
struct RawText {
  private let text: String

  init(_ text: String) { self.text = text }

  func html(_ budget: inout TextBudget) -> HTML {
    var lines: HTML = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      let look =
        switch LineHeader(line) {
        case .feedback: " feedback"
        case .update: " update"
        default: ""
        }
      lines += budget.take(line) { "<span class=\"line\(look)\">\($0)</span>" }
    }
    return """
      <div class="turn attempt"><h4>As the student wrote it</h4>
      <div class="text">\(lines)</div></div>

      """
  }
}
