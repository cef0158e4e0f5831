import Boundary

/// A piece of a page.
///
/// Text enters one only by interpolation, which escapes it; so nothing that a model wrote can become markup. What
/// stands in a literal is markup, and well-formed XML, so that a page can be checked by parsing it.
struct HTML: Equatable {
  private(set) var source: String

  static func + (a: HTML, b: HTML) -> HTML { HTML(stringLiteral: a.source + b.source) }

  static func += (a: inout HTML, b: HTML) { a.source += b.source }

  var isEmpty: Bool { source.isEmpty }
}

extension HTML: ExpressibleByStringInterpolation {
  init(stringLiteral markup: String) { source = markup }

  init(stringInterpolation: Interpolation) { source = stringInterpolation.source }

  struct Interpolation: StringInterpolationProtocol {
    fileprivate var source = ""

    init(literalCapacity: Int, interpolationCount: Int) {
      source.reserveCapacity(literalCapacity + 16 * interpolationCount)
    }

    mutating func appendLiteral(_ markup: String) { source += markup }

    mutating func appendInterpolation(_ html: HTML) { source += html.source }

    mutating func appendInterpolation(_ pieces: [HTML]) {
      for piece in pieces { source += piece.source }
    }

    mutating func appendInterpolation(_ text: String) { append(text, escapingTo: &source) }

    mutating func appendInterpolation(_ number: Int) { source += String(number) }
  }
}

/// Appends text so that it stands for itself in an element or in a quoted attribute.
///
/// Controls, bidirectional marks and other scalars without a shape of their own become `\u{1B}`, as in messages.
private func append(_ text: String, escapingTo source: inout String) {
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": source += "&amp;"
    case "<": source += "&lt;"
    case ">": source += "&gt;"
    case "\"": source += "&quot;"
    case "'": source += "&#39;"
    case "\n", "\t", " "..."~": source.unicodeScalars.append(scalar)
    default: source += escaped(String(scalar))
    }
  }
}
