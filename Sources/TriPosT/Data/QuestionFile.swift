// Questions from files of others: BIG-Bench-Hard's JSON and the official TriPosT JSONL
// (docs/tripost.md, 9.5).

import Boundary

/// The questions of one file for one of the sets.
public struct QuestionFile: Sendable {
  public private(set) var questions: [Question] = []
  /// Rows that have no question of the task, each with its place from 1 and the reason.
  public private(set) var rejects: [(place: Int, reason: String)] = []

  /// Reads a file; rows of another split than the set's are passed over.
  ///
  /// - Throws: `InputError` when it is no such file, or no question is left.
  public init<Task: GeneratedTask>(_ path: String, for use: QuestionUse, of task: Task) throws {
    if path.hasSuffix(".jsonl") {
      try JSONLines.forEach(path) { row, line in
        let row = OfficialRow(row)
        if row.isUsed(for: use) { add(row.question(task), at: line) }
      }
    } else {
      for (index, example) in try Self.examples(path).enumerated() {
        add(Self.question(bigBench: example, task), at: index + 1)
      }
    }
    guard !questions.isEmpty else {
      throw InputError(
        .noQuestions, file: path,
        found: "no question of \(task.name) for \(use.rawValue)"
          + (rejects.isEmpty ? "" : " in \(rejects.count) rows"),
        hints: rejects.first.map { ["row \($0.place): \($0.reason)"] } ?? [])
    }
  }

  private mutating func add(_ result: Result<Question, QuestionFault>, at place: Int) {
    switch result {
    case .success(let question): questions.append(question)
    case .failure(let fault): rejects.append((place, fault.reason))
    }
  }

  /// The `examples` of a BIG-Bench-Hard file.
  private static func examples(_ path: String) throws -> [JSONValue] {
    let root = try JSONValue(
      parsing: try Files.readText(path, limit: Limits.questionFile), file: path)
    guard let examples = root["examples"]?.array else {
      throw InputError(
        .noQuestions, file: path, at: .init(field: "examples"), found: "missing",
        hints: ["BIG-Bench-Hard files end in .json, official TriPosT files in .jsonl"])
    }
    return examples
  }

  private static func question<Task: GeneratedTask>(
    bigBench example: JSONValue, _ task: Task
  ) -> Result<Question, QuestionFault> {
    guard let input = example["input"]?.string, let target = example["target"]?.string else {
      return .failure(.init("\"input\" or \"target\" is missing"))
    }
    return task.checked(block: task.block(bigBench: input), gold: target)
  }
}

/// Why a row has no question.
struct QuestionFault: Error {
  let reason: String

  init(_ reason: String) {
    self.reason = reason
  }
}

extension GeneratedTask {
  /// A question from elsewhere, if it is one of the task and its answer is possible.
  func checked(
    block: String, gold: String, solution: Attempt? = nil
  ) -> Result<Question, QuestionFault> {
    let gold = gold.trimmed
    let bare = Question(
      id: "", block: block, hint: hint, gold: gold.strippedOfBrackets,
      cell: Cell(name: "", isSeen: false), solution: solution)
    guard let shape = shape(of: bare) else {
      return .failure(.init("the question has no form of \(name)"))
    }
    guard isPossible(bare.gold, for: bare) else {
      return .failure(.init("the answer \"\(escaped(gold))\" is none that the question can have"))
    }
    return .success(bare.with(id: "", cell: cell(of: shape)))
  }
}

extension String {
  /// "B" for "(B)".
  fileprivate var strippedOfBrackets: String {
    utf8.count == 3 && startsWith("(") && endsWith(")") ? String(dropFirst().dropLast()) : self
  }
}

extension InputError.Rule {
  /// A file without a question that can be used.
  static let noQuestions = Self("DS-01", exit: .malformedFile)
  /// All test questions are in the training data.
  static let onlyOverlap = Self("DS-13", exit: .malformedFile)
  /// A data file that changed since the run began.
  static let sameData = Self("DS-14", exit: .mismatch)
}
