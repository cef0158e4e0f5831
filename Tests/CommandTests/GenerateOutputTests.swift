import Boundary
import Foundation
import TestSupport
import Testing

@Suite("Completions in a file", .enabled(if: SharedData.isAvailable), .serialized)
struct GenerateOutputTests {
  static let model = SharedData.url("models/stories260K.gguf")

  /// Prompts of many lengths, one of them long.
  static func prompts(_ count: Int) -> String {
    let words = ["Once", "upon", "a", "time", "there", "was", "little", "dog", "and", "ball"]
    return (0..<count).map { number in
      let length = number == 1 ? 150 : number * 7 % 11
      let text = (0...length).map { words[($0 * 3 + number) % 10] }.joined(separator: " ")
      return "{\"prompt\":\"\(text)\"}\n"
    }.joined()
  }

  static func arguments(_ prompts: String, _ more: String..., new: Int = 60) -> [String] {
    [
      "generate", "-m", model, "--prompts", prompts, "-n", "\(new)", "--n-samples", "2",
      "--parallel", "5",
    ] + more
  }

  @Test("--output has what --json prints, and --unordered the same rows in another order")
  func output() throws {
    let folder = try TemporaryFolder()
    let prompts = try folder.write("prompts.jsonl", Self.prompts(3))
    // The context ends completions of long prompts before those of short ones that came first.
    let printed = try Program.run(Self.arguments(prompts, "--json", new: 1000))
    let file = try Program.run(Self.arguments(prompts, "--output", folder.path("out"), new: 1000))
    #expect(file.exit == 0 && file.output == "", "\(file.errors)")
    #expect(try Files.readText(folder.path("out")) == printed.output)
    let unordered = try Program.run(Self.arguments(prompts, "--json", "--unordered", new: 1000))
    #expect(unordered.lines != printed.lines && unordered.lines.sorted() == printed.lines.sorted())
  }

  @Test("the last line on standard error says how fast it was")
  func report() throws {
    let result = try Program.run("generate", "-m", Self.model, "-p", "Once upon", "-n", "20")
    let line = try #require(result.errors.split(separator: "\n").last)
    #expect(line.hasPrefix("generate: 1 in ") && line.contains("new 20 tokens, "))
    #expect(line.contains("  prompts ") && line.contains("  peak memory "))
  }

  @Test("RUN-01: killed again and again, it ends with the same bytes", arguments: [false, true])
  func killed(isUnordered: Bool) throws {
    let folder = try TemporaryFolder()
    let prompts = try folder.write("prompts.jsonl", Self.prompts(24))
    let whole = folder.path("whole")
    _ = try Program.run(Self.arguments(prompts, "--output", whole))
    let path = folder.path("out")
    var arguments = Self.arguments(prompts, "--output", path, "--resume", "--threads", "1")
    if isUnordered { arguments.append("--unordered") }
    for rows in [1, 9, 30] {
      let running = try Program.start(Program.path, arguments)
      while running.process.isRunning, try Self.lines(path + ".journal") <= rows { usleep(200) }
      kill(running.process.processIdentifier, SIGKILL)
      _ = try Program.finish(running)
    }
    // As a kill in the middle of a write would leave it.
    let journal = try Files.readText(path + ".journal")
    try Files.writeAtomically(journal + #"{"number":3,"ro"#, to: path + ".journal")
    let result = try Program.run(arguments)
    #expect(result.exit == 0, "\(result.errors)")
    let (lines, expected) = (try Files.readText(path), try Files.readText(whole))
    #expect(isUnordered || lines == expected)
    #expect(lines.split(separator: "\n").sorted() == expected.split(separator: "\n").sorted())
    let again = try Program.run(arguments)
    #expect(again.exit == 0 && again.errors.contains("nothing is left to do"))
  }

  private static func lines(_ path: String) throws -> Int {
    guard Files.exists(path) else { return 0 }
    return try Files.read(path).count { $0 == 0x0A }
  }

  @Test("RUN-09: another prompt, model or setting is refused with what differs")
  func changed() throws {
    let folder = try TemporaryFolder()
    let prompts = try folder.write("prompts.jsonl", Self.prompts(3))
    let path = folder.path("out")
    _ = try Program.run(Self.arguments(prompts, "--output", path))
    let before = try Files.readText(path)
    func refused(_ arguments: [String], _ name: String) {
      let result = try? Program.run(arguments + ["--output", path, "--resume"])
      #expect(
        result?.exit == 5 && result?.errors.contains("error[RUN-09]") == true,
        "\(result?.errors ?? "")")
      #expect(result?.errors.contains("something else: \(name) was") == true)
    }
    refused(Self.arguments(prompts, "--seed", "7"), "seed")
    refused(Self.arguments(prompts, "--temp", "0.5"), "temp")
    refused(Self.arguments(prompts, "--lora", SharedData.url("lora/peft-r4-qv/final")), "lora")
    refused(
      Self.arguments(try folder.write("other.jsonl", Self.prompts(3) + "\n")), "prompts")
    var other = Self.arguments(prompts)
    other[2] = SharedData.url("models/stories260K-f16.gguf")
    refused(other, "model")
    // Threads, slots and memory change nothing, and neither does a file that has moved.
    let moved = try folder.write("moved.jsonl", Self.prompts(3))
    var same = Self.arguments(moved, "--output", path, "--resume", "-t", "1", "--memory", "1G")
    same[try #require(same.firstIndex(of: "--parallel")) + 1] = "2"
    #expect(try Program.run(same).exit == 0)
    #expect(try Files.readText(path) == before)
  }

  @Test("RUN-17: a file that is there is not written over")
  func existing() throws {
    let folder = try TemporaryFolder()
    let prompts = try folder.write("prompts.jsonl", Self.prompts(2))
    let letter = try folder.write("letter", "mine")
    for more in [[], ["--resume"]] {
      let result = try Program.run(Self.arguments(prompts, "--output", letter) + more)
      #expect(result.exit == 8 && result.code == "RUN-17")
      #expect(try Files.readText(letter) == "mine")
    }
    #expect(try Program.run(Self.arguments(prompts, "--resume")).exit == 2)
  }

  @Test("SYS-09, CFG-15: a ceiling below what is needed, or that is none")
  func memory() throws {
    for command in [
      ["generate", "-p", "Once", "-m", Self.model], ["eval", "-m", Self.model],
    ] {
      let result = try Program.run(command + ["--memory", "1M"])
      #expect(result.exit == 6 && result.code == "SYS-09", "\(result.errors)")
      #expect(result.errors.contains("1.0 MiB is not enough for the weights"))
      let wrong = try Program.run(command + ["--memory", "much"])
      #expect(wrong.exit == 2 && wrong.code == "CFG-15")
    }
    let folder = try TemporaryFolder()
    let run = try Program.run(
      "run", "-m", Self.model, "--output", folder.path("run"), "--memory", "1M")
    #expect(run.exit == 6 && run.code == "SYS-09", "\(run.errors)")
  }
}
