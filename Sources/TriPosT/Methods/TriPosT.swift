extension Method {
  /// The student's own attempts, judged and repaired, again and again (the rest of docs/tripost.md).
  public static let tripost = Method(
    name: "tripost", label: "TriPosT", rounds: .all, material: .trajectories(of: .student),
    tests: [.selfImproving])
}
