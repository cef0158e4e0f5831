import Boundary
import Testing

@testable import TriPosT

@Suite("Several tasks, one adapter")
struct JointTaskTests {
  static let name = "word_sorting+date_understanding"

  static func configuration(_ settings: [(String, String)] = []) throws -> RunConfiguration {
    let base = [
      ("task", name), ("iterations", "2"), ("data.training", "30"), ("data.validation", "4"),
      ("data.test_per_shape", "2"), ("mix.max_data_length", "20"), ("mix.min_data_length", "4"),
      ("train.max_length", "2000"), ("data.seen", "w2,w3,s1,s2"), ("data.unseen", "w5,s3"),
    ]
    return try RunConfiguration(
      yaml: nil, overrides: (base + settings).map { RunConfiguration.Override($0, $1) })
  }

  @Test("the questions are those of the tasks by themselves, under names of their own")
  func questions() throws {
    let joint = try Course(Self.configuration([("data.task_mix", "2:1")]))
    #expect(joint.name == Self.name)
    #expect(joint.training.map(\.cell.task).filter { $0 == "word_sorting" }.count == 20)
    #expect(joint.training.count == 30 && joint.validation.count == 4 && joint.test.count == 12)
    let all = joint.training + joint.validation + joint.test
    #expect(Set(all.map(\.id)).count == all.count)
    #expect(
      joint.cells.map(\.task) == ["word_sorting", "word_sorting"]
        + Array(repeating: "date_understanding", count: 3))
    let alone = try Course(
      try RunConfiguration(
        yaml: nil,
        overrides: [
          ("task", "word_sorting"), ("data.training", "20"), ("data.validation", "3"),
          ("data.test_per_shape", "2"), ("data.seen", "w2,w3"), ("data.unseen", "w5"),
        ].map { RunConfiguration.Override($0, $1) }))
    #expect(joint.training.prefix(20).map(\.block) == alone.training.map(\.block))
    for question in joint.training {
      let task = joint.task(of: question)
      #expect(task.name == question.cell.task)
      let solution = try #require(task.rationale(for: question))
      let slip = try #require(
        (0..<50).lazy.compactMap { place -> Attempt? in
          var random = RandomStream(seed: 1, "slips", place)
          let attempt = try? joint.demonstrator.attempt(at: question, random: &random)
          return attempt == solution ? nil : attempt
        }.first)
      let mistake = try #require(try joint.critic.feedback(on: slip, to: question).mistake)
      #expect(
        slip.lines.contains { StepLabel.leading($0)?.label == mistake.step }
          || mistake.step == .finalResponse)
    }
  }

  @Test("each task begins with its own numbers, shares follow them, and the widest limits hold")
  func defaults() throws {
    let joint = try RunConfiguration(yaml: "task: \(Self.name)\n")
    #expect(joint.data.training == 433 + 191 && joint.data.testPerShape == 20)
    #expect(joint.editor.maxWords == 512 && joint.rollout.maxNewTokens == 1024)
    #expect(joint.mix.maxDataLength == 220)
    let course = try Course(joint)
    #expect(course.training.count { $0.cell.task == "date_understanding" } == 191)
    #expect(try RunConfiguration(yaml: joint.yaml) == joint)
  }

  @Test(
    "CFG-05, CFG-06: what does not go together is refused",
    arguments: [
      [("data.task_mix", "1")], [("data.task_mix", "1:0")], [("data.task_mix", "a:b")],
      [("data.seen", "w2,w3")], [("data.seen", "w2,s1,l3d2")],
      [("feedback.kind", "program"), ("feedback.program", "x")],
      [("data.test_files", "a.json")], [("task", "word_sorting+word_sorting")],
      [("task", "word_sorting+nothing")], [("task", "word_sorting"), ("data.task_mix", "1:1")],
    ])
  func refusals(settings: [(String, String)]) {
    #expect(throws: ConfigurationProblems.self) { try Self.configuration(settings) }
  }

  @Test("a run learns all tasks, balances each, and reports each")
  func runs() throws {
    try withTemporaryFolder { path in
      let configuration = try Self.configuration()
      let (student, table) = try LoopTests.run(configuration, in: path)
      #expect(student.adapter.canJudge && table.rows.count == 3)
      let scores = table.rows[1].scores
      #expect(scores.tasks.map(\.task) == ["word_sorting", "date_understanding"])
      #expect(scores.tasks.reduce(0) { $0 + $1.all.correct } == scores.all.correct)
      #expect(scores.tasks.allSatisfy { $0.all.count == 6 && $0.seen.count == 4 })
      #expect("\(table)".contains("  word_sorting"))
      let score = try JSONValue(parsing: try Files.readText(path + "/iteration-1/eval.json"))
      #expect(score["tasks"]?["date_understanding"]?["unseen"]?["n"] == 2)
      let manifest = try JSONValue(parsing: try Files.readText(path + "/run.json"))
      #expect(manifest["task"]?.string == Self.name)
      let mix = try #require(
        manifest["stages"]?.array?.first {
          $0["stage"] == "mix" && $0["iteration"] == 1
        }?["facts"])
      let parts = ["word_sorting", "date_understanding"].compactMap { mix["tasks"]?[$0] }
      #expect(parts.count == 2 && parts.allSatisfy { ($0["texts"]?.int ?? 0) > 0 })
      #expect(mix["texts"]?.int == parts.reduce(0) { $0 + ($1["texts"]?.int ?? 0) })
      let texts = try JSONLines.read(path + "/iteration-1/train.jsonl")
      let owners = texts.compactMap { $0["id"]?.string?.prefix(1) }
      // In one order, not one task after the other.
      #expect(owners != owners.sorted() && owners != owners.sorted().reversed())
      let again = try LoopTests.run(configuration, in: path)
      #expect(again.student.asked.isEmpty && "\(again.table)" == "\(table)")
    }
  }
}
