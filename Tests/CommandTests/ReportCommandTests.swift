import Boundary
import TestSupport
import Testing

@Suite("tripost report")
struct ReportCommandTests {
  @Test(
    "RUN-07, FILE-01: a folder that is no run, or is not there, is one error; nothing is written")
  func refusals() throws {
    let folder = try TemporaryFolder()
    let none = try Program.run("report", folder.path("none"))
    #expect(none.exit == 8 && none.code == "FILE-01", "\(none.errors)")
    try Files.createDirectory(folder.path("other"))
    let other = try Program.run("report", folder.path("other"))
    #expect(other.exit == 4 && other.code == "RUN-07", "\(other.errors)")
    #expect(try Files.list(folder.path("other")).isEmpty)
    for name in ["run.json", "study.yaml"] {
      try Files.createDirectory(folder.path(name))
      try Files.writeAtomically("{\"format\":", to: folder.path("\(name)/\(name)"))
      let broken = try Program.run("report", folder.path(name))
      #expect([3, 4].contains(broken.exit) && broken.code != nil, "\(broken.errors)")
      #expect(try Files.list(folder.path(name)) == [name])
    }
  }

  @Test("a study of which nothing was run has a report, whose name and size are printed")
  func study() throws {
    let folder = try TemporaryFolder()
    let study = folder.path("study")
    try Files.createDirectory(study)
    let text = "output: elsewhere\nmethods: [tripost]\nseeds: [1, 2]\n"
    try Files.writeAtomically(text, to: study + "/study.yaml")
    let path = study + "/report.html"
    let plain = try Program.run("report", study)
    #expect(plain.exit == 0 && plain.output == path + "\n", "\(plain.errors)")
    #expect(try Files.readText(path).contains("0 of 4 runs complete"))
    let json = try Program.run("report", study, "--json").json
    #expect(json?["report"]?.string == path)
    #expect(json?["bytes"]?.int == (try Files.size(path)))
    #expect(json?["trajectories"]?["of"] == 0)
  }
}
