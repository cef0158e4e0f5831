import Boundary
import LoRA
import TestSupport
import Testing

@testable import TriPosT

@Suite("Studies")
struct StudyTests {
  /// Small questions, for every task.
  static let settings = """
    settings:
      data: {training: 16, validation: 2, test_per_shape: 4}
      rollout: {passes: 2}
      mix: {max_data_length: 12, min_data_length: 1}
      train: {max_length: 2000}
    task_settings:
      multistep_arithmetic:
        data: {seen: [l3d2], unseen: [l4d2]}
      word_sorting:
        data: {seen: [w3], unseen: [w8]}

    """

  static func plan(_ output: String, _ grid: String) throws -> StudyPlan {
    try StudyPlan(yaml: grid + "\n" + settings, output: output)
  }

  /// What a study asked of its students, by the run's folder.
  final class Desk {
    var asked: [String: [String]] = [:]
    var notes: [String] = []
    var failing: String?
    var events = 0
    var stopsAt = Int.max
    /// What its students know besides their own courses.
    var others: [RunConfiguration] = []
    struct Stop: Error {}
  }

  @discardableResult
  static func run(_ plan: StudyPlan, _ desk: Desk = Desk()) throws -> StudyResults {
    let study = try Study(plan) { configuration, report in
      if let failing = desk.failing, configuration.output.hasSuffix(failing) {
        throw InputError(.init("NUM-01", exit: .diverged), file: failing, found: "a loss of NaN")
      }
      let course = try Course(configuration)
      let student = ScriptedStudent(course)
      student.others = try desk.others.map { try Course($0) }
      let folder = try RunFolder.resume(
        configuration.output, configuration: configuration,
        origin: .init(
          version: "test", instructionSet: "none", modelDigest: "0", modelBytes: 0,
          configurationDigest: configuration.digest))
      return Loop(
        configuration, course: course, student: student, folder: folder, modelDigest: "0",
        report: { event in
          desk.events += 1
          if desk.events == desk.stopsAt {
            throw InputError(.init("SYS-06", exit: .interrupted), found: "stop")
          }
          desk.asked[configuration.output] = student.asked
          try report(event)
        })
    } report: { event in
      if case .failed(let cell, let error) = event {
        desk.notes.append("\(cell.id): \(error.found)")
      }
    }
    return try study.run()
  }

  private static let grid = """
    methods: [lmsi, tripost]
    tasks: [multistep_arithmetic, word_sorting]
    seeds: [1, 2]
    iterations: [2]
    """

