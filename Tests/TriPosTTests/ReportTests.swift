import Boundary
import Testing

@testable import TriPosT
@testable import TriPosTReport

@Suite("Report")
struct ReportTests {
  private static let sections: Set = ["results", "data", "training", "trajectories", "run"]

  private func page(_ path: String) throws -> (source: String, parsed: ParsedPage) {
    let source = try Report(of: path).html.source
    return (source, ParsedPage(source))
  }

  @Test("a finished run: all sections, the figures of the table, the same bytes each time")
  func finished() throws {
    try withTemporaryFolder { path in
      let (_, table) = try LoopTests.run(in: path)
      let before = try LoopTests.contents(of: path)
      let (source, parsed) = try page(path)
      #expect(parsed.isWellFormed)
      #expect(parsed.ids.isSuperset(of: Self.sections))
      #expect(parsed.elements["script"] == 1 && parsed.elements["img"] == nil)
      #expect(parsed.elements["svg"] ?? 0 >= 4 + 2 * 3)
      #expect(!source.contains("://"), "an address")
      for row in table.rows {
        #expect(parsed.text.contains(row.label))
        for score in [row.scores.seen, row.scores.unseen, row.scores.all] {
          let interval = score.interval
          #expect(
            parsed.text.contains(
              "\(percent(score.accuracy)) \(percent(interval.lowerBound)) to \(percent(interval.upperBound))"
            ))
        }
        if let gain = row.gain {
          #expect(parsed.text.contains("gain \(points(gain.difference)) points"))
        }
      }
      #expect(!parsed.text.contains("not finished"))
      let report = try Report(of: path)
      try report.write()
      #expect(try Files.readText(path + "/report.html") == source)
      #expect(report.byteCount == source.utf8.count)
      #expect(try Report(of: path).html.source == source)
      // Nothing else was touched, and the run can be gone on with.
      var after = try LoopTests.contents(of: path)
      after["report.html"] = nil
      #expect(after == before)
      _ = try LoopTests.run(in: path)
    }
  }

  @Test(
    "every method's run has a page; what is complete of a stopped run, too",
    arguments: MethodTests.single)
  func methods(method: Method) throws {
    let configuration = MethodTests.configuration(method)
    try withTemporaryFolder { path in
      var events = 0
      try LoopTests.run(configuration, in: path) { _ in events += 1 }
      #expect(try page(path).parsed.isWellFormed)
      for target in stride(from: 1, through: events, by: 9) {
        try withTemporaryFolder { path in
          struct Stop: Error {}
          var seen = 0
          _ = try? LoopTests.run(configuration, in: path) { _ in
            seen += 1
            if seen == target { throw Stop() }
          }
          let parsed = try page(path).parsed
          #expect(parsed.isWellFormed, "stopped at \(target)")
          #expect(parsed.text.contains("not finished"))
        }
      }
    }
  }

  @Test("a run without any stage says so")
  func empty() throws {
    try withTemporaryFolder { path in
      struct Stop: Error {}
      _ = try? LoopTests.run(in: path) { _ in throw Stop() }
      let parsed = try page(path).parsed
      #expect(parsed.isWellFormed)
      #expect(parsed.text.contains("no stage is complete"))
      #expect(parsed.text.contains("No test is complete yet."))
    }
  }

  @Test("the wrong step is marked with its words, changed lines are, weights are shown")
  func marks() throws {
    try withTemporaryFolder { path in
      try LoopTests.run(in: path)
      let rows = try JSONLines.read(path + "/iteration-1/trajectories.jsonl")
      let repaired = try #require(rows.first { $0["outcome"] == "improved" })
      let id = try #require(repaired["id"]?.string)
      let turns = try #require(repaired["turns"]?.array)
      let source = try page(path).source
      let item = try #require(
        source.split(separator: "<details class=\"item\"").first {
          $0.contains("<b>\(id)</b>") && $0.contains("Attempt <span")
        }.map(String.init))
      let feedback = Feedback(parsing: turns[0]["feedback"]?.string ?? "")
      let mistake = try #require(feedback.mistake)
      #expect(item.contains("<mark>\(("\(mistake.part)" as HTML).source)</mark>"))
      #expect(item.contains("✗ wrong</span>"))
      #expect(item.contains("<span class=\"note\">changed</span>"))
      #expect(item.contains("Update 1 <span class=\"muted\">by the improver"))
      #expect(source.contains("<b>× 1.5</b>") && source.contains("<b>× 1</b>"))
      #expect(item.contains("replaced feedback"))
    }
  }

  @Test("whatever a student writes or a file says is text")
  func hostile() throws {
    try withTemporaryFolder { path in
      try LoopTests.run(in: path)
      let (_, clean) = try page(path)
      let evil = ReportMarkupTests.hostile.joined(separator: " ") + "\u{202E}\u{1B}[31m\u{0}"
      for iteration in 0...2 {
        for name in ["trajectories.jsonl", "evaluations.jsonl", "train.jsonl"] {
          let file = "\(path)/iteration-\(iteration)/\(name)"
          guard Files.exists(file) else { continue }
          let rows = try JSONLines.read(file).map { Self.spoilt($0, evil) }
          try Files.writeAtomically(
            rows.map { $0.serialized + "\n" }.joined(), to: file)
        }
      }
      let (source, parsed) = try page(path)
      #expect(parsed.isWellFormed)
      for name in ["script", "style", "img", "form", "section", "table"] {
        #expect(parsed.elements[name] == clean.elements[name], "\(name)")
      }
      #expect(parsed.attributes == clean.attributes)
      #expect(parsed.text.contains("<img src=x onerror=alert(1)>"))
      #expect(
        !source.unicodeScalars.contains { $0 == "\u{202E}" || $0 == "\u{1B}" || $0 == "\u{0}" })
    }
  }

  /// A record with a text put into every string of it that the run's own reading does not need.
  private static func spoilt(_ value: JSONValue, _ evil: String, key: String = "") -> JSONValue {
    switch value {
    case .string(let text) where !["by", "from", "outcome"].contains(key): .string(text + evil)
    case .array(let values): .array(values.map { spoilt($0, evil, key: key) })
    case .object(let object):
      .object(
        object.reduce(into: JSONObject()) { $0[$1.key] = spoilt($1.value, evil, key: $1.key) })
    default: value
    }
  }

  @Test("a run with more trajectories than fit has some of each file and outcome")
  func many() throws {
    var configuration = LoopTests.configuration
    configuration.iterations = 1
    configuration.data.training = 700
    try withTemporaryFolder { path in
      try LoopTests.run(configuration, in: path)
      let report = try Report(of: path)
      #expect(report.trajectories.of == 700 + 2 * 12)
      #expect((450...510).contains(report.trajectories.shown))
      let parsed = ParsedPage(report.html.source)
      #expect(parsed.elements["details"] ?? 0 >= report.trajectories.shown)
      #expect(parsed.text.contains("\(report.trajectories.shown) of 724"))
      #expect(report.byteCount < 10 << 20)
    }
  }

  @Test("counts that a damaged run.json claims are not believed")
  func counts() throws {
    try withTemporaryFolder { path in
      try LoopTests.run(in: path)
      let file = path + "/run.json"
      for number in ["9223372036854775807", "-9223372036854775808", "1e308"] {
        let text = try Files.readText(file)
        try Files.writeAtomically(
          text.replacing(/"(correct|improved|discarded|attempts|texts|steps)":\d+/) {
            "\"\($0.1)\":\(number)"
          }, to: file)
        #expect(try page(path).parsed.isWellFormed)
        try Files.writeAtomically(text, to: file)
      }
    }
  }

  @Test("a study: its tables, curves and runs, also when some are missing")
  func study() throws {
    try withTemporaryFolder { path in
      let grid = "methods: [lmsi, tripost]\nseeds: [1, 2]\niterations: [2]\np: [0.2, 0.43]"
      let plan = try StudyTests.plan(path, grid)
      let results = try StudyTests.run(plan)
      let (_, parsed) = try page(path)
      #expect(parsed.isWellFormed)
      #expect(parsed.ids == ["results", "data", "cost", "runs"])
      for table in results.tables() where table.name != "figures" {
        #expect(parsed.text.contains(table.title))
        for cell in table.rows.joined() { #expect(parsed.text.contains(cell)) }
      }
      #expect(parsed.text.contains("TriPosT, p = 0.43"))
      #expect(!parsed.text.contains("not finished"))
      try Files.remove("\(path)/\(try #require(plan.cells.last).id)")
      let less = try page(path).parsed
      #expect(less.isWellFormed)
      #expect(less.text.contains("This study is not finished: \(plan.cells.count - 1) of"))
      #expect(less.text.contains("not begun"))
    }
  }

  @Test("RUN-07: a folder that is neither a run nor a study is refused, and left as it is")
  func refusals() throws {
    try withTemporaryFolder { path in
      #expect(throws: InputError.self) { try Report(of: path + "/none") }
      let error = #expect(throws: InputError.self) { try Report(of: path) }
      #expect(error?.rule.code == "RUN-07" && error?.exit == .malformedFile)
      #expect(try Files.list(path).isEmpty)
      try LoopTests.run(in: path)
      let file = path + "/iteration-1/trajectories.jsonl"
      let bytes = try Files.read(file)
      try Files.writeAtomically(bytes + [0x7B, 0xFF, 0x7D, 0x0A], to: file)
      #expect(throws: InputError.self) { try Report(of: path) }
      try Files.remove(file)
      #expect(throws: InputError.self) { try Report(of: path) }
    }
  }
}
