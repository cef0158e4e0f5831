import Boundary

/// What a student is taught: the questions of a task or of several, and those who judge and mend its attempts.
public struct Course: Sendable {
  /// The task's name; of several tasks their names, joined by +.
  public let name: String
  /// By the name that the cells of its questions have.
  let tasks: [String: any ReasoningTask]
  /// The groups that the tasks report scores for.
  let ownCells: [Cell]
  public let training: [Question]
  public let validation: [Question]
  public let test: [Question]
  public let critic: any Critic
  public let improver: any Improver
  /// Attempts of another than the student, for methods that take those.
  public let demonstrator: any Demonstrator
  /// Where critic and improver get their replies from, if they are not scripts.
  let desk: ReplyDesk?
  /// What a person should know about the questions, such as how many were left out.
  public let notes: [String]

  /// A course of given questions.
  public init(
    task: any ReasoningTask, training: [Question], validation: [Question], test: [Question],
    critic: any Critic, improver: any Improver, demonstrator: any Demonstrator,
    notes: [String] = []
  ) {
    self.init(
      name: task.name, tasks: ["": task], cells: task.cells, training: training,
      validation: validation, test: test, critic: critic, improver: improver,
      demonstrator: demonstrator, desk: nil, notes: notes)
  }

  init(
    name: String, tasks: [String: any ReasoningTask], cells: [Cell], training: [Question],
    validation: [Question], test: [Question], critic: any Critic, improver: any Improver,
    demonstrator: any Demonstrator, desk: ReplyDesk?, notes: [String]
  ) {
    self.name = name
    self.tasks = tasks
    ownCells = cells
    self.training = training
    self.validation = validation
    self.test = test
    self.critic = critic
    self.improver = improver
    self.demonstrator = demonstrator
    self.desk = desk
    self.notes = notes
  }

  /// Does what asks critic or improver, again with each reply that turns out to be needed.
  ///
  /// `each` is called while replies are waited for; what it throws stops the work.
  func withReplies<Result>(
    each: () throws -> Void, _ work: () throws -> Result
  ) throws -> Result {
    while true {
      do {
        return try work()
      } catch let need as ReplyNeeded {
        guard let desk else { throw need }
        try desk.answer([need]) { _ in try each() }
      }
    }
  }

  /// The task of one of the course's questions.
  public func task(of question: Question) -> any ReasoningTask {
    guard let task = tasks[question.cell.task] else {
      preconditionFailure("question \(question.id) is of no task of the course")
    }
    return task
  }

  /// The groups that scores are reported for: the task's, then any others that test questions are in.
  public var cells: [Cell] {
    var cells = ownCells
    for question in test where !cells.contains(question.cell) { cells.append(question.cell) }
    return cells
  }
}

extension Course {
  /// The tasks there are.
  static let tasks: [any GeneratedTask.Type] = [
    MultistepArithmetic.self, WordSorting.self, DateUnderstanding.self, LogicalDeduction.self,
  ]

  /// Their names.
  public static let names = tasks.map { $0.name }

  /// The tasks of a name, which may be several joined by +; nil where one of them is none of these, or is named
  /// twice.
  static func tasks(named name: String) -> [any GeneratedTask.Type]? {
    let names = name.split(separator: "+", omittingEmptySubsequences: false).map(String.init)
    let found = names.compactMap { name in tasks.first { $0.name == name } }
    return found.count == names.count && Set(names).count == names.count ? found : nil
  }

  /// The settings that suit a task, or several; nil for a name that is none.
  static func defaults(of task: String) -> TaskDefaults? {
    tasks(named: task).map { TaskDefaults(joining: $0.map { $0.defaults }) }
  }

  /// What is wrong with the questions that a configuration asks for; nil when nothing is.
  static func problem(with configuration: RunConfiguration) -> InputError? {
    func check<Task: GeneratedTask>(
      _ type: Task.Type, _ data: RunConfiguration.DataSettings
    ) throws(InputError) { _ = try data.plan(for: type) }
    do throws(InputError) {
      let types = tasks(named: configuration.task) ?? []
      for (type, data) in zip(types, try configuration.data.parts(for: types)) {
        try check(type, data)
      }
      return nil
    } catch {
      return error
    }
  }

  /// Makes the course that a configuration names.
  ///
  /// - Throws: `InputError` when the task cannot make its questions, or a file of them cannot be used.
  public init(_ configuration: RunConfiguration) throws {
    if TaskFile.isFolder(configuration.task) {
      self = try Course(
        taskFolder: configuration.task, allowsOverlap: configuration.data.testOnTraining)
      return
    }
    func course<Task: GeneratedTask>(
      _ type: Task.Type, _ data: RunConfiguration.DataSettings
    ) throws -> Course {
      let task = type.init(plan: try data.plan(for: type))
      var notes: [String] = []
      let sets = try QuestionSets(of: task, data, notes: &notes)
      return Course(
        task: task, training: sets.training, validation: sets.validation, test: sets.test,
        critic: ScriptedCritic(task, options: configuration.compat),
        improver: ScriptedImprover(task), demonstrator: ScriptedDemonstrator(task), notes: notes)
    }
    guard let types = Self.tasks(named: configuration.task) else {
      throw InputError(
        .settingRange, at: .init(field: "task"), found: "\"\(escaped(configuration.task))\"",
        allowed: "one of " + Self.names.joined(separator: ", "))
    }
    var parts: [Course] = []
    for (type, data) in zip(types, try configuration.data.parts(for: types)) {
      parts.append(try course(type, data))
    }
    self = Course(joining: parts)
  }
}

extension RunConfiguration.DataSettings {
  /// The plan of questions: the totals spread evenly over the seen shapes.
  func plan<Task: GeneratedTask>(
    for task: Task.Type
  ) throws(InputError) -> [QuestionPortion<Task.Shape>] {
    let training = split(self.training, over: seen.count)
    let validation = split(self.validation, over: seen.count)
    var plan: [QuestionPortion<Task.Shape>] = []
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

  private func portion<Shape: QuestionShape>(
    _ name: String, isSeen: Bool, training: Int, validation: Int
  ) throws(InputError) -> QuestionPortion<Shape> {
    guard let shape = Shape(name: name) else {
      throw InputError(
        .settingRange, at: .init(field: isSeen ? "data.seen" : "data.unseen"),
        found: "\"\(escaped(name))\"", allowed: "a shape such as \(Shape.example)")
    }
    let published = shape.publishedCell
    let cell = published.isSeen == isSeen ? published : Cell(name: name, isSeen: isSeen)
    return .init(
      shape, cell: cell, training: training, validation: validation, test: testPerShape)
  }
}