  @Test("a grid has each run once, and ft rationale before those that take it over")
  func cells() throws {
    let plan = try StudyPlan(
      yaml: """
        output: runs/x
        methods: [tripost, tripost_no_balance, tripost_no_weights, lmsi, answer_only, rationale]
        models: [a/m.gguf, b/m.gguf]
        seeds: [3]
        p: [0.2, 0.43]
        w: [1, 2]
        """)
    let prefix = "multistep_arithmetic/m/seed-3/"
    let first = plan.cells.filter { $0.point.model == "a/m.gguf" }
    #expect(
      first.map { $0.id.dropFirst(prefix.count) } == [
        "ft_rationale", "answer_only", "lmsi", "tripost-p0.2-w1", "tripost-p0.2-w2",
        "tripost-p0.43-w1", "tripost-p0.43-w2", "tripost_no_weights-p0.2",
        "tripost_no_weights-p0.43", "tripost_no_balance-w1", "tripost_no_balance-w2", "rationale",
      ])
    #expect(plan.cells.count == 2 * first.count && plan.cells[12].id.contains("/m-2/seed-3/"))
    let tripost = try #require(first.first { $0.id.hasSuffix("tripost-p0.43-w2") })
    #expect(abs(tripost.configuration.mix.rho - 2 * 0.43 / 0.57) < 1e-12)
    #expect(tripost.configuration.train.selfImproveWeight == 2)
    #expect(tripost.configuration.openingFrom == "runs/x/\(prefix)ft_rationale")
    #expect(tripost.needs == ["\(prefix)ft_rationale"])
    #expect(first.last?.needs == ["\(prefix)ft_rationale", "\(prefix)tripost-p0.2-w1"])
    #expect(first[0].needs.isEmpty && first[1].needs.isEmpty)
  }

  @Test("a study runs its grid with one ft rationale a task and seed, and writes the tables")
  func runs() throws {
    try withTemporaryFolder { path in
      let desk = Desk()
      let results = try Self.run(try Self.plan(path, Self.grid), desk)
      #expect(results.failures.isEmpty && results.complete.count == 12)
      for (output, asked) in desk.asked {
        let isOpening = output.hasSuffix("ft_rationale")
        #expect(
          asked.contains { $0.hasPrefix("test/single/") } == (isOpening || output.hasSuffix("lmsi"))
        )
      }
      #expect(
        try Files.list(path).filter { !$0.hasPrefix(".") }.sorted() == [
          "cost.csv", "data.csv", "figures.csv", "main.csv", "multistep_arithmetic", "study.json",
          "study.yaml", "tables.md", "tables.txt", "task-multistep_arithmetic.csv",
          "task-word_sorting.csv", "word_sorting",
        ])
      let main = try Files.readText(path + "/main.csv").split(separator: "\n")
      #expect(
        main[0].hasPrefix("method,MSA seen,MSA unseen,MSA total,MSA SI.Freq,MSA SI.Contrib,WS seen")
      )
      #expect(
        main.dropFirst().map { $0.prefix { $0 != "," } } == [
          "ft rationale", "LMSI", "TriPosT t = 1", "TriPosT t = 2",
        ])
      let json = try JSONValue(parsing: try Files.readText(path + "/study.json"))
      #expect(json["complete"] == 12 && json["runs"]?.array?.count == 12)
    }
  }

  @Test("adapters are tested on other tasks, once, and tabled by what they were trained on")
  func transfer() throws {
    try withTemporaryFolder { path in
      let grid = """
        methods: [tripost]
        tasks: [multistep_arithmetic, word_sorting+multistep_arithmetic]
        transfer: [word_sorting, multistep_arithmetic]
        iterations: [1]
        """
      let settings =
        Self.settings + """
            word_sorting+multistep_arithmetic:
              data: {seen: [w3, l3d2], unseen: [w8]}

          """
      let plan = try StudyPlan(yaml: grid + "\n" + settings, output: path)
      let desk = Desk()
      desk.others = plan.cells[0].transfers.map(\.configuration)
      let results = try Self.run(plan, desk)
      #expect(results.failures.isEmpty && results.complete.count == 4, "\(desk.notes)")
      let table = try #require(results.tables().first { $0.name == "transfer" })
      #expect(
        table.header == ["method", "trained on", "on word_sorting", "on multistep_arithmetic"])
      #expect(
        table.rows.map { $0[0] } == [
          "ft rationale", "ft rationale", "TriPosT t = 1", "TriPosT t = 1",
        ])
      for row in table.rows {
        let cell = try #require(
          plan.cells.first {
            $0.point.task == row[1] && $0.method.label == row[0].prefix($0.method.label.count)
          })
        let isOwn = row[1] == "multistep_arithmetic"
        #expect(Files.exists("\(path)/\(cell.id)/transfer/word_sorting.jsonl"))
        #expect(Files.exists("\(path)/\(cell.id)/transfer/multistep_arithmetic.jsonl") == !isOwn)
        let records = try JSONLines.read("\(path)/\(cell.id)/transfer/word_sorting.jsonl")
        #expect(records.count == 8)
        #expect(row[2] == percent(Double(records.count { $0["correct"] == true }) / 8))
        #expect(row.allSatisfy { $0 != "-" })
      }
      #expect(table.rows.contains { $0[2] != "0.0" })
      let before = desk.events
      #expect("\(try Self.run(plan, desk))" == "\(results)")
      #expect(!Files.exists("\(path)/\(plan.cells[0].id)/transfer/word_sorting.jsonl.partial"))
      #expect(desk.events - before <= 2 * plan.cells.count)
    }
  }

  @Test("the tables' figures are those of the runs, counted from their records")
  func figures() throws {
    try withTemporaryFolder { path in
      let results = try Self.run(try Self.plan(path, Self.grid))
      let row = try #require(
        results.rows().first { $0.label == "TriPosT t = 2" && $0.point.task == "word_sorting" })
      let figures = try #require(results.figures(of: row))
      func records(_ method: String, _ seed: Int, _ iteration: Int) throws -> [JSONValue] {
        try JSONLines.read(
          "\(path)/word_sorting/tripost-6m-q8_0/seed-\(seed)/\(method)/iteration-\(iteration)/evaluations.jsonl"
        )
      }
      var accuracies: [Double] = []
      var gains: [Double] = []
      for seed in [1, 2] {
        let mine = try records("tripost-t2", seed, 2)
        let before = try records("ft_rationale", seed, 0)
        #expect(mine.map { $0["id"] } == before.map { $0["id"] })
        func right(_ rows: [JSONValue]) -> Double {
          Double(rows.count { $0["correct"]?.bool == true }) / Double(rows.count)
        }
        accuracies.append(right(mine))
        gains.append(right(mine) - right(before))
      }
      let mean = (accuracies[0] + accuracies[1]) / 2
      #expect(abs(figures.all.mean - mean) < 1e-12)
      // The deviation of two values is their distance over the root of two.
      #expect(
        abs((figures.all.deviation ?? 0) - abs(accuracies[0] - accuracies[1]) / 2.0.squareRoot())
          < 1e-12)
      let gain = try #require(figures.gain)
      #expect(abs(gain.mean - (gains[0] + gains[1]) / 2) < 1e-12)
      #expect(
        gain.interval.contains(gain.mean) && gain.interval.lowerBound < gain.interval.upperBound)
      #expect(figures.updateFrequency.mean > 0)
    }
  }

  @Test("with the control among the methods, each round is compared with the control's")
  func control() throws {
    try withTemporaryFolder { path in
      let results = try Self.run(
        try Self.plan(path, "methods: [tripost, rationale]\niterations: [2]"))
      let figures = try results.rows().compactMap { row in
        try (row.label, #require(results.figures(of: row)))
      }
      var known: [String: StudyFigures] = [:]
      for (label, value) in figures { known[label] = value }
      for t in [1, 2] {
        let mine = try #require(known["TriPosT t = \(t)"])
        let control = try #require(known["rationales again t = \(t)"])
        let gain = try #require(mine.gainOverControl)
        #expect(abs(gain.mean - (mine.all.mean - control.all.mean)) < 1e-12)
        #expect(control.gainOverControl == nil)
      }
      #expect(known["ft rationale"]?.gainOverControl == nil && known["ft rationale"]?.gain == nil)
      #expect(try Files.readText(path + "/tables.md").has("over the control"))
    }
  }

  @Test("a study that was stopped anywhere goes on to the same bytes, asking nothing twice")
  func resumes() throws {
    let grid = "methods: [tripost, rationale]\nseeds: [1, 2]\niterations: [1]"
    try withTemporaryFolder { whole in
      let desk = Desk()
      try Self.run(try Self.plan(whole, grid), desk)
      func contents(_ path: String) throws -> [String: [UInt8]] {
        try LoopTests.contents(of: path).filter {
          !$0.key.hasSuffix("config.yaml") && !$0.key.hasSuffix("run.json")
        }
      }
      let expected = try contents(whole)
      for target in stride(from: 5, through: desk.events, by: 29) {
        try withTemporaryFolder { path in
          let stopped = Desk()
          stopped.stopsAt = target
          let plan = try Self.plan(path, grid)
          let error = try refusal { _ = try Self.run(plan, stopped) }
          #expect(error?.exit == .interrupted)
          try Self.run(plan)
          #expect(try contents(path) == expected, "event \(target) of \(desk.events)")
        }
      }
      let again = Desk()
      let results = try Self.run(try Self.plan(whole, grid), again)
      #expect(again.asked.values.allSatisfy(\.isEmpty) && results.complete.count == 6)
    }
  }

  @Test("STUDY-05: a run that fails is told, what needs it is left out, and the rest is run")
  func failure() throws {
    try withTemporaryFolder { path in
      let desk = Desk()
      desk.failing = "seed-1/ft_rationale"
      let plan = try Self.plan(path, "methods: [lmsi, answer_only]\nseeds: [1, 2]")
      let results = try Self.run(plan, desk)
      #expect(results.complete.count == 4)
      #expect(
        results.failures.map(\.cell.id) == [
          "multistep_arithmetic/tripost-6m-q8_0/seed-1/ft_rationale",
          "multistep_arithmetic/tripost-6m-q8_0/seed-1/lmsi",
        ])
      #expect(desk.notes.count == 2 && desk.notes[1].has("left out, because"))
      #expect(results.failure?.rule.code == "STUDY-05" && results.failure?.exit == .diverged)
      #expect(results.failure?.found.has("2 of 6 runs failed") == true)
      let json = try JSONValue(parsing: try Files.readText(path + "/study.json"))
      #expect(json["runs"]?.array?.count { $0["state"] == "failed" } == 2)
      desk.failing = nil
      let again = try Self.run(plan, desk)
      #expect(again.failures.isEmpty && again.complete.count == 6 && again.failure == nil)
    }
  }

  @Test("what is wrong with a study is told before anything is run, all at once")
  func refusals() throws {
    func codes(_ yaml: String) -> [String] {
      do {
        _ = try StudyPlan(yaml: yaml, file: "s.yaml")
        return []
      } catch let problems as ConfigurationProblems {
        return problems.problems.map(\.rule.code)
      } catch let error as InputError {
        return [error.rule.code]
      } catch { return ["\(error)"] }
    }
    let good = "output: x\nmethods: [tripost]\n"
    #expect(codes(good).isEmpty)
    #expect(codes("") == ["STUDY-01", "STUDY-01"])
    for (text, code) in [
      ("colour: red", "CFG-01"), ("seeds: [1, 1]", "CFG-05"), ("seeds: [one]", "CFG-04"),
      ("seeds: {a: 1}", "CFG-03"), ("p: [1.2]", "CFG-05"), ("p: [0]", "CFG-05"),
      ("w: [-1]", "CFG-05"), ("iterations: [1.5]", "CFG-03"), ("tasks: [chess]", "CFG-05"),
      ("settings: 3", "CFG-03"), ("settings: {lora: {rnak: 3}}", "CFG-01"),
      ("settings: {seed: 3}", "STUDY-01"), ("settings: {method: lmsi}", "STUDY-01"),
      ("p: [0.1]\nsettings: {mix: {rho: 3}}", "STUDY-01"),
      ("task_settings: {word_sorting: {seed: 1}}", "STUDY-01"),
      ("task_settings: {multistep_arithmetic: {lora: {rank: 0}}}", "CFG-05"),
      ("task_settings: {chess: {lora: {rank: 2}}}", "STUDY-01"),
      ("seeds: &a [1]", "CFG-07"), ("seeds: [1]\nseeds: [2]", "CFG-02"),
      ("\tseeds: [1]", "CFG-08"),
    ] { #expect(codes(good + text) == [code], "\(text): \(codes(good + text))") }
    #expect(codes("output: x\nmethods: [tripos]") == ["CFG-05", "STUDY-01"])
    #expect(codes("output: x\nmethods: [rationale]") == ["STUDY-02"])
    #expect(
      codes(good + "settings: {lora: {rank: 0}, train: {epochs: -1}}\nseeds: [-1]").count == 3)
    let many = "[" + (1...2000).map { "\($0)" }.joined(separator: ", ") + "]"
    #expect(codes(good + "seeds: \(many)\np: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]") == ["STUDY-03"])
  }

  @Test("STUDY-04: a folder with something else in it is refused and stays as it is")
  func folder() throws {
    try withTemporaryFolder { path in
      try Files.writeAtomically("mine", to: path + "/letter.txt")
      let plan = try Self.plan(path, "methods: [lmsi]")
      let error = try refusal { _ = try Self.run(plan) }
      #expect(error?.rule.code == "STUDY-04" && error?.exit == .inputOutput)
      #expect(try Files.list(path) == ["letter.txt"])
    }
  }

  @Test("RUN-02: a study that another process works on is refused")
  func busy() throws {
    try withTemporaryFolder { path in
      let lock = try FolderLock(path)
      let plan = try Self.plan(path, "methods: [lmsi]")
      #expect(try refusal { _ = try Self.run(plan) }?.exit == .busy)
      withExtendedLifetime(lock) {}
    }
  }

  @Test("the studies that come with the project can be read")
  func shipped() throws {
    let folder = SharedData.package + "/studies"
    let names = try Files.list(folder)
    #expect(names.contains("quick.yaml") && names.contains("paper-main.yaml"))
    for name in names {
      let plan = try StudyPlan(yaml: try Files.readText("\(folder)/\(name)"), file: name)
      #expect(plan.cells.count > 5 && plan.output.hasPrefix("runs/"), "\(name)")
    }
  }

  @Test("tables are text, Markdown and CSV of the same cells")
  func tables() {
    let table = TextTable(
      title: "Title", header: ["method", "a"], rows: [["x, \"y\"", "1.0"], ["z|", "-10.0"]],
      name: "t")
    #expect(table.text == "Title\n\nmethod      a\nx, \"y\"    1.0\nz|      -10.0\n")
    #expect(
      table.markdown
        == "**Title**\n\n| method | a |\n| --- | ---: |\n| x, \"y\" | 1.0 |\n| z\\| | -10.0 |\n")
    #expect(table.csv == "method,a\n\"x, \"\"y\"\"\",1.0\nz|,-10.0\n")
  }

  @Test("an estimate grows with the grid, shrinks with what is complete, and stays below its limit")
  func estimate() throws {
    try withTemporaryFolder { path in
      func estimate(_ grid: String) throws -> StudyEstimate {
        try StudyEstimate(try Self.plan(path, grid)) { _ in
          (
            WorkSpeed(prompt: 1000, generated: 500, trained: 200, memory: 1 << 30),
            { $0.utf8.count / 4 }
          )
        }
      }
      let small = try estimate("methods: [tripost]\niterations: [1]")
      #expect(small.rows.count == 1 && small.rows[0].runs == 2)
      #expect(small.seconds > 0 && small.limit > small.seconds && small.memory == 1 << 30)
      #expect(try estimate("methods: [tripost]\niterations: [2]").seconds > small.seconds)
      let all = Method.allCases.map(\.name).joined(separator: ", ")
      let large = try estimate("methods: [\(all)]\ntasks: [multistep_arithmetic, word_sorting]")
      #expect(
        large.rows.map(\.runs) == [13, 13] && large.rows.allSatisfy { $0.limit > $0.seconds })
      #expect(!Files.exists(path + "/study.yaml"))
      try Self.run(try Self.plan(path, "methods: [tripost]\niterations: [1]"))
      let done = try estimate("methods: [tripost]\niterations: [1]")
      #expect(done.seconds == 0 && done.rows[0].complete == 2)
      #expect("\(done)".has("at most"))
    }
  }
}
