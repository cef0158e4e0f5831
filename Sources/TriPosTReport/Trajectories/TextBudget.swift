/// How much text one trajectory may bring into the report; what comes after that is cut.
struct TextBudget {
  /// In bytes, after escaping.
  private(set) var left = 16 << 10

  /// A piece of markup around a text, which is cut where the budget ends.
  mutating func take(_ text: String, _ markup: (HTML) -> HTML = { $0 }) -> HTML {
    guard left > 0 else { return "" }
    let whole: HTML = "\(text)"
    // Empty lines are not for nothing: each has its markup.
    let size = whole.source.utf8.count + 40
    guard size > left else {
      left -= size
      return markup(whole)
    }
    // A scalar takes at most 12 bytes: `\u{10FFFF}`.
    let kept = String(String.UnicodeScalarView(text.unicodeScalars.prefix(left / 12)))
    let rest = text.unicodeScalars.count - kept.unicodeScalars.count
    left = 0
    return markup(
      "\(kept)<i class=\"cut\">… \(grouped(rest)) more characters, and what follows, are cut</i>")
  }
}
