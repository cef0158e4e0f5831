import Boundary

/// One self-contained document: no file, no font and no address beside it.
struct Page {
  let title: String
  /// Below the title: what ran, each with its name.
  let facts: [(name: String, value: String)]
  /// What has to be known before all else.
  var notice: String?
  var sections: [Section] = []
  let footer: String

  /// A part of the page with a place in its table of contents.
  struct Section {
    /// The fragment of its address.
    let id: String
    let title: String
    let body: HTML
  }

  var html: HTML {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta http-equiv="Content-Security-Policy" content="\(Self.policy)" />
    <title>\(title)</title>
    <style>\(Self.style)</style>
    </head>
    <body>
    <header>
    <h1>\(title)</h1>
    <dl class="facts">
    \(facts.map { "<div><dt>\($0.name)</dt><dd>\($0.value)</dd></div>\n" as HTML })</dl>
    \(notice.map { "<p class=\"notice\">\($0)</p>\n" as HTML } ?? "")<nav aria-label="Sections">\(sections.map { "<a href=\"#\($0.id)\">\($0.title)</a> " as HTML })</nav>
    </header>
    <main>
    \(sections.map { "<section id=\"\($0.id)\">\n<h2>\($0.title)</h2>\n\($0.body)\n</section>\n" as HTML })</main>
    <footer>\(footer)</footer>
    <script>\(Self.script)</script>
    </body>
    </html>

    """
  }

  /// The browser loads nothing and runs no script but the page's own, even if something slipped through the escaping.
  private static var policy: String {
    "default-src 'none'; style-src 'unsafe-inline'; "
      + "script-src 'sha256-\(base64(SHA256.bytes(of: Array(script.source.utf8))))'"
  }
}

/// Bytes in the alphabet of RFC 4648, section 4.
func base64(_ bytes: [UInt8]) -> String {
  let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
  var text = ""
  for start in stride(from: 0, to: bytes.count, by: 3) {
    let group = bytes[start..<min(start + 3, bytes.count)]
    let bits = group.enumerated().reduce(0) { $0 | Int($1.element) << (16 - 8 * $1.offset) }
    for place in 0..<4 {
      text.append(place <= group.count ? alphabet[bits >> (18 - 6 * place) & 63] : "=")
    }
  }
  return text
}

extension SHA256 {
  /// The digest as 32 bytes.
  fileprivate static func bytes(of bytes: [UInt8]) -> [UInt8] {
    let digits = hex(of: bytes).utf8.map { $0 > 0x39 ? $0 - 87 : $0 - 48 }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
  }
}
