extension Method {
  /// Ground-truth rationales, and nothing after them: the baseline, and M_0 of the other methods (10.1).
  public static let ftRationale = Method(name: "ft_rationale", label: "ft rationale")
}
