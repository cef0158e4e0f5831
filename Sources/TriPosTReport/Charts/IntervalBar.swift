import TriPosT

/// A difference and its interval on a line through zero, as wide as the cell of a table.
struct IntervalBar {
  let value: Double
  let interval: ClosedRange<Double>
  /// What the whole width stands for; the same for all bars of a table.
  let domain: ClosedRange<Double>

  /// A domain around zero that holds all intervals.
  static func domain(_ intervals: [ClosedRange<Double>]) -> ClosedRange<Double> {
    let low = min(0, intervals.map(\.lowerBound).min() ?? 0)
    let high = max(0, intervals.map(\.upperBound).max() ?? 0)
    let room = max(0.01, high - low) * 0.06
    return (low - room)...(high + room)
  }

  var html: HTML {
    let x = Scale(domain: domain, ends: (0, 200))
    let words = "\(points(value)) points, \(points(interval))"
    return """
      <svg class="interval" viewBox="0 0 200 16" preserveAspectRatio="none" role="img" aria-label="\(words)">\
      <path class="zero" d="M\(plot: x(0)) 0V16" />\
      <path class="range" d="M\(plot: x(interval.lowerBound)) 8H\(plot: x(interval.upperBound))" />\
      <path class="value" d="M\(plot: x(value)) 3V13" /></svg>
      """
  }
}
