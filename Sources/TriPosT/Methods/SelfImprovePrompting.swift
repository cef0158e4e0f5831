extension Method {
  /// M_0 asked to judge and to update its own attempts, shown how in its prompt; nothing more is trained (10.5).
  public static let selfImprovePrompting = Method(
    name: "self_improve_prompting", label: "ft + SI prompting", rounds: .one,
    tests: [.prompted, .promptedGold])
}
