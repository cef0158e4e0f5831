import Boundary
import TriPosT

/// How losses went and with which learning rates.
struct TrainingSection {
  let run: RunContents

  init(_ run: RunContents) { self.run = run }

  var html: HTML {
    guard !run.steps.isEmpty else { return "" }
    let curves = run.steps.map { Curve($0.steps) }
    let losses = Scale.fromZero(holding: curves.flatMap { $0.loss.map(\.range.upperBound) })
    let rates = Scale.fromZero(holding: run.steps.flatMap { $0.steps.map(\.learningRate) })
    let charts = zip(run.steps, curves).map { training, curve -> HTML in
      let steps = training.steps.count
      let isComplete = run.records(.train).contains { $0.iteration == training.iteration }
      let title = run.name(of: training.iteration) + (isComplete ? "" : ", not complete")
      let last = Double(training.steps.last?.step ?? steps)
      let ticks = Scale(domain: 0...last, ends: (0, 1)).ticks(4).map {
        (value: $0, label: short($0, 0))
      }
      let loss = LineChart.Series(
        name: "loss",
        points: curve.loss.map { .init(x: $0.step, y: $0.mean) }, style: 0, hasMarks: false,
        band: curve.width > 1 ? curve.loss.map(\.range) : [])
      let rate = LineChart.Series(
        name: "learning rate", points: curve.rate.map { .init(x: $0.step, y: $0.mean) }, style: 1,
        hasMarks: false)
      return """
        <div>\(LineChart(title: "\(title): loss, nats a token", series: [loss], xTicks: ticks, y: losses, yLabel: { short($0, 3) }, xTitle: curve.width > 1 ? "step; mean, lowest and highest of \(curve.width)" : "step").html)\
        \(LineChart(title: "\(title): learning rate", series: [rate], xTicks: ticks, y: rates, yLabel: Self.rate, height: 110, xTitle: "step").html)</div>

        """
    }
    return "<div class=\"charts\">\n\(charts)</div>\n\(table)"
  }

  private var table: HTML {
    let records = run.records(.train)
    guard !records.isEmpty else { return "" }
    var table = Table(
      header: ["training", "steps", "tokens", "first loss", "last loss", "validation loss"],
      caption:
        "Losses are those of a step's rows; the validation loss is that of solutions of questions that are never trained on"
    )
    table.rows = records.map { record in
      func loss(_ key: String) -> HTML {
        "\(record.facts[key]?.double.map { short($0, 4) } ?? "–")"
      }
      return [
        "\(run.name(of: record.iteration))", "\(grouped(record.facts["steps"]?.int ?? 0))",
        "\(record.facts["trained_tokens"]?.int.map(grouped) ?? "–")", loss("first_loss"),
        loss("last_loss"), loss("validation_loss"),
      ]
    }
    return table.html
  }

  /// A learning rate as `2e-4`.
  private static func rate(_ value: Double) -> String {
    guard value > 1e-12, value < 1e-2 else { return short(value, 2) }
    var (figure, exponent) = (value, 0)
    while figure < 0.999_999 { (figure, exponent) = (figure * 10, exponent + 1) }
    return "\(short(figure, 1))e-\(exponent)"
  }

  /// Steps put together so that a curve has a hundred or so places.
  private struct Curve {
    typealias Place = (step: Double, mean: Double, range: ClosedRange<Double>)

    let width: Int
    let loss: [Place]
    let rate: [Place]

    init(_ steps: [TrainingStep]) {
      let width = max(1, (steps.count + 99) / 100)
      func places(_ value: (TrainingStep) -> Double) -> [Place] {
        stride(from: 0, to: steps.count, by: width).map { start in
          let group = steps[start..<min(start + width, steps.count)]
          let values = group.map(value)
          let mean = values.reduce(0, +) / Double(values.count)
          let middle = group.reduce(0.0) { $0 + Double($1.step) } / Double(group.count)
          return (middle, mean, (values.min() ?? mean)...(values.max() ?? mean))
        }
      }
      self.width = width
      loss = places(\.loss)
      rate = places(\.learningRate)
    }
  }
}
