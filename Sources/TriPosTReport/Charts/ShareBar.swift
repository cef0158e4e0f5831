import TriPosT

/// Counts as parts of one bar, with a list that names and numbers each.
struct ShareBar {
  struct Part {
    let name: String
    let count: Int
    /// The class that colours it.
    let look: String
    /// What it is made of, in brackets.
    var detail = ""
  }

  let title: HTML
  let parts: [Part]

  private var total: Int { max(1, parts.reduce(0) { $0 + $1.count }) }

  var html: HTML {
    let bar = parts.filter { $0.count > 0 }.map { part -> HTML in
      let share = Double(part.count) / Double(total)
      return """
        <span class="\(part.look)" style="width:\(short(100 * share, 2))%">\
        \(share >= 0.09 ? grouped(part.count) : "")</span>
        """
    }
    let list = parts.map { part -> HTML in
      """
      <li><i class="\(part.look)"></i><b>\(grouped(part.count))</b> \(part.name) \
      <span class="muted">\(percent(Double(part.count) / Double(total))) %\(part.detail)</span></li>

      """
    }
    return """
      <div class="shares"><p>\(title)</p>
      <div class="sharebar" aria-hidden="true">\(bar)</div>
      <ul>\(list)</ul></div>

      """
  }
}
