import Boundary
import Foundation
import Testing

@testable import TriPosT
@testable import TriPosTReport

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What a parser of XML finds in a page: it has to be well formed, and text is text.
final class ParsedPage: NSObject, XMLParserDelegate {
  private(set) var elements: [String: Int] = [:]
  private(set) var ids: Set<String> = []
  private(set) var attributes: Set<String> = []
  private(set) var text = ""
  private(set) var isWellFormed = false

  init(_ page: String) {
    super.init()
    let parser = XMLParser(data: Data(page.utf8))
    parser.delegate = self
    isWellFormed = parser.parse()
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
    qualifiedName: String?, attributes: [String: String] = [:]
  ) {
    elements[name, default: 0] += 1
    if let id = attributes["id"] { #expect(ids.insert(id).inserted, "\(id) twice") }
    self.attributes.formUnion(attributes.keys)
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
}

@Suite("Report: markup and figures")
struct ReportMarkupTests {
  /// Markup that would run, break out of an attribute or a comment, or be read as a reference.
  static let hostile = [
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\" onclick=\"alert(1)",
    "' autofocus onfocus='alert(1)", "&lt;b&gt; &#60; &amp;", "<!-- --> ]]> <![CDATA[ <?php",
    "</style></title></textarea>", "{{x}} ${y} `z` \\u003cscript\\u003e", "\u{FFFD} żółć 数 😀",
  ]

  @Test("text stays text, in elements and in attributes", arguments: hostile)
  func escaping(text: String) {
    let piece: HTML = "<p title=\"\(text)\" class='\(text)'>\(text)</p>"
    let page = ParsedPage(piece.source)
    #expect(page.isWellFormed)
    #expect(page.elements == ["p": 1])
    #expect(page.attributes == ["title", "class"])
    #expect(page.text == text)
  }

  @Test("controls, bidirectional marks and invisible scalars are written out")
  func invisible() {
    for scalar in (0..<0x20).compactMap(Unicode.Scalar.init) + [
      "\u{7F}", "\u{85}", "\u{200B}", "\u{200E}", "\u{202A}", "\u{202E}", "\u{2066}", "\u{2069}",
      "\u{2028}", "\u{FEFF}", "\u{FFFE}", "\u{E000}", "\u{E0041}",
    ] where scalar != "\n" && scalar != "\t" {
      let piece: HTML = "<p>\("a" + String(scalar) + "b")</p>"
      #expect(!piece.source.unicodeScalars.contains(scalar), "\(scalar.value)")
      #expect(ParsedPage(piece.source).text.hasPrefix("a\\"))
    }
    // What was no UTF-8 has become U+FFFD when it became a text.
    let bytes: [UInt8] = [0x61, 0xFF, 0xC3, 0x28, 0xED, 0xA0, 0x80]
    let piece: HTML = "<p>\(String(decoding: bytes, as: UTF8.self))</p>"
    #expect(ParsedPage(piece.source).text.hasPrefix("a\u{FFFD}\u{FFFD}("))
  }

  @Test("the script and the style are XML as they stand, and the policy names the script's digest")
  func policy() {
    let page = Page(title: "t", facts: [], footer: "").html.source
    #expect(ParsedPage(page).isWellFormed)
    #expect(!Page.script.source.contains("<") && !Page.script.source.contains("&"))
    // RFC 4648, section 10.
    for (text, encoded) in [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
      ("foobar", "Zm9vYmFy"),
    ] { #expect(base64(Array(text.utf8)) == encoded) }
    #expect(base64([0xFB, 0xFF, 0xBF]) == "+/+/")
    let script = page.split(separator: "<script>")[1].split(separator: "</script>")[0]
    let digits = Array(SHA256.hex(of: Array(script.utf8)))
    let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(digits[$0...$0 + 1]), radix: 16)
    }
    #expect(page.contains("script-src &#39;sha256-\(Data(bytes).base64EncodedString())&#39;"))
    #expect(page.contains("default-src &#39;none&#39;"))
  }

  @Test("numbers")
  func numbers() {
    #expect(
      [0, 7, 999, 1000, -12_345, 1_234_567].map(grouped) == [
        "0", "7", "999", "1,000", "−12,345", "1,234,567",
      ])
    #expect(grouped(.min).hasPrefix("−9,223,"))
    #expect(short(-0.0, 1) == "0" && short(-1.25, 1) == "−1.3" && short(2, 3) == "2")
    #expect(points(0.012) == "+1.2" && points(-0.012) == "−1.2")
    #expect(
      duration(59.6) == "60 s" && duration(3900) == "65 min" && duration(7500) == "2 h 05 min")
    #expect(duration(-1) == "0 s" && duration(.infinity) == duration(1e9))
  }

  @Test("ticks are round, lie in the domain, and do not fail on any")
  func ticks() {
    func ticks(_ domain: ClosedRange<Double>) -> [Double] {
      Scale(domain: domain, ends: (0, 1)).ticks(4).map { ($0 * 1e6).rounded() / 1e6 }
    }
    #expect(ticks(0...0.4) == [0, 0.1, 0.2, 0.3, 0.4])
    #expect(ticks(-0.03...0.05) == [-0.02, 0, 0.02, 0.04])
    #expect(ticks(0...300) == [0, 100, 200, 300])
    #expect(ticks(5...5) == [5])
    #expect(ticks(0...1e300) == [0])
    #expect(Scale.fromZero(holding: []) == 0...1)
    #expect(abs(Scale.fromZero(holding: [0.137]).upperBound - 0.15) < 1e-12)
    #expect(Scale(domain: 3...3, ends: (0, 10))(3) == 5)
  }

  @Test("a choice has the wanted number, evenly over the order", arguments: [1, 2, 7, 100, 999])
  func evenChoice(total: Int) {
    for wanted in [1, 2, 3, 50, 1000] {
      var choice = EvenChoice(wanted, of: total)
      let taken = (0..<total).filter { _ in choice.takesNext() }
      #expect(taken.count == min(wanted, total))
      // No gap is longer than two strides.
      let gaps = zip([-1] + taken, taken + [total]).map { $1 - $0 }
      #expect(gaps.max() ?? 0 <= 2 * (total / min(wanted, total) + 1))
      // More than were announced are not taken.
      let oneMore = choice.takesNext()
      #expect(!oneMore)
    }
  }

  @Test("a budget cuts the text that goes beyond it, and says so")
  func budget() {
    var budget = TextBudget()
    let whole = budget.take("<b>")
    #expect(whole.source == "&lt;b&gt;")
    let long = String(repeating: "\u{202E}", count: 10_000)
    let cut = budget.take(long) { "<p>\($0)</p>" }
    #expect(cut.source.utf8.count < 17 << 10)
    #expect(cut.source.contains("more characters") && ParsedPage(cut.source).isWellFormed)
    let rest = budget.take("more")
    #expect(rest.isEmpty)
    var lines = TextBudget()
    let taken = (0..<10_000).filter { _ in !lines.take("") { "<i>\($0)</i>" }.isEmpty }
    #expect(taken.count < 500)
  }
}
