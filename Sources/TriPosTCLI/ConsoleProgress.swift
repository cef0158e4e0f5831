import Boundary

/// One line on standard error that says how far a piece of work is.
///
/// On a terminal the line is written over itself, at most ten times a second, and gives way to
/// whatever else is printed; elsewhere a plain line appears every ten seconds.
final class ConsoleProgress {
  private let label: String
  private let isTerminal = StandardStreams.errorIsTerminal
  private let start = ContinuousClock.now
  private var lastShown = ContinuousClock.now
  private var done = 0
  private var total = 0
  private var tokens: Int?
  private var facts: [String] = []
  private let before: Int

  /// - Parameters:
  ///   - label: What is being done, such as `generate`.
  ///   - before: Units that were done before this process began.
  init(_ label: String, before: Int = 0) {
    self.label = label
    self.before = before
  }

  /// Takes note of the units done, of the tokens computed so far, and of what else there is to say, such as the loss;
  /// shows them when it is time to.
  func update(done: Int, of total: Int, tokens: Int? = nil, facts: [String] = []) {
    self.done = done
    self.total = total
    self.tokens = tokens
    self.facts = facts
    let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(10)
    guard ContinuousClock.now - lastShown >= pause else { return }
    lastShown = .now
    if isTerminal {
      StandardStreams.showLiveLine(line(isEnd: false))
    } else {
      StandardStreams.writeError(line(isEnd: false) + "\n")
    }
  }

  /// Shows the end of the work in a line that stays.
  func finish() { StandardStreams.writeError(line(isEnd: true) + "\n") }

  /// A loss in nats, as the line shows it.
  static func words(loss: Double) -> String { "loss \((loss * 1000).rounded() / 1000)" }

  private func line(isEnd: Bool) -> String {
    let elapsed = (ContinuousClock.now - start) / .seconds(1)
    var parts = ["\(label): \(done)/\(total)"]
    parts += facts
    if let tokens, elapsed > 0 {
      let rate = Double(tokens) / elapsed
      parts.append("\(rate < 100 ? "\((rate * 10).rounded() / 10)" : "\(Int(rate))") tokens/s")
    }
    if isEnd {
      parts.append("\((elapsed * 10).rounded() / 10) s")
    } else if done > before {
      parts.append("ETA \(Self.clock(elapsed * Double(total - done) / Double(done - before)))")
    }
    return parts.joined(separator: "  ")
  }

  /// Seconds as `4:07` or `2:04:07`.
  private static func clock(_ seconds: Double) -> String {
    let whole = Int(min(seconds, 1e9).rounded())
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    return hours > 0
      ? "\(hours):\(two(minutes)):\(two(whole % 60))" : "\(minutes):\(two(whole % 60))"
  }
}

/// One line on standard error that says how much of a model is packed, where that takes long enough to be noticed.
final class LoadProgress {
  private let isTerminal = StandardStreams.errorIsTerminal
  private let start = ContinuousClock.now
  private var lastShown = ContinuousClock.now
  private var done = 0
  private var total = 0

  func update(done: Int, of total: Int) {
    self.done = done
    self.total = total
    let pause: Duration = isTerminal ? .milliseconds(100) : .seconds(10)
    guard ContinuousClock.now - start >= Self.unnoticed, ContinuousClock.now - lastShown >= pause
    else { return }
    lastShown = .now
    if isTerminal {
      StandardStreams.showLiveLine(line)
    } else {
      StandardStreams.writeError(line + "\n")
    }
  }

  /// Shows the end of a long load in a line that stays.
  func finish() {
    guard ContinuousClock.now - start >= Self.unnoticed else { return }
    StandardStreams.writeError(line + "\n")
  }

  private var line: String {
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    func gigabytes(_ bytes: Double) -> String { "\((bytes / 1e9 * 100).rounded() / 100) GB" }
    return "load: \(gigabytes(Double(done))) of \(gigabytes(Double(total)))"
      + "  \(gigabytes(Double(done) / seconds))/s"
  }

  private static let unnoticed = Duration.milliseconds(500)
}
