import ArgumentParser
import Boundary
import TriPosT
import TriPosTReport

/// The HTML file about a run or a study.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract:
      "Writes a run's or a study's report: one HTML file with tables, curves and trajectories.",
    discussion: """
      The file is report.html in the folder. It needs no other file and no network, and can be sent \
      to someone. Of a run that is not finished it shows what is there; run and study keep going \
      meanwhile.

      Examples:
        tripost report runs/first
        tripost report studies-output/quick
      """)

  @Argument(
    help: ArgumentHelp("The folder of a run or of a study.", valueName: "folder"),
    transform: filePath)
  var folder: String

  @Flag(help: "Print the file's name, size and number of trajectories as one JSON object.")
  var json = false

  func run() throws {
    do {
      let report = try Report(of: folder)
      try report.write()
      try Console.print(json ? report.json.serialized : report.file)
    } catch let problems as ConfigurationProblems where problems.problems.count == 1 {
      throw problems.problems[0]
    }
  }
}

extension Report {
  fileprivate var json: JSONValue {
    [
      "report": .string(file), "bytes": .integer(Int64(byteCount)),
      "trajectories": [
        "shown": .integer(Int64(trajectories.shown)), "of": .integer(Int64(trajectories.of)),
      ],
    ]
  }
}
