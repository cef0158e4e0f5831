import TriPosT

/// A table of words and figures, in a box of its own that scrolls where a screen is narrow.
struct Table {
  let header: [String]
  var rows: [[HTML]] = []
  /// How many columns in front are words and not figures.
  var words = 1
  var caption: String?

  var html: HTML {
    """
    \(Self.box(caption: caption))<table>
    <thead><tr>\(header.enumerated().map(head))</tr></thead>
    <tbody>
    \(rows.map(row))</tbody>
    </table></div>

    """
  }

  /// The opening of a box that keyboards can scroll, with what is in it above.
  static func box(caption: String?) -> HTML {
    """
    \(caption.map { "<p class=\"caption\">\($0)</p>\n" as HTML } ?? "")<div class="scroll" role="region" tabindex="0" \
    aria-label="\(caption ?? "Table")">
    """
  }

  private func head(_ place: Int, _ title: String) -> HTML {
    "<th scope=\"col\"\(place < words ? "" : " class=\"figure\"" as HTML)>\(title)</th>"
  }

  private func row(_ cells: [HTML]) -> HTML {
    let cells = cells.enumerated().map { place, cell -> HTML in
      if place == 0 { return "<th scope=\"row\">\(cell)</th>" }
      return place < words ? "<td>\(cell)</td>" : "<td class=\"figure\">\(cell)</td>"
    }
    return "<tr>\(cells)</tr>\n"
  }
}

extension Table {
  /// A table of a study as it is in its other forms.
  init(_ table: TextTable) {
    self.init(
      header: table.header, rows: table.rows.map { $0.map { "\($0)" } }, words: table.words,
      caption: table.title)
  }
}
