import Boundary

// M_0 is the same for all methods that begin with rationales; so it is trained and tested once.

extension Loop {
  /// Copies the opening stages of the run that `opening_from` names, in a run that has none yet.
  ///
  /// - Throws: `InputError` when that run's opening is not complete, or is another one.
  func takeOverOpening() throws {
    let source = configuration.openingFrom
    guard !source.isEmpty, folder.manifest.records.isEmpty else { return }
    let file = source + "/run.json"
    let manifest = try RunManifest(parsing: try Files.readText(file), file: file)
    guard manifest.records.contains(where: { $0.stage == .evaluate && $0.iteration == 0 }) else {
      throw InputError(
        .settingsAgree, file: file, found: "an opening that is not complete",
        hints: ["finish that run first"])
    }
    let made = try RunFolder.storedConfiguration(source)
    var differences = configuration.differences(from: made)
      .filter { configuration.decidesOpening($0.key) }
      .map { "\($0.key): \($0.there) there, \($0.here) here" }
    if made.method.opening != method.opening {
      differences.append("method: \(made.method.name) there, \(method.name) here")
    }
    let (there, here) = (manifest.origin, folder.manifest.origin)
    if there.modelDigest != here.modelDigest { differences.append("another model") }
    if there.version != here.version { differences.append("another program version") }
    if there.dataDigests != here.dataDigests { differences.append("other files of questions") }
    guard differences.isEmpty else {
      throw InputError(
        .sameConfiguration, file: file,
        found: "the opening of another run: " + differences.joined(separator: "; "))
    }
    try folder.adopt(iteration: 0, from: source)
    try report(.note("ft rationale is taken over from \(source)"))
  }
}

extension RunConfiguration {
  /// Whether a setting decides what M_0 is and how it is tested; the others decide what comes after it.
  func decidesOpening(_ key: String) -> Bool {
    let later = [
      "method", "control_tokens_from", "iterations", "rollout.", "samples.", "editor.", "mix.",
      "feedback.", "improvement.", "prompts", "endpoint.", "train.epochs", "train.learning_rate",
      "train.self_improve_weight",
      "evaluation.max_generations", "evaluation.max_answer_tokens", "evaluation.shots", "compat.",
    ]
    return !later.contains { key == $0 || $0.hasSuffix(".") && key.hasPrefix($0) }
  }
}
