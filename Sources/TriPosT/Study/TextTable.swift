/// A table of words and figures: as text for a terminal, as Markdown, as CSV.
package struct TextTable {
  package let title: String
  package let header: [String]
  package let rows: [[String]]

  /// A file name without ending.
  package let name: String

  /// How many columns in front are words and not figures.
  package var words = 1

  /// Columns of equal width, words to the left and figures to the right.
  var text: String {
    let widths = header.indices.map { column in
      ([header] + rows).map { $0[column].count }.max() ?? 0
    }
    func line(_ cells: [String]) -> String {
      var text = ""
      for (index, (cell, width)) in zip(cells, widths).enumerated() {
        let padding = String(repeating: " ", count: width - cell.count)
        text += (index == 0 ? "" : "  ") + (index < words ? cell + padding : padding + cell)
      }
      while text.hasSuffix(" ") { text.removeLast() }
      return text
    }
    return ([title, "", line(header)] + rows.map(line)).joined(separator: "\n") + "\n"
  }

  var markdown: String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }
    let rule = "|" + header.indices.map { $0 < words ? " --- |" : " ---: |" }.joined()
    return (["**\(title)**", "", line(header), rule] + rows.map(line)).joined(separator: "\n")
      + "\n"
  }

  /// RFC 4180, with newlines alone.
  var csv: String {
    func field(_ text: String) -> String {
      text.contains { ",\"\n\r".contains($0) }
        ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
    }
    return ([header] + rows).map { $0.map(field).joined(separator: ",") + "\n" }.joined()
  }
}

/// A share in percent with one decimal.
package func percent(_ share: Double) -> String {
  let tenths = Int((abs(share) * 1000).rounded())
  return (share < 0 && tenths > 0 ? "-" : "") + "\(tenths / 10).\(tenths % 10)"
}

/// A difference of shares in points, with its sign.
package func signedPercent(_ share: Double) -> String { (share < 0 ? "" : "+") + percent(share) }
