extension Method {
  /// The base itself, with a few written-out solutions in its prompt (10.3).
  public static let fewShot = Method(
    name: "few_shot", label: "few-shot prompting", opening: .prompt)
}
