import ArgumentParser
import Boundary

extension InputError.Rule {
  /// An unknown flag, a missing value, a flag twice.
  static let commandLine = Self("CFG-15", exit: .usage)
}

/// The words of the command line, before they are matched with a command.
struct CommandLineWords {
  /// All but `--errors` and its value, which belong to no command.
  private(set) var words: [String] = []
  private var errorFormats: [String] = []

  /// The long name of each flag that has another one.
  private static let longNames = [
    "-m": "--model", "-p": "--prompt", "-f": "--file", "-n": "--n-predict", "-s": "--seed",
    "-t": "--threads", "-o": "--output", "-h": "--help", "-b": "--batch-size",
    "-r": "--lora-rank", "--lora-r": "--lora-rank", "--lora-modules": "--lora-targets",
    "--target-modules": "--lora-targets", "--lr": "--learning-rate",
  ]

  init(_ arguments: [String]) {
    var rest = arguments[...]
    while let word = rest.popFirst() {
      if word == "--" {
        words += [word] + rest
        return
      }
      if word == "--errors" {
        errorFormats.append(rest.popFirst() ?? "")
      } else if word.hasPrefix("--errors=") {
        errorFormats.append(String(word.dropFirst("--errors=".count)))
      } else {
        words.append(word)
      }
    }
  }

  var wantsJSONErrors: Bool { errorFormats.first == "json" }

  /// Refuses a flag given twice, of which the parser would silently take the last.
  ///
  /// Only `--set` may come again and again, and adapters where they apply together.
  func check() throws {
    if let format = errorFormats.first(where: { !["text", "json"].contains($0) }) {
      throw refusal("The value '\(format)' is invalid for '--errors'; it is text or json")
    }
    if errorFormats.count > 1 { throw refusal("The flag '--errors' is given twice") }
    let stacks = words.first == "generate" || words.first == "score"
    let repeatable = ["--set"] + (stacks ? ["--lora", "--lora-scaled"] : [])
    var seen: Set<String> = []
    for word in words.prefix(while: { $0 != "--" }) where word.count > 1 && word.hasPrefix("-") {
      let name = String(word.prefix { $0 != "=" })
      guard repeatable.contains(name) || seen.insert(Self.longNames[name] ?? name).inserted else {
        throw refusal("The flag '\(name)' is given twice")
      }
    }
  }

  /// A refusal of this command line.
  func refusal(_ message: String) -> InputError {
    let sentence = message.hasPrefix("Error: ") ? String(message.dropFirst(7)) : message
    let command = words.first { word in
      Root.configuration.subcommands.contains { $0.configuration.commandName == word }
    }
    return InputError(
      .commandLine, found: sentence,
      hints: ["see: tripost \(command.map { $0 + " " } ?? "")--help"])
  }
}
