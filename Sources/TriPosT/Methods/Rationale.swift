extension Method {
  /// The control: ground-truth rationales again, for as many tokens as a TriPosT run trained on.
  public static let rationale = Method(
    name: "rationale", label: "rationales again", rounds: .all, material: .rationales,
    tests: [.single, .selfImproving])
}
