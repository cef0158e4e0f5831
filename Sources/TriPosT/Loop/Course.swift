import Boundary

/// What a student is taught: a task's questions, and those who judge and mend its attempts.
public struct Course: Sendable {
  public let task: any ReasoningTask
  public let training: [Question]
  public let validation: [Question]
  public let test: [Question]
  public let critic: any Critic
  public let improver: any Improver

  /// A course of given questions.
  public init(
    task: any ReasoningTask, training: [Question], validation: [Question], test: [Question],
    critic: any Critic, improver: any Improver
  ) {
    self.task = task
    self.training = training
    self.validation = validation
    self.test = test
    self.critic = critic
    self.improver = improver
  }

  /// The tasks there are.
  public static let names = ["multistep_arithmetic"]

  /// Makes the course that a configuration names.
  ///
  /// - Throws: `InputError` when the task cannot make its questions.
  public init(_ configuration: RunConfiguration) throws {
    let task = MultistepArithmetic(plan: try configuration.data.arithmeticPlan())
    let sets = try task.questions(seed: UInt64(configuration.data.seed))
    self.init(
      task: task, training: sets.training, validation: sets.validation, test: sets.test,
      critic: ScriptedCritic(task, options: configuration.compat),
      improver: ScriptedImprover(task))
  }
}

extension RunConfiguration.DataSettings {
  /// The plan of questions: the totals spread evenly over the seen shapes.
  func arithmeticPlan() throws(InputError) -> [MultistepArithmetic.Portion] {
    let training = split(self.training, over: seen.count)
    let validation = split(self.validation, over: seen.count)
    var plan: [MultistepArithmetic.Portion] = []
    for (index, name) in seen.enumerated() {
      plan.append(
        try portion(name, isSeen: true, training: training[index], validation: validation[index]))
    }
    for name in unseen { plan.append(try portion(name, isSeen: false, training: 0, validation: 0)) }
    return plan
  }

  /// As even as it gets, the first parts being the larger ones.
  private func split(_ total: Int, over parts: Int) -> [Int] {
    (0..<parts).map { total / parts + ($0 < total % parts ? 1 : 0) }
  }

  private func portion(
    _ name: String, isSeen: Bool, training: Int, validation: Int
  ) throws(InputError) -> MultistepArithmetic.Portion {
    guard let shape = MultistepArithmetic.Shape(name: name) else {
      throw InputError(
        .settingRange, at: .init(field: isSeen ? "data.seen" : "data.unseen"),
        found: "\"\(escaped(name))\"",
        allowed: "a shape such as l3d22: 3 numbers in 2 times 2 groups")
    }
    let published = MultistepArithmetic.publishedCell(shape)
    let cell = published.isSeen == isSeen ? published : Cell(name: name, isSeen: isSeen)
    return .init(
      shape, cell: cell, training: training, validation: validation, test: testPerShape)
  }
}

extension MultistepArithmetic.Shape {
  /// Reads a name such as `l3d22`.
  init?(name: String) {
    let parts = name.dropFirst().split(separator: "d", omittingEmptySubsequences: false)
    guard name.first == "l", parts.count == 2, let length = Int(parts[0]) else { return nil }
    let depths = parts[1].compactMap(\.wholeNumberValue)
    guard !depths.isEmpty, depths.count == parts[1].count else { return nil }
    self.init(length: length, depths: depths)
    guard self.name == name else { return nil }
  }
}
