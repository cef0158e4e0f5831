extension Method {
  /// Several samples of M_0 a question; it goes on with the right ones, each with its steps and without (10.7).
  ///
  /// Source: Huang et al. 2022, "Large language models can self-improve" (arXiv 2210.11610), with the gold answer
  /// in the place of the vote, as in the published comparison.
  public static let lmsi = Method(
    name: "lmsi", label: "LMSI", rounds: .one,
    material: .samples(Samples(addsShortForms: true)), start: .opening,
    defaults: ["samples.temperature": .number(1.2)])
}
