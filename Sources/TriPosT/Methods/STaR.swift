extension Method {
  /// Greedy attempts that are right, and where they are wrong a second one with the answer given away; each round
  /// trains M_0 anew (10.11).
  ///
  /// Source: Zelikman et al. 2022, "STaR: Bootstrapping reasoning with reasoning" (arXiv 2203.14465), algorithm 1.
  public static let star = Method(
    name: "star", label: "STaR", rounds: .all,
    material: .samples(Samples(rationalizes: true)), start: .opening,
    defaults: ["samples.count": .integer(1), "samples.temperature": .number(0)])
}
