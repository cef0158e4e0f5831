import Boundary
import TestSupport
import Testing

@testable import TriPosT

@Suite("Questions from files")
struct QuestionFileTests {
  private func file<Task: GeneratedTask>(
    _ text: String, named name: String = "q.jsonl", for use: QuestionUse = .test, of task: Task
  ) throws -> QuestionFile {
    let folder = TemporaryFolder()
    let path = folder.path + "/" + name
    try Files.writeAtomically(text, to: path)
    return try QuestionFile(path, for: use, of: task)
  }

  private func line(_ value: JSONValue) -> String { value.serialized + "\n" }

  @Test("9.5: raw rows go to the set of their split, with their solution, cell and answer")
  func raw() throws {
    let solution = Sample.steps.joined(separator: "\n")
    func row(_ split: String) -> JSONValue {
      [
        "question": "Q: ((3 + -4 * 2 - 1) * (8 - 5 + -6 * 2)) = ", "rationale": .string(solution),
        "correct_answer": "54", "meta_data": ["new_split": .string(split), "idx": 1],
      ]
    }
    let text = line(row("train")) + line(row("train")) + line(row("validation"))
    let practice = try file(text, for: .training, of: Sample.task)
    #expect(practice.questions.count == 2)
    let question = try #require(practice.questions.first)
    #expect(question.block == Sample.question.block)
    #expect(question.hint == Sample.task.hint)
    #expect(question.gold == "54")
    #expect(question.solution == Sample.attempt)
    #expect(question.cell == Sample.task.plan.first { $0.shape.name == "l4d2" }?.cell)
    #expect(try file(text, for: .test, of: Sample.task).questions.count == 1)
  }

