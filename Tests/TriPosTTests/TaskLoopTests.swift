import Boundary
import Testing

@testable import TriPosT

@Suite("The loop on every task")
struct TaskLoopTests {
  /// Few questions, enough for every kind of text.
  static func configuration(_ task: String) -> RunConfiguration {
    var configuration = RunConfiguration(profile: .shipped, task: task)
    configuration.iterations = 2
    configuration.data.training = 24
    configuration.data.validation = 2
    configuration.data.testPerShape = 2
    configuration.mix.maxDataLength = 20
    configuration.mix.minDataLength = 4
    configuration.train.maxLength = 2000
    return configuration
  }

  @Test(
    "mistakes become improved texts to learn from, and updates in the test", arguments: Course.names
  )
  func learns(task: String) throws {
    try withTemporaryFolder { path in
      let configuration = Self.configuration(task)
      let (student, table) = try LoopTests.run(configuration, in: path)
      #expect(student.adapter.canJudge)
      #expect(table.rows.count == 3)
      #expect(table.rows[1].scores.all.updated > 0)
      #expect(table.rows[2].scores.seen.count + table.rows[2].scores.unseen.count > 0)
      let texts = try Files.readText(path + "/iteration-1/train.jsonl")
      #expect(texts.contains("is incorrect. This is because"))
      #expect(texts.contains("Updated Answer:"))
      let again = try LoopTests.run(configuration, in: path)
      #expect(again.student.asked.isEmpty)
      #expect(again.table.description == table.description)
    }
  }

  @Test(
    "a student that knows nothing of the task ends the run early, on record",
    arguments: Course.names)
  func ignorant(task: String) throws {
    try withTemporaryFolder { path in
      var configuration = Self.configuration(task)
      configuration.rollout.passes = 1
      let course = try Course(configuration)
      let student = ScriptedStudent(course)
      student.isMute = true
      var notes: [String] = []
      let (_, table) = try LoopTests.run(configuration, in: path, by: student) {
        if case .note(let text) = $0 { notes.append(text) }
      }
      #expect(table.rows.count == 1)
      #expect(table.rows[0].scores.all.accuracy == 0)
      #expect(
        notes.contains { $0.contains("the run ends early") && $0.contains("min_data_length") })
    }
  }

  @Test("each task has its own defaults, and the file's settings win over them")
  func defaults() throws {
    let sorting = try RunConfiguration(yaml: "task: word_sorting\n")
    #expect(sorting.data.seen.first == "w2")
    #expect(sorting.mix.maxDataLength == 120)
    let changed = try RunConfiguration(
      yaml: "mix:\n  max_data_length: 7\n", overrides: [.init("task", "logical_deduction")])
    #expect(changed.data.unseen == ["o7"])
    #expect(changed.mix.maxDataLength == 7)
    #expect(try RunConfiguration(yaml: changed.yaml) == changed)
    #expect(throws: ConfigurationProblems.self) {
      try RunConfiguration(yaml: "task: word_sorting\ndata:\n  seen: [l3d2]\n")
    }
  }
}
