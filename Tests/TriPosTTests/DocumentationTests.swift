import Boundary
import TestSupport
import Testing

@testable import TriPosT

@Suite("docs/tripost.md")
struct DocumentationTests {
  @Test("the table of settings is the program's")
  func settingsTable() throws {
    let path = SharedData.package + "/docs/tripost.md"
    let text = try Files.readText(path)
    let start = try #require(text.firstRange(of: "<!-- settings -->\n"))
    let end = try #require(text.firstRange(of: "\n<!-- end of settings -->"))
    #expect(String(text[start.upperBound..<end.lowerBound]) == RunConfiguration.settingsTable)
  }
}
