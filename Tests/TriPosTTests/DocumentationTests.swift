import Boundary
import TestSupport
import Testing

@testable import TriPosT

@Suite("docs/tripost.md")
struct DocumentationTests {
  private func table(_ name: String) throws -> String {
    let text = try Files.readText(SharedData.package + "/docs/tripost.md")
    let start = try #require(text.firstRange(of: "<!-- \(name) -->\n"))
    let end = try #require(text.firstRange(of: "\n<!-- end of \(name) -->"))
    return String(text[start.upperBound..<end.lowerBound])
  }

  @Test("the table of settings is the program's")
  func settingsTable() throws {
    #expect(try table("settings") == RunConfiguration.settingsTable)
  }

  @Test("the table of the tasks' own defaults is the program's")
  func taskDefaultsTable() throws {
    #expect(try table("task defaults") == RunConfiguration.taskDefaultsTable)
  }
}
