// TriPosT with one of its parts taken out.

extension Method {
  /// Feedback and update weigh no more than the rest (10.8).
  public static let triPosTNoWeights = Method(
    name: "tripost_no_weights", label: "TriPosT, no weights", rounds: .all,
    material: .trajectories(of: .student), tests: [.selfImproving],
    fixed: ["train.self_improve_weight": .number(1)])

  /// All texts are taken, whatever their kind (10.9).
  public static let triPosTNoBalance = Method(
    name: "tripost_no_balance", label: "TriPosT, no re-balancing", rounds: .all,
    material: .trajectories(of: .student), tests: [.selfImproving],
    fixed: ["mix.rho": .number(0)])

  /// A demonstrator's attempts in the place of the student's own (10.10).
  public static let triPosTNoInteraction = Method(
    name: "tripost_no_interaction", label: "TriPosT, no interaction", rounds: .all,
    material: .trajectories(of: .demonstrator), tests: [.selfImproving])
}
