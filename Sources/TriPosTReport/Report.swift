import Boundary
import TriPosT

/// One HTML file about a run or a study, complete in itself.
public struct Report {
  /// Where it was written, or is to be.
  public let file: String
  /// The trajectories of all files that the run has, and how many of them are in the report.
  public let trajectories: (shown: Int, of: Int)
  let html: HTML

  /// Reads the folder of a run or a study, finished or not; nothing in it is changed.
  ///
  /// - Throws: `InputError` RUN-07 when the folder is neither, and what reading a damaged file throws.
  public init(of folder: String) throws {
    file = folder + "/report.html"
    if Files.exists(folder + "/run.json") {
      let page = try RunPage(RunContents(folder))
      (html, trajectories) = (page.html, page.trajectories)
    } else if Files.exists("\(folder)/\(Study.textName)") {
      (html, trajectories) = (try StudyPage(folder).html, (0, 0))
    } else {
      _ = try Files.list(folder)
      throw InputError(
        .reported, file: folder, found: "neither a run.json nor a study.yaml in this folder",
        hints: ["name the --output of a run or of a study"])
    }
  }

  /// Writes `report.html` into the folder.
  public func write() throws {
    try Files.writeAtomically(html.source, to: file)
  }

  /// Its size in bytes.
  public var byteCount: Int { html.source.utf8.count }
}

extension InputError.Rule {
  /// The folder has the manifest of a run, or a study's text.
  fileprivate static let reported = Self("RUN-07", exit: .malformedFile)
}
