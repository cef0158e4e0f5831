import Boundary

// How the attempts of a pass become trajectories (docs/tripost.md, 3.3 to 3.8).

extension Loop {
  /// Edits all rollouts of a pass, in as many rounds as critic and improver have to be asked.
  func edit(
    _ rollouts: [RolloutRecord], _ iteration: Int, name: RunEvent.StageName
  ) throws -> [TrajectoryRecord] {
    var edits = [TrajectoryRecord?](repeating: nil, count: rollouts.count)
    var open = Array(rollouts.indices)
    var round = 0
    while true {
      var needed: [ReplyNeeded] = []
      var waiting: [Int] = []
      for index in open {
        do {
          edits[index] = try edit(
            rollouts[index], sample: "\(iteration)/\(rollouts[index].pass)/\(index)")
        } catch let need as ReplyNeeded {
          needed.append(need)
          waiting.append(index)
        }
      }
      guard let desk = course.desk, !needed.isEmpty else { return edits.compactMap(\.self) }
      round += 1
      let work = RunEvent.StageName(iteration: iteration, work: "asking")
      let number = Set(needed.map(\.key)).count
      try desk.answer(needed) {
        try Interruption.check(folder.path)
        try progress(work, $0, of: number, unit: "replies, round \(round)")
      }
      open = waiting
    }
  }

  private func edit(_ rollout: RolloutRecord, sample: String) throws -> TrajectoryRecord {
    var options = Editor.Options()
    options.maxUpdates = configuration.editor.maxUpdates
    options.maxAttemptWords = configuration.editor.maxWords
    options.compatibility = configuration.compat
    let editor = Editor(
      critic: GatedCritic(
        task: course.task(of: rollout.question), critic: course.critic.asked(for: sample)),
      improver: course.improver.asked(for: sample), options: options)
    return TrajectoryRecord(
      pass: rollout.pass, prediction: rollout.prediction,
      edit: try editor.edit(rollout.prediction, to: rollout.question))
  }

  /// Puts on record what the replies of an iteration come to; nil where nobody was asked.
  func recordReplies(_ iteration: Int) throws -> JSONObject? {
    guard let desk = course.desk else { return nil }
    let facts = desk.facts
    try folder.metrics.record("replies", iteration: iteration, numbers: facts, clock: desk.clock)
    return facts
  }
}
