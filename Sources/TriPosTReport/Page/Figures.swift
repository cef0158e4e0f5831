// How numbers are written on a page.

import TriPosT

/// A difference of shares in points, with a sign as wide as a figure.
func points(_ share: Double) -> String {
  signedPercent(share).replacing("-", with: "−")
}

/// An interval of shares in percent: `28.4 to 38.1`.
func percents(_ interval: ClosedRange<Double>) -> String {
  "\(percent(interval.lowerBound)) to \(percent(interval.upperBound))"
}

/// An interval of differences in points: `−1.2 to +3.4`.
func points(_ interval: ClosedRange<Double>) -> String {
  "\(points(interval.lowerBound)) to \(points(interval.upperBound))"
}

/// A count with its thousands apart: `12,345`.
func grouped(_ count: Int) -> String {
  var text = ""
  let digits = String(count.magnitude)
  for (place, digit) in digits.enumerated() {
    if place > 0, (digits.count - place).isMultiple(of: 3) { text += "," }
    text.append(digit)
  }
  return (count < 0 ? "−" : "") + text
}

/// A number with so many decimals, without zeros at the end.
func short(_ value: Double, _ decimals: Int) -> String {
  guard value.isFinite else { return "\(value)" }
  let scale = (0..<decimals).reduce(1.0) { scale, _ in scale * 10 }
  // Adding zero takes the sign off a zero.
  return plain((value * scale).rounded() / scale + 0).replacing("-", with: "−")
}

/// Seconds as `1 h 05 min`, `12 min` or `40 s`.
func duration(_ seconds: Double) -> String {
  let whole = Int(min(max(0, seconds), 1e9).rounded())
  if whole < 100 { return "\(whole) s" }
  let minutes = (whole + 30) / 60
  if minutes < 100 { return "\(minutes) min" }
  return "\(minutes / 60) h \(minutes % 60 < 10 ? "0" : "")\(minutes % 60) min"
}

/// A count and its noun: `1 seed`, `3 seeds`.
func counted(_ count: Int, _ noun: String, _ many: String? = nil) -> String {
  "\(grouped(count)) \(count == 1 ? noun : many ?? noun + "s")"
}
