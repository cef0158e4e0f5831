#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The learning rate as a function of the step alone.
///
/// The same functions as `transformers`' `get_constant/linear/cosine_schedule_with_warmup`.
public struct LearningRateSchedule: Equatable, Sendable {
  /// What follows the warm-up.
  public enum Shape: String, CaseIterable, Sendable {
    case constant, linear, cosine
  }

  public let shape: Shape
  public let peak: Double
  /// Steps over which the rate rises from 0 in a line.
  public let warmup: Int
  public let steps: Int

  public init(_ shape: Shape, peak: Double, warmup: Int, steps: Int) {
    self.shape = shape
    self.peak = peak
    self.warmup = warmup
    self.steps = steps
  }

  /// The rate at a step, counted from 0.
  public func rate(at step: Int) -> Double {
    if step < warmup { return peak * Double(step) / Double(max(1, warmup)) }
    let progress = Double(step - warmup) / Double(max(1, steps - warmup))
    return switch shape {
    case .constant: peak
    case .linear: peak * max(0, 1 - progress)
    case .cosine: peak * max(0, 0.5 * (1 + cos(.pi * min(1, progress))))
    }
  }
}
