import Boundary
import TestSupport
import Testing

@testable import TriPosT

/// Tasks of the user's own (docs/tasks.md).
@Suite("Tasks of one's own")
struct UserTaskTests {
  private static let yaml = """
    name: sums
    question: "Q: {a} plus {b}?"
    answer: 'the answer is (-?[0-9.]+)\\.$'
    compare: number
    training: train.jsonl
    test: test.jsonl
    settings:
      seed: 5
      feedback: {kind: program, program: sh ./critic.sh}
      improvement: {kind: program, program: sh ./critic.sh}

    """

  private static let row =
    #"{"a":1,"b":"2","answer":3,"rationale":"(1) 1 + 2 = 3.\n(Final response) So the answer is 3."}"#
  private static let test = #"{"a":5,"b":6,"answer":"11","cell":"large","seen":false}"#

  private func configuration(
    yaml: String = yaml, training: String = row, test: String = test,
    _ overrides: RunConfiguration.Override..., in path: String
  ) throws -> RunConfiguration {
    try Files.writeAtomically(yaml, to: path + "/task.yaml")
    try Files.writeAtomically(training + "\n", to: path + "/train.jsonl")
    try Files.writeAtomically(test + "\n", to: path + "/test.jsonl")
    return try RunConfiguration(yaml: nil, overrides: [.init("task", path)] + overrides)
  }

  @Test("a folder becomes a course, with settings of its own below those of the run")
  func course() throws {
    try withTemporaryFolder { path in
      let configuration = try configuration(.init("iterations", "2"), in: path)
      #expect(configuration.seed == 5)
      #expect(configuration.iterations == 2)
      #expect(configuration.feedback.program == "sh \(path)/critic.sh")
      #expect(try self.configuration(.init("seed", "6"), in: path).seed == 6)
      #expect(try RunConfiguration(yaml: configuration.yaml) == configuration)
      let course = try Course(configuration)
      #expect(course.task.name == "sums")
      #expect(course.training.map(\.block) == ["Q: 1 plus 2?"])
      #expect(course.validation.isEmpty)
      #expect(course.test.map(\.gold) == ["11"])
      #expect(course.cells.map(\.name) == ["all", "large"])
      #expect(course.cells.map(\.isSeen) == [true, false])
      #expect(course.task.groundTruth(for: course.training[0]) != nil)
      let question = course.training[0]
      for (line, isCorrect) in [
        ("(Final response) So the answer is 3.", true),
        ("(Final response) the answer is 3.0.", true),
        ("(Final response) the answer is 4. No, the answer is 3.", true),
        ("(Final response) So the answer is 4.", false),
        ("(Final response) So the answer is .", false),
        ("(Final response) 3", false),
      ] {
        #expect(course.task.isCorrect(Attempt(lines: [line]), to: question) == isCorrect, "\(line)")
      }
    }
  }

