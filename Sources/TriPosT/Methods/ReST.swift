extension Method {
  /// Rejection sampling: several samples of the latest student a question, of which the right ones train M_0 anew in
  /// each round (10.12).
  ///
  /// Source: Singh et al. 2023, "Beyond human data" (arXiv 2312.06585), ReST-EM with a reward of 0 or 1.
  public static let rest = Method(
    name: "rest", label: "ReST", rounds: .all, material: .samples(Samples()), start: .opening)
}
