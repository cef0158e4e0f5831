/// A question, and what is known about it.
public struct Question: Equatable, Sendable, Identifiable {
  /// Unique within a task: "training-0017".
  public let id: String

  /// The question as the student reads it, without the lead: "Q: ((3 + 4 * 2) * (1 - 5 + 2)) =".
  public let block: String

  /// What the lead says after "Let's think step by step."; empty where a task has no hint.
  public let hint: String

  public let gold: String
  public let cell: Cell

  /// The written-out solution that came with the question; nil where the task writes its own.
  public let solution: Attempt?

  public init(
    id: String, block: String, hint: String, gold: String, cell: Cell, solution: Attempt? = nil
  ) {
    self.id = id
    self.block = block
    self.hint = hint
    self.gold = gold
    self.cell = cell
    self.solution = solution
  }

  /// The same question under another name.
  func with(id: String) -> Question { with(id: id, cell: cell) }

  /// The same question under another name, in another cell.
  func with(id: String, cell: Cell) -> Question {
    Question(id: id, block: block, hint: hint, gold: gold, cell: cell, solution: solution)
  }
}

/// A group of questions of one difficulty, reported together.
public struct Cell: Hashable, Sendable {
  /// Short, for tables: "l3-4d22".
  public let name: String

  /// Whether the training questions have this difficulty.
  public let isSeen: Bool

  /// Whether the published totals count it (13.23).
  public let isPublished: Bool

  /// The task that it is of, in a course of several tasks; else empty.
  public let task: String

  public init(name: String, isSeen: Bool, isPublished: Bool = true, task: String = "") {
    self.name = name
    self.isSeen = isSeen
    self.isPublished = isPublished
    self.task = task
  }

  /// The same cell in a course of several tasks.
  func of(task: String) -> Cell {
    Cell(name: name, isSeen: isSeen, isPublished: isPublished, task: task)
  }
}