  @Test("9.5: options come from their own member, with or without a heading; curly quotes go")
  func options() throws {
    let question = DateUnderstandingTests.flight
    let parts = question.block.components("\nOptions:\n")
    for (text, choices) in [
      (parts[0].replacing("'", by: "\u{2019}"), parts[1]),
      (String(parts[0].dropFirst(3)), "Options:\n" + parts[1]),
    ] {
      let row: JSONValue = [
        "question": .string(text), "formatted_choices": .string(choices), "correct_choice": "(A)",
        "rationale": .string(DateUnderstandingTests.flightSteps.joined(separator: "\n")),
      ]
      let read = try #require(
        try file(line(row), of: DateUnderstandingTests.task).questions.first)
      #expect(read.block == question.block)
      #expect(read.gold == "A")
      #expect(read.cell.name == "s2")
    }
  }

  @Test("9.5: rows cut for training are read from their text; answer-only rows have no solution")
  func cut() throws {
    let task = WordSortingTests.task
    let text = try #require(task.groundTruth(for: WordSortingTests.question)).description
    let attemptOnly = text.components("\nFeedback:")[0]
    let rows: [JSONValue] = [
      [
        "text": .string(attemptOnly), "text_att_start_text": "\nAnswer:",
        "meta_data": ["answer": ["apple", "grain", "grape", "plank", "plover"]],
      ],
      ["text": .string(attemptOnly), "text_att_start_text": "\nAnswer:"],
      ["text": "Q: Sort the following words alphabetically:\nList: b a\nAnswer: a b"],
    ]
    let read = try file(rows.map(line).joined(), for: .training, of: task)
    #expect(
      read.questions.map(\.gold) == [
        "apple grain grape plank plover", "apple grain grape plank plover", "a b",
      ])
    #expect(read.questions.map { $0.solution?.lines.count } == [16, 16, nil])
    #expect(read.questions.map(\.cell.name) == ["w4-7", "w4-7", "w2-3"])
    #expect(task.solution(to: read.questions[2])?.lines.count == 4)
  }

  @Test(
    "DS-12: rows without a question, or with an answer that cannot be, are left out with a reason")
  func rejects() throws {
    let good = #"{"input":"((1 + 2 * 3) * (4 - 5 + 6)) =","target":"35"}"#
    let text = """
      {"examples":[{"input":"x"},{"input":"2 + 2 =","target":"4"},
      {"input":"((1 + 2 * 3) * (4 - 5 + 6)) =","target":"36"},\(good)]}
      """
    let read = try file(text, named: "q.json", of: Sample.task)
    #expect(read.questions.count == 1)
    #expect(read.rejects.map(\.place) == [1, 2, 3])
    let reasons = read.rejects.map(\.reason)
    #expect(reasons[0].contains("missing") && reasons[2].contains("\"36\""))
  }

  @Test(
    "DS-01: a file without a question is refused",
    arguments: [
      ("q.json", "{}"), ("q.json", #"{"examples":[]}"#), ("q.jsonl", ""),
      ("q.jsonl", #"{"question":"Q: 1 + 1 ="}"#), ("q.json", #"{"examples":[1,null,{}]}"#),
    ])
  func empty(name: String, text: String) {
    #expect {
      try file(text, named: name, of: Sample.task)
    } throws: {
      ($0 as? InputError)?.rule.code == "DS-01"
    }
  }

  /// A configuration of Logical Deduction with files of few puzzles.
  private func configuration(
    _ folder: String, training: [Int], test: [Int]
  ) throws -> RunConfiguration {
    var configuration = RunConfiguration(profile: .shipped, task: LogicalDeduction.name)
    configuration.data.training = 2
    configuration.data.validation = 0
    configuration.data.testPerShape = 1
    let made = try LogicalDeductionTests.task.questions(seed: 5).training
    for (name, numbers) in [("training", training), ("test", test)] {
      let examples = numbers.map { number -> JSONValue in
        // The same puzzle with its options turned round is the same.
        let choice = MultipleChoice(made[number])
        let options = (choice?.options ?? []).reversed() as [String]
        let gold = options.count - 1 - (MultipleChoice.index(of: made[number].gold) ?? 0)
        let block = MultipleChoice(text: choice?.text ?? "", options: options).block
        return name == "training"
          ? [
            "input": .string(String(made[number].block.dropFirst(3))),
            "target": .string("(\(made[number].gold))"),
          ]
          : [
            "input": .string(String(block.dropFirst(3))),
            "target": .string("(\(MultipleChoice.letters[gold]))"),
          ]
      }
      let text = JSONValue.object(["examples": .array(examples)]).serialized
      try Files.writeAtomically(text, to: "\(folder)/\(name).json")
    }
    configuration.data.trainingFiles = ["\(folder)/training.json"]
    configuration.data.testFiles = ["\(folder)/test.json"]
    return configuration
  }

  @Test("9.6: a test question that is in the training data is left out, unless asked for")
  func overlap() throws {
    try withTemporaryFolder { folder in
      var configuration = try configuration(folder, training: [0, 1, 2], test: [1, 3, 2, 4])
      let course = try Course(configuration)
      #expect(course.training.count == 3)
      #expect(course.test.map(\.id) == ["test-1", "test-3"])
      #expect(
        course.notes == [
          "2 of 4 test questions are in the training data and were left out of the test"
        ])
      configuration.data.testOnTraining = true
      let all = try Course(configuration)
      #expect(all.test.count == 4)
      #expect(all.notes.count == 1 && all.notes[0].hasPrefix("2 of 4 test questions"))
    }
  }

  @Test("DS-13: a test of nothing but training questions is refused")
  func onlyOverlap() throws {
    try withTemporaryFolder { folder in
      let configuration = try configuration(folder, training: [0, 1], test: [1])
      #expect {
        try Course(configuration)
      } throws: {
        ($0 as? InputError)?.rule.code == "DS-13"
      }
    }
  }

  @Test("DS-14: a run whose questions have changed is not gone on with")
  func changedFile() throws {
    try withTemporaryFolder { folder in
      let configuration = try configuration(folder, training: [0, 1], test: [2])
      func origin() throws -> RunManifest.Origin {
        .init(
          version: "1", instructionSet: "", modelDigest: "", modelBytes: 0,
          configurationDigest: configuration.digest,
          dataDigests: try configuration.fileDigests())
      }
      func open() throws {
        _ = try RunFolder.resume(
          folder + "/run", configuration: configuration, origin: try origin())
      }
      try open()
      try open()
      try Files.writeAtomically("{}", to: folder + "/test.json")
      #expect {
        try open()
      } throws: {
        ($0 as? InputError)?.rule.code == "DS-14"
      }
    }
  }

  @Test(
    "BIG-Bench-Hard: all 250 expressions are read, tested in their cell, and solved to the target",
    .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
  func bigBench() throws {
    var configuration = RunConfiguration()
    configuration.data.testFiles = [SharedData.url("bbh/multistep_arithmetic_two.json")]
    let course = try Course(configuration)
    #expect(course.test.count == 250)
    #expect(course.notes.isEmpty)
    #expect(Set(course.test.map(\.cell.name)) == ["l3-4d2"])
    let solved = course.test.count { question in
      course.task.rationale(for: question).map { course.task.isCorrect($0, to: question) } ?? false
    }
    #expect(solved == 250)
  }
}

extension String {
  fileprivate func components(_ separator: String) -> [String] {
    guard let range = firstRange(of: separator) else { return [self] }
    return [String(self[..<range.lowerBound]), String(self[range.upperBound...])]
  }
}
