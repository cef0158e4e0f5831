// Several tasks that one adapter learns together (docs/tripost.md, 9.7).

import Boundary

extension Course {
  /// The courses of several tasks as one; a single one as it is.
  ///
  /// Each question keeps to its own task, critic, improver and demonstrator: its cell says which these are.
  init(joining parts: [Course]) {
    guard parts.count > 1 else {
      self = parts[0]
      return
    }
    func questions(_ path: KeyPath<Course, [Question]>) -> [Question] {
      parts.flatMap { part in
        part[keyPath: path].map {
          $0.with(id: "\(part.name)/\($0.id)", cell: $0.cell.of(task: part.name))
        }
      }
    }
    let experts = ExpertsByTask(
      parts: Dictionary(uniqueKeysWithValues: parts.map { ($0.name, $0) }))
    self.init(
      name: parts.map(\.name).joined(separator: "+"),
      tasks: experts.parts.compactMapValues { $0.tasks[""] },
      cells: parts.flatMap { part in part.ownCells.map { $0.of(task: part.name) } },
      training: questions(\.training), validation: questions(\.validation), test: questions(\.test),
      critic: experts, improver: experts, demonstrator: experts, desk: nil,
      notes: parts.flatMap(\.notes))
  }

  /// The names that the cells of its questions have: the empty one, or those of several tasks in their order.
  var taskNames: [String] { tasks.count > 1 ? name.split(separator: "+").map(String.init) : [""] }
}

/// Judges, mends and demonstrates as the script of each question's own task does.
private struct ExpertsByTask: Critic, Improver, Demonstrator {
  let parts: [String: Course]
  let name = "script"

  func feedback(on attempt: Attempt, to question: Question) throws -> Feedback {
    guard let part = parts[question.cell.task] else { throw CriticFailure("there is no such task") }
    return try part.critic.feedback(on: attempt, to: question)
  }

  func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) throws -> String? {
    try parts[question.cell.task]?.improver.continuation(
      of: prefix, repairing: attempt, mistake: mistake, to: question)
  }

  func attempt(at question: Question, random: inout RandomStream) throws -> Attempt? {
    try parts[question.cell.task]?.demonstrator.attempt(at: question, random: &random)
  }

  func asked(for sample: String) -> any Critic { self }
  func asked(for sample: String) -> any Improver { self }
}

extension TaskDefaults {
  /// What suits several tasks together: questions add up, limits are the widest, and the test takes as many questions
  /// a shape as the task with the fewest.
  init(joining parts: [TaskDefaults]) {
    self = parts[0]
    for part in parts.dropFirst() {
      seen += part.seen
      unseen += part.unseen
      training += part.training
      publishedTraining += part.publishedTraining
      validation += part.validation
      testPerShape = min(testPerShape, part.testPerShape)
      maxWords = max(maxWords, part.maxWords)
      maxDataLength += part.maxDataLength
      minDataLength += part.minDataLength
      maxNewTokens = max(maxNewTokens, part.maxNewTokens)
      maxAnswerTokens = max(maxAnswerTokens, part.maxAnswerTokens)
    }
  }
}

extension RunConfiguration.DataSettings {
  /// The settings of each of several tasks: its own shapes, and its share of the questions.
  ///
  /// - Throws: `InputError` where a shape is no task's, a task has none to practise, or the shares are not one a task.
  func parts(for tasks: [any GeneratedTask.Type]) throws(InputError) -> [Self] {
    let shares = try shares(of: tasks)
    guard tasks.count > 1 else { return tasks.map { _ in self } }
    for name in seen + unseen where !tasks.contains(where: { $0.hasShape(name) }) {
      throw InputError(
        .settingRange, at: .init(field: seen.contains(name) ? "data.seen" : "data.unseen"),
        found: "\"\(escaped(name))\"", allowed: "a shape of " + Self.list(tasks))
    }
    let training = Self.divided(training, by: shares)
    let validation = Self.divided(validation, by: shares)
    var parts: [Self] = []
    for (index, task) in tasks.enumerated() {
      var part = self
      part.seen = seen.filter(task.hasShape)
      part.unseen = unseen.filter(task.hasShape)
      guard !part.seen.isEmpty else {
        throw InputError(.settingsAgree, found: "no shape of \(task.name) in \"data.seen\"")
      }
      (part.training, part.validation) = (training[index], validation[index])
      parts.append(part)
    }
    return parts
  }

  /// What `task_mix` says, or else as many as each task begins with by itself.
  private func shares(of tasks: [any GeneratedTask.Type]) throws(InputError) -> [Int] {
    if taskMix.isEmpty { return tasks.map { $0.defaults.training } }
    let shares = taskMix.split(separator: ":", omittingEmptySubsequences: false).map {
      Int($0) ?? 0
    }
    guard tasks.count > 1, shares.count == tasks.count, shares.allSatisfy((1...1000).contains)
    else {
      throw InputError(
        .settingRange, at: .init(field: "data.task_mix"), found: "\"\(escaped(taskMix))\"",
        allowed: tasks.count > 1
          ? "\(tasks.count) whole numbers from 1 to 1000, such as "
            + Array(repeating: "1", count: tasks.count).joined(separator: ":")
          : "nothing where there is one task")
    }
    return shares
  }

  /// The whole parts of a total, what is left over going to the first ones.
  private static func divided(_ total: Int, by shares: [Int]) -> [Int] {
    let sum = shares.reduce(0, +)
    var parts = shares.map { total * $0 / sum }
    for index in 0..<(total - parts.reduce(0, +)) { parts[index % parts.count] += 1 }
    return parts
  }

  private static func list(_ tasks: [any GeneratedTask.Type]) -> String {
    tasks.map { $0.name }.joined(separator: " or ")
  }
}

extension GeneratedTask {
  fileprivate static func hasShape(_ name: String) -> Bool { Shape(name: name) != nil }
}
