extension Method {
  /// The answers without the steps that lead to them (10.2).
  public static let answerOnly = Method(
    name: "answer_only", label: "ft answer only", opening: .answers)
}