  @Test("answers are compared in four ways")
  func comparisons() {
    let cases: [(AnswerComparison, String, String, Bool)] = [
      (.exact, "Ab", " Ab ", true), (.exact, "Ab", "ab", false), (.caseless, "Ab", "aB", true),
      (.words, "a  b", "a b", true), (.words, "a b", "b a", false), (.number, "3.5e2", "350", true),
      (.number, "350", "350.00001", false), (.number, "x", "x", false),
      (.number, "inf", "inf", false),
      (.number, "0", "-0.0", true),
    ]
    for (rule, a, b, isSame) in cases { #expect(rule.isSame(a, b) == isSame, "\(rule) \(a) \(b)") }
  }

  @Test("TASK-03: a description that is none is refused with the key")
  func description() throws {
    try withTemporaryFolder { (path: String) throws in
      func code(_ from: String, _ to: String) throws -> String? {
        try #require(Self.yaml.contains(from))
        return try refusal {
          _ = try configuration(yaml: Self.yaml.replacing(from, by: to), in: path)
        }?.rule.code
      }
      for (from, to) in [
        ("name: sums", "nam: sums"), ("name: sums", "name: \"two words\""),
        ("compare: number", "compare: exactly"),
        ("(-?[0-9.]+)", "(-?[0-9.]+"), ("(-?[0-9.]+)", "x"),
        ("question: \"Q: {a} plus {b}?\"", "question: [a]"),
        ("training: train.jsonl\n", ""), ("name: sums", "name: sums\nhint: \"a\\nb\""),
      ] { #expect(try code(from, to) == "TASK-03", "\(to)") }
    }
  }

  @Test("settings of a task are checked as those of a configuration; a script is not among them")
  func settings() throws {
    try withTemporaryFolder { (path: String) throws in
      func codes(_ from: String, _ to: String) -> [String] {
        do {
          _ = try configuration(yaml: Self.yaml.replacing(from, by: to), in: path)
          return []
        } catch let error as ConfigurationProblems {
          return error.problems.map(\.rule.code)
        } catch {
          return ["\(error)"]
        }
      }
      #expect(codes("seed: 5", "sed: 5") == ["CFG-01"])
      #expect(codes("seed: 5", "seed: x") == ["CFG-04"])
      #expect(codes("feedback: {kind: program", "feedback: {kind: script") == ["CFG-06"])
      #expect(throws: ConfigurationProblems.self) {
        try configuration(.init("data.test_files", "a.json"), in: path)
      }
      #expect(throws: ConfigurationProblems.self) {
        try RunConfiguration(yaml: "task: word_sort\n")
      }
      #expect(
        try refusal { _ = try RunConfiguration(yaml: "task: \(path)/none\n") }?.rule.code
          == "CFG-09")
    }
  }

  @Test(
    "TASK-04: a row that cannot be used is refused with its line",
    arguments: [
      (#""answer":3"#, #""answer":null"#), (#""answer":3"#, #""answer":" ""#), (#""a":1,"#, ""),
      (#""a":1"#, #""a":"1\nand more""#), (#""a":1"#, #""a":[1]"#),
      ("answer is 3.", "answer is 4."),
      ("(1) 1", "1"), ("(Final response) So", "So"), (#"(1) 1 + 2 = 3.\n"#, ""),
      (#""rationale""#, #""rational""#),
      (#""(1) 1 + 2 = 3.\n(Final response) So the answer is 3.""#, "7"),
      (#""(1) 1 + 2 = 3.\n(Final response) So the answer is 3.""#, "[7]"),
    ])
  func rows(from: String, to: String) throws {
    try withTemporaryFolder { path in
      try #require(Self.row.contains(from))
      let rows = Self.row + "\n" + Self.row.replacing(from, by: to)
      let configuration = try configuration(training: rows, in: path)
      let error = try refusal { _ = try Course(configuration) }
      #expect(error?.rule.code == "TASK-04")
      #expect(error?.place.line == 2)
      #expect(error?.exit == .malformedFile)
    }
  }

  @Test("DS-01, DS-13: no question is refused; those of the training are not tested on")
  func overlap() throws {
    try withTemporaryFolder { path in
      let empty = try configuration(training: "", in: path)
      #expect(try refusal { _ = try Course(empty) }?.rule.code == "DS-01")
      let same = try configuration(test: Self.row, in: path)
      #expect(try refusal { _ = try Course(same) }?.rule.code == "DS-13")
      let both = try configuration(test: Self.row + "\n" + Self.test, in: path)
      let course = try Course(both)
      #expect(course.test.count == 1)
      #expect(
        course.notes == [
          "1 of 2 test questions are in the training data and were left out of the test"
        ])
      let allowed = try configuration(
        test: Self.row, .init("data.test_on_training", "true"), in: path)
      #expect(try Course(allowed).test.count == 1)
    }
  }

  @Test("methods that show mistakes are refused; those that ask nobody do without a critic")
  func methods() throws {
    try withTemporaryFolder { (path: String) throws in
      let bare = Self.yaml.replacing("{kind: program, program: sh ./critic.sh}", by: "{}")
      for method in Method.allCases {
        func problems(_ yaml: String) throws -> [String] {
          do {
            _ = try configuration(
              yaml: yaml, .init("method", method.name),
              .init("control_tokens_from", method == .rationale ? "x" : ""), in: path)
            return []
          } catch let error as ConfigurationProblems {
            return error.problems.map(\.found)
          }
        }
        let needs = try problems(Self.yaml)
        switch method {
        case .ftSIDemo, .selfImprovePrompting, .triPosTNoInteraction:
          #expect(needs.count == 1 && needs[0].contains("needs mistakes to show"), "\(method.name)")
        default: #expect(needs.isEmpty, "\(method.name)")
        }
        let isJudged = [
          .ftSIDemo, .selfImprovePrompting, .tripost, .triPosTNoWeights, .triPosTNoBalance,
          .triPosTNoInteraction,
        ].contains(method)
        #expect(try problems(bare).isEmpty == !isJudged, "\(method.name)")
      }
      let course = try Course(try configuration(in: path))
      let error = try refusal {
        _ = try EvaluationMode.prompted.session(of: course, try configuration(in: path))
      }
      #expect(error?.rule.code == "CFG-06")
      let few = try EvaluationMode.fewShot.session(of: course, try configuration(in: path))
      #expect(few(course.test[0]).nextPrompt()?.text.contains("Q: 1 plus 2?") == true)
    }
  }

  @Test("runs of a study are named after the task, whatever its folder")
  func study() throws {
    try withTemporaryFolder { (path: String) throws in
      _ = try configuration(in: path)
      let plan = try StudyPlan(
        yaml: """
          output: runs/x
          methods: [tripost]
          tasks: [word_sorting, \(path)]
          task_settings:
            \(path): {lora: {rank: 2}}

          """)
      let cell = try #require(plan.cells.last)
      #expect(cell.id == "sums/tripost-6m-q8_0/seed-42/tripost")
      #expect(cell.point.task == "sums" && cell.configuration.task == path)
      #expect(cell.configuration.lora.rank == 2 && cell.configuration.seed == 42)
      #expect(plan.cells[0].configuration.lora.rank == 16)
    }
  }

  @Test("the example is a task without a fault")
  func example() throws {
    let folder = SharedData.package + "/examples/unit-conversion"
    let configuration = try RunConfiguration(yaml: nil, overrides: [.init("task", folder)])
    let course = try Course(configuration)
    #expect(
      course.training.count == 240 && course.validation.count == 20 && course.test.count == 60)
    #expect(course.notes.isEmpty)
    #expect(course.cells.map(\.name) == ["1 units", "2 units", "3 units", "4 units"])
    #expect(configuration.feedback.program == "python3 \(folder)/critic.py")
  }
}
