/// The label of a step: "3", "4.2.1" where steps nest, or that of the final response.
///
/// Ordered number by number, so 10 follows 9; the final response follows every number.
public enum StepLabel: Hashable, Comparable, Sendable {
  /// The numbers between the dots, outermost first.
  case step([Int])
  case finalResponse

  /// A step that is not nested.
  public static func number(_ number: Int) -> StepLabel { .step([number]) }

  public static func < (a: StepLabel, b: StepLabel) -> Bool {
    switch (a, b) {
    case (.step(let x), .step(let y)): x.lexicographicallyPrecedes(y)
    case (.step, .finalResponse): true
    case (.finalResponse, _): false
    }
  }
}
