/// Maps values onto a length of a chart.
struct Scale {
  let domain: ClosedRange<Double>
  /// Where the ends of the domain are drawn; the first may be the larger one.
  let ends: (from: Double, to: Double)

  func callAsFunction(_ value: Double) -> Double {
    let width = domain.upperBound - domain.lowerBound
    let share = width > 0 ? (value - domain.lowerBound) / width : 0.5
    return ends.from + share * (ends.to - ends.from)
  }

  /// Round numbers across the domain, about as many as asked for.
  func ticks(_ count: Int) -> [Double] {
    let step = Self.roundStep(atLeast: (domain.upperBound - domain.lowerBound) / Double(count))
    guard step > 0, step.isFinite else { return [domain.lowerBound] }
    let first = (domain.lowerBound / step - 1e-9).rounded(.up)
    let last = (domain.upperBound / step + 1e-9).rounded(.down)
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }

  /// The smallest number of 1, 2 or 5 times a power of ten that is not below a width.
  static func roundStep(atLeast width: Double) -> Double {
    guard width > 1e-12, width < 1e12 else { return 0 }
    var power = 1.0
    while power > width { power /= 10 }
    while power * 10 <= width { power *= 10 }
    return [1, 2, 5, 10].map { $0 * power }.first { $0 >= width * (1 - 1e-9) } ?? 10 * power
  }

  /// A domain from zero to a round number that holds all values.
  static func fromZero(holding values: [Double]) -> ClosedRange<Double> {
    let top = values.max() ?? 1
    let step = roundStep(atLeast: top / 4)
    return step > 0 ? 0...((top / step).rounded(.up) * step) : 0...1
  }
}
