// The questions of a user's task (docs/tasks.md).

import Boundary

extension Course {
  /// The course of a folder with a `task.yaml`; others have to judge and mend.
  init(taskFolder folder: String, allowsOverlap: Bool) throws {
    let file = try TaskFile(folder)
    // Rows are checked with the task itself, whose cells do not matter to that.
    let bare = UserTask(file: file, cells: [])
    let training = try bare.questions(.training, file.training)
    let validation = try file.validation.map { try bare.questions(.validation, $0) } ?? []
    var test = try bare.questions(.test, file.test)
    var notes: [String] = []
    let known = Set((training + validation).map(\.block))
    let free = test.filter { !known.contains($0.block) }
    if free.count < test.count {
      let share =
        "\(test.count - free.count) of \(test.count) test questions are in the training data"
      guard allowsOverlap || !free.isEmpty else {
        throw InputError(
          .onlyOverlap, file: file.test, found: share,
          hints: ["data.test_on_training: true tests on them all the same"])
      }
      notes.append(
        share + (allowsOverlap ? ", and tested all the same" : " and were left out of the test"))
      if !allowsOverlap { test = free }
    }
    var cells: [Cell] = []
    for question in training + test where !cells.contains(question.cell) {
      cells.append(question.cell)
    }
    self.init(
      task: UserTask(file: file, cells: cells), training: training, validation: validation,
      test: test, critic: NoScript(), improver: NoScript(), demonstrator: NoScript(), notes: notes)
  }
}

extension UserTask {
  /// The questions of a file, each checked.
  ///
  /// - Throws: `InputError` TASK-04 with the line of one that cannot be used, DS-01 when there is none.
  fileprivate func questions(_ use: QuestionUse, _ path: String) throws -> [Question] {
    var questions: [Question] = []
    try JSONLines.forEach(path) { row, line in
      do throws(QuestionFault) {
        questions.append(try question(row, id: "\(use.rawValue)-\(questions.count)", use))
      } catch {
        throw InputError(.taskRow, file: path, at: .init(line: line), found: error.reason)
      }
    }
    guard !questions.isEmpty else {
      throw InputError(.noQuestions, file: path, found: "no question")
    }
    return questions
  }

  private func question(
    _ row: JSONValue, id: String, _ use: QuestionUse
  ) throws(QuestionFault) -> Question {
    guard let gold = Self.text(row["answer"]), !gold.trimmed.isEmpty else {
      throw QuestionFault("\"answer\" is missing, or neither text nor number")
    }
    let solution = try solution(row["rationale"])
    guard solution != nil || use == .test else { throw QuestionFault("\"rationale\" is missing") }
    let cell = Cell(name: row["cell"]?.string ?? "all", isSeen: row["seen"]?.bool ?? true)
    let question = Question(
      id: id, block: try block(row), hint: hint, gold: gold, cell: cell, solution: solution)
    if let solution, !isCorrect(solution, to: question) {
      throw QuestionFault(
        "the rationale's last line does not give the answer \"\(escaped(gold))\": "
          + "\"\(escaped(solution.finalResponse))\"")
    }
    return question
  }

  /// The question block: the template with the row's members in it.
  private func block(_ row: JSONValue) throws(QuestionFault) -> String {
    var block = ""
    var rest = file.question[...]
    while let opening = rest.firstRange(of: "{"),
      let closing = rest[opening.upperBound...].firstRange(of: "}")
    {
      let name = String(rest[opening.upperBound..<closing.lowerBound])
      guard let value = Self.text(row[name]) else {
        throw QuestionFault("\"\(escaped(name))\" is missing, or neither text nor number")
      }
      block += rest[..<opening.lowerBound] + value
      rest = rest[closing.upperBound...]
    }
    block = (block + rest).trimmed
    // Everything later tells the question from the attempt by how its lines begin.
    guard block.startsWith("Q:") else { throw QuestionFault("the question does not begin with Q:") }
    if let stranger = block.lines.first(where: { !LineHeader($0).isQuestionBlock }) {
      throw QuestionFault(
        "a line of the question that begins with none of Q:, Options:, List: or (A): "
          + "\"\(escaped(stranger))\"")
    }
    return block
  }

  /// The solution in a row, as lines or as one text.
  private func solution(_ value: JSONValue?) throws(QuestionFault) -> Attempt? {
    let lines: [String]
    switch value {
    case nil: return nil
    case .string(let text): lines = text.trimmed.lines
    case .array(let values):
      lines = values.compactMap(\.string)
      guard lines.count == values.count else { throw QuestionFault("a line that is no text") }
    default: throw QuestionFault("\"rationale\" is neither a text nor a list of lines")
    }
    for (index, line) in lines.enumerated() {
      let isLast = index == lines.count - 1
      switch LineHeader(line) {
      case .finalResponse where isLast, .step where !isLast: continue
      default:
        throw QuestionFault(
          "a line of the rationale that does not begin with "
            + (isLast ? "(Final response)" : "a label such as (1)") + ": \"\(escaped(line))\"")
      }
    }
    guard lines.count > 1 else { throw QuestionFault("a rationale without a step") }
    return Attempt(lines: lines)
  }

  private static func text(_ value: JSONValue?) -> String? {
    switch value {
    case .string(let text): text
    case .integer(let number): "\(number)"
    case .number(let number): plain(number)
    default: nil
    }
  }
}
