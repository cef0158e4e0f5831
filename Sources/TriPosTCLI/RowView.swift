import Boundary
import Llama
import LoRA

/// A training row as a person should see it before training: every token with its weight.
struct RowView {
  let row: TrainingRow
  let tokenizer: any Tokenizer

  /// What the row is, in one line.
  var summary: String {
    let weights = Set(row.weights).sorted().map(Self.words).joined(separator: ", ")
    return
      "row \"\(escaped(row.id))\": \(row.tokens.count) tokens, \(row.targetCount) trained on, weights \(weights)"
      + (row.teachesEnd(tokenizer) ? "" : "; no end token is trained on")
  }

  /// One token a line: id, weight (`-` where masked), piece.
  var table: String {
    let width = String(tokenizer.vocabularySize).count
    return zip(row.tokens, row.weights).map { token, weight in
      "\(padded("\(token)", to: width))  \(padded(weight == 0 ? "-" : Self.words(weight), to: 6))  "
        + escaped(tokenizer.piece(token))
    }.joined(separator: "\n")
  }

  /// The text in colours: grey is masked, green has weight 1, yellow less and magenta more.
  var coloured: String {
    var lines = [""]
    for (token, weight) in zip(row.tokens, row.weights) {
      let bytes = tokenizer.bytes(of: token)
      let text = bytes.isEmpty ? tokenizer.piece(token) : String(decoding: bytes, as: UTF8.self)
      let colour = weight == 0 ? "90" : weight == 1 ? "32" : weight < 1 ? "33" : "35"
      // A line feed ends the line after its token.
      for (index, part) in text.split(separator: "\n", omittingEmptySubsequences: false)
        .enumerated()
      {
        if index > 0 {
          lines[lines.count - 1] += "\u{1B}[\(colour)m⏎\u{1B}[0m"
          lines.append("")
        }
        if !part.isEmpty {
          lines[lines.count - 1] +=
            "\u{1B}[\(colour)m\(escaped(String(part), limit: .max))\u{1B}[0m"
        }
      }
    }
    let legend = [("90", "masked"), ("33", "below 1"), ("32", "1"), ("35", "above 1")]
      .map { "\u{1B}[\($0)m\($1)\u{1B}[0m" }.joined(separator: "  ")
    return (lines + ["", legend]).joined(separator: "\n")
  }

  private static func words(_ weight: Float) -> String {
    let text = "\(weight)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
