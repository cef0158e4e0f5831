extension Method {
  /// Trajectories in which the student has no part: a demonstrator's mistakes, judged and repaired; one round, without
  /// weights (10.6).
  public static let ftSIDemo = Method(
    name: "ft_si_demo", label: "ft SI demo", rounds: .one,
    material: .trajectories(of: .demonstrator), start: .opening, tests: [.selfImproving],
    fixed: ["train.self_improve_weight": .number(1)])
}
