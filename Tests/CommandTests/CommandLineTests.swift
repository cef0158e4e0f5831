import Boundary
import Foundation
import Testing

@Suite("The command line")
struct CommandLineTests {
  static let commands = [
    "run", "eval", "train", "generate", "score", "tokenize", "inspect", "export", "limits",
  ]

  @Test("every command has a help text with examples, on standard output", arguments: commands)
  func help(command: String) throws {
    let result = try Program.run(command, "--help")
    #expect(result.exit == 0 && result.errors == "")
    #expect(result.output.contains("Examples:\n  tripost \(command)"))
  }

  @Test("without arguments the program lists its commands; --version says which it is")
  func root() throws {
    let list = try Program.run()
    #expect(list.exit == 0)
    for command in Self.commands { #expect(list.output.contains("\n  \(command) ")) }
    let version = try Program.run("--version")
    #expect(version.exit == 0 && version.lines.count == 1)
  }

  static let wrongLines: [[String]] = [
    ["no-such-command"], ["tokenize"], ["inspect"], ["inspect", "a", "b"], ["inspect", "-"],
    ["tokenize", "-m", "x", "-p", "y", "--no-such-flag"], ["tokenize", "-m", "x", "-p"],
    ["tokenize", "-m", "x", "-p", "y", "--model", "z"], ["tokenize", "-m", "-", "-p", "y"],
    ["tokenize", "-m", "x", "-p", "y", "-f", "z"], ["tokenize", "-m", "x"],
    ["tokenize", "-m", "x", "-p", "y", "--json", "--json"],
    ["generate", "-m", "x", "-p", "y", "--prompts", "z"],
    ["generate", "-m", "x", "-p", "y", "-n", "0"], ["generate", "-m", "x", "-p", "y", "-n", "1e3"],
    ["generate", "-m", "x", "-p", "y", "--temp", "nan"],
    ["generate", "-m", "x", "-p", "y", "--temp=-0.5"],
    ["generate", "-m", "x", "-p", "y", "--top-p", "1.5"],
    ["generate", "-m", "x", "-p", "y", "--min-p", "inf"],
    ["generate", "-m", "x", "-p", "y", "--seed", "9223372036854775808"],
    ["eval", "-m", "x", "--lora", "a", "--lora", "b"],
    ["generate", "-m", "x", "-p", "y", "--lora-scaled", "b"],
    ["train", "-m", "x", "--data", "y"], ["export", "x", "--to", "ggml", "-o", "y"],
    ["train", "-m", "x", "--data", "y", "-o", "z", "--lr", "1", "--learning-rate", "1"],
    ["eval", "-m", "x", "--mode", "none"], ["run", "--set", "seed"],
    ["limits", "--errors", "xml"], ["limits", "--errors"],
    ["limits", "--errors", "json", "--errors", "text"],
  ]

  @Test("CFG-15: a wrong command line ends in one line and exit code 2", arguments: wrongLines)
  func wrong(line: [String]) throws {
    let result = try Program.run(line)
    #expect(result.exit == 2 && result.output == "")
    #expect(result.code == "CFG-15" || line.contains("json"), "\(result.errors)")
  }

  @Test("CFG-15: an unknown flag is named, with its nearest neighbour")
  func unknownFlag() throws {
    let result = try Program.run("tokenize", "-m", "x", "-p", "y", "--jso")
    #expect(result.errors.contains("'--jso'") && result.errors.contains("'--json'"))
  }

  @Test("CFG-16: threads 0 and 100,000 are refused", arguments: ["0", "100000"])
  func threads(count: String) throws {
    let result = try Program.run("generate", "-m", "x", "-p", "y", "-t", count)
    #expect(result.exit == 2 && result.errors.contains("'--threads'"))
  }

  @Test("--errors json makes the error one JSON object, wherever it stands")
  func errorsAsJSON() throws {
    for line in [
      ["--errors", "json", "inspect", "/no/such"], ["inspect", "/no/such", "--errors=json"],
    ] {
      let result = try Program.run(line)
      let error = try JSONValue(parsing: result.errors)
      #expect(result.exit == 8)
      #expect(error["code"] == "GGUF-H13" && error["file"] == "/no/such")
      for key in ["field", "index", "offset", "found", "allowed", "hint"] {
        #expect(error[key] != nil)
      }
    }
  }

  @Test("CFG-17: closed standard streams are no crash", arguments: [">&-", "2>&-", ">&- 2>&-"])
  func closedStreams(how: String) throws {
    #expect(try Program.shell("\"$0\" limits \(how)").exit == 0)
    #expect(try Program.shell("\"$0\" inspect /no/such \(how)").exit == 8)
  }

  @Test("CFG-17: a reader that goes away is no crash")
  func closedPipe() throws {
    let result = try Program.shell("\"$0\" limits | head -n 1; exit ${PIPESTATUS[0]}")
    #expect(result.exit == 0 && result.lines.count == 1 && result.errors == "")
  }

  @Test("SYS-01: results that do not fit on the disk end in exit code 7")
  func fullDisk() throws {
    guard Files.exists("/dev/full") else { return }
    let result = try Program.shell("\"$0\" limits > /dev/full")
    #expect(result.exit == 7 && result.code == "SYS-01")
  }

  @Test("limits are printed in words and as JSON")
  func limits() throws {
    let words = try Program.run("limits")
    let json = try Program.run("limits", "--json").json
    #expect(json?["gguf_tensors"] == 262_144)
    #expect(words.lines.count == json?.object?.count)
  }
}
