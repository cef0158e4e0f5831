import TriPosT

/// Lines over iterations or steps; made for a width of 300 pixels, so that its words can be read on a telephone.
struct LineChart {
  struct Point {
    let x: Double
    let y: Double
    /// Drawn as a bar through the point.
    var interval: ClosedRange<Double>?
    /// Shown when the pointer rests on it.
    var words = ""
  }

  struct Series {
    let name: String
    let points: [Point]
    /// Its place among the series of the page: the colour, the dashes and the mark follow from it.
    let style: Int
    var hasMarks = true
    /// Lowest and highest values around the line, one a point; empty for none.
    var band: [ClosedRange<Double>] = []
  }

  let title: String
  let series: [Series]
  let xTicks: [(value: Double, label: String)]
  let y: ClosedRange<Double>
  var yLabel: (Double) -> String = { percent($0).replacing(".0", with: "") }
  /// A level to compare with.
  var reference: Double?
  var height = 180.0
  let xTitle: String

  private static let width = 300.0
  private static let margin = (left: 38.0, right: 14.0, top: 10.0, bottom: 34.0)

  private var xScale: Scale {
    let values = xTicks.map(\.value) + series.flatMap { $0.points.map(\.x) }
    let (low, high) = (values.min() ?? 0, values.max() ?? 1)
    let inset = series.contains { $0.hasMarks } ? 14.0 : 0
    return Scale(
      domain: low...high,
      ends: (Self.margin.left + inset, Self.width - Self.margin.right - inset))
  }

  private var yScale: Scale {
    Scale(domain: y, ends: (height - Self.margin.bottom, Self.margin.top))
  }

  var html: HTML {
    let words = "\(title): " + series.map(\.name).joined(separator: ", ")
    return """
      <figure class="chart"><figcaption>\(title)</figcaption>
      <svg viewBox="0 0 300 \(short(height, 0))" role="img" aria-label="\(words)">
      \(axes)\(reference.map(referenceLine) ?? "")\(series.enumerated().map(drawing))</svg>
      </figure>

      """
  }

  /// What the lines are called, once for all charts that share them.
  static func legend(_ series: [Series]) -> HTML {
    let entries = series.map { entry -> HTML in
      """
      <li><svg viewBox="0 0 34 12" width="34" height="12" aria-hidden="true">\
      <g class="s\(entry.style % 6)"><path class="line" d="M1 6H33" />\
      \(entry.hasMarks ? mark(entry.style, 17, 6, "") : "")</g></svg> \(entry.name)</li>
      """
    }
    return "<ul class=\"legend\">\(entries)</ul>\n"
  }

  private var axes: HTML {
    let (left, right) = (Self.margin.left, Self.width - Self.margin.right)
    let bottom = height - Self.margin.bottom
    let (x, y) = (xScale, yScale)
    let rows = y.ticks(height > 150 ? 4 : 2).map { tick -> HTML in
      let at = short(y(tick), 1)
      return """
        <path class="grid" d="M\(plot: left) \(at)H\(plot: right)" />\
        <text class="tick" x="\(plot: left - 6)" y="\(at)" dy="0.32em" text-anchor="end">\(yLabel(tick))</text>

        """
    }
    let columns = xTicks.map { tick -> HTML in
      """
      <text class="tick" x="\(plot: x(tick.value))" y="\(plot: bottom + 15)" text-anchor="middle">\(tick.label)</text>

      """
    }
    return """
      \(rows)<path class="axis" d="M\(plot: left) \(plot: bottom)H\(plot: right)" />
      \(columns)<text class="tick" x="\(plot: (left + right) / 2)" y="\(plot: bottom + 30)" text-anchor="middle">\(xTitle)</text>

      """
  }

  private func referenceLine(_ value: Double) -> HTML {
    let (left, right) = (Self.margin.left, Self.width - Self.margin.right)
    return
      "<path class=\"reference\" d=\"M\(plot: left) \(plot: yScale(value))H\(plot: right)\" />\n"
  }

  private func drawing(_ index: Int, _ series: Series) -> HTML {
    let (x, y) = (xScale, yScale)
    // Side by side, so that bars of one place do not hide each other.
    let aside =
      series.hasMarks ? 5 * (Double(index) - Double(self.series.count - 1) / 2) : 0
    let places = series.points.map { (x: x($0.x) + aside, y: y($0.y), point: $0) }
    let line = Self.path(places.map { ($0.x, $0.y) })
    var band: HTML = ""
    if series.band.count == places.count, places.count > 1 {
      let upper = zip(places, series.band).map { ($0.x, y($1.upperBound)) }
      let lower = zip(places, series.band).map { ($0.x, y($1.lowerBound)) }
      band = "<path class=\"band\" d=\"\(Self.path(upper + lower.reversed()))Z\" />"
    }
    let bars = places.map { place -> HTML in
      guard let interval = place.point.interval else { return "" }
      let (low, high) = (y(interval.lowerBound), y(interval.upperBound))
      return "<path class=\"bar\" d=\"M\(plot: place.x) \(plot: low)V\(plot: high)\" />"
    }
    let marks =
      series.hasMarks
      ? places.map { Self.mark(series.style, $0.x, $0.y, $0.point.words) } : []
    return """
      <g class="s\(series.style % 6)">\(band)\(bars)<path class="line" d="\(line)" />\(marks)</g>

      """
  }

  private static func path(_ places: [(Double, Double)]) -> String {
    places.enumerated().map { index, place in
      "\(index == 0 ? "M" : "L")\(short(place.0, 1)) \(short(place.1, 1))"
    }.joined().replacing("−", with: "-")
  }

  /// A circle, square, diamond or triangle, so that lines differ by more than their colour.
  private static func mark(_ style: Int, _ x: Double, _ y: Double, _ words: String) -> HTML {
    let shape =
      switch style % 4 {
      case 0: "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z"
      case 1: "M-3.6 -3.6H3.6V3.6H-3.6Z"
      case 2: "M0 -5L5 0L0 5L-5 0Z"
      default: "M0 -5L4.8 3.6H-4.8Z"
      }
    return """
      <path class="mark" transform="translate(\(plot: x) \(plot: y))" d="\(shape)">\
      <title>\(words)</title></path>
      """
  }
}

extension HTML.Interpolation {
  /// A place in a drawing, to a tenth of a pixel.
  mutating func appendInterpolation(plot place: Double) {
    appendLiteral(short(place, 1).replacing("−", with: "-"))
  }
}
