import Boundary

/// What a model is asked for one reply: an instruction, worked examples, and the item itself.
public struct Prompt: Equatable, Sendable {
  /// What comes before and what is wanted after it.
  public struct Exchange: Equatable, Sendable {
    public let question: String
    public let reply: String
  }

  public let instruction: String
  public let examples: [Exchange]
  /// The item, up to the place where the reply begins.
  public let item: String

  /// Where a reply ends.
  static let end = "[END]"

  /// A reply up to its end; nil where it has none.
  static func beforeEnd(of reply: String) -> String? {
    reply.firstRange(of: end).map { String(reply[..<$0.lowerBound]) }
  }

  /// One text to be continued, for models that complete.
  public var text: String {
    let parts =
      [instruction] + examples.map { $0.question + $0.reply + " " + Self.end } + [item]
    return parts.filter { !$0.isEmpty }.joined(separator: "\n\n")
  }

  /// The same as a conversation, for models that chat.
  var messages: JSONValue {
    var messages: [JSONValue] = []
    func add(_ role: String, _ text: String) {
      messages.append(["role": .string(role), "content": .string(text)])
    }
    if !instruction.isEmpty { add("system", instruction) }
    for example in examples {
      add("user", example.question)
      add("assistant", example.reply.trimmed + " " + Self.end)
    }
    add("user", item)
    return .array(messages)
  }
}

/// The texts that prompts are made of: those that come with the program, or files of a folder that replace them.
public struct PromptFiles: Equatable, Sendable {
  let feedback: PromptTemplate
  let improvement: PromptTemplate
  let shots: [PromptShot]
  /// Changes whenever a text does.
  public let digest: String

  /// Reads what a task's prompts are made of.
  ///
  /// - Parameters:
  ///   - task: Whose examples they have: `TASK.txt`.
  ///   - folders: Files in them take the place of those of the program, the first folder's first; an empty name is none.
  /// - Throws: `InputError` PROMPT-01 when a file is no template or no list of examples.
  init(task: String, folders: [String] = []) throws {
    let names = ["feedback.txt", "improvement.txt", task + ".txt"]
    let texts = try names.map { name -> (file: String?, text: String) in
      for folder in folders where !folder.isEmpty && Files.exists(folder + "/" + name) {
        let path = folder + "/" + name
        return (path, try Files.readText(path, limit: Limits.configuration))
      }
      return (nil, Self.builtIn[name] ?? "")
    }
    feedback = try PromptTemplate(
      texts[0].text, needing: ["attempt", "reply"], file: texts[0].file)
    improvement = try PromptTemplate(
      texts[1].text, needing: ["attempt", "feedback", "prefix", "reply"], file: texts[1].file)
    shots = try PromptShot.list(texts[2].text, file: texts[2].file)
    digest = SHA256.hex(of: Array(texts.map(\.text).joined(separator: "\u{0}").utf8))
  }

  /// The texts in `Sources/TriPosT/Prompts`, by name.
  public static let builtIn: [String: String] = [
    "feedback.txt": PackageResources.feedback_txt,
    "improvement.txt": PackageResources.improvement_txt,
    "multistep_arithmetic.txt": PackageResources.multistep_arithmetic_txt,
    "word_sorting.txt": PackageResources.word_sorting_txt,
    "date_understanding.txt": PackageResources.date_understanding_txt,
    "logical_deduction.txt": PackageResources.logical_deduction_txt,
  ].mapValues { String(decoding: $0, as: UTF8.self) }
}

/// An instruction, a line `---`, and the form of an item with fields such as `{{question}}`; `{{reply}}` is the last of them.
struct PromptTemplate: Equatable, Sendable {
  let instruction: String
  private let form: String

  static let fields = [
    "question", "lead", "attempt", "feedback", "update_lead", "prefix", "reply",
  ]

  init(_ text: String, needing needed: [String], file: String?) throws {
    let lines = text.trimmed.lines
    guard let rule = lines.firstIndex(of: "---") else {
      throw InputError(
        .promptFile, file: file, found: "no line ---",
        allowed: "an instruction, a line ---, and the form of an item")
    }
    instruction = lines[..<rule].joined(separator: "\n").trimmed
    form = lines[(rule + 1)...].joined(separator: "\n")
    var used: [String] = []
    var rest = form[...]
    while let opening = rest.firstRange(of: "{{") {
      rest = rest[opening.upperBound...]
      guard let closing = rest.firstRange(of: "}}") else { break }
      used.append(String(rest[..<closing.lowerBound]))
      rest = rest[closing.upperBound...]
    }
    if let stranger = used.first(where: { !Self.fields.contains($0) }) {
      throw InputError(
        .promptFile, file: file, found: "{{\(escaped(stranger))}}",
        allowed: "one of " + Self.fields.joined(separator: ", "))
    }
    for name in needed where !used.contains(name) {
      throw InputError(.promptFile, file: file, found: "{{\(name)}} is missing")
    }
    guard form.endsWith("{{reply}}"), used.count(where: { $0 == "reply" }) == 1 else {
      throw InputError(.promptFile, file: file, found: "{{reply}} is not at the end, and once")
    }
  }

  /// The form up to the reply, with its fields filled in; what is filled in is not looked at again.
  func filled(_ values: [String: String]) -> String {
    var result = ""
    var rest = form[...]
    while let opening = rest.firstRange(of: "{{"),
      let closing = rest[opening.upperBound...].firstRange(of: "}}")
    {
      result += rest[..<opening.lowerBound]
      result += values[String(rest[opening.upperBound..<closing.lowerBound])] ?? ""
      rest = rest[closing.upperBound...]
    }
    return result + rest
  }
}

/// A worked example: a wrong attempt, what is wrong with it, and the right one.
struct PromptShot: Equatable, Sendable {
  let question: String
  let attempt: Attempt
  /// The three lines of a reply.
  let mistake: String
  let update: Attempt

  /// Reads examples, each of four sections that begin with a line such as `[question]`.
  static func list(_ text: String, file: String?) throws -> [PromptShot] {
    var shots: [PromptShot] = []
    var sections: [[String]] = []
    func finish(_ line: Int) throws {
      guard !sections.isEmpty else { return }
      guard sections.count == names.count, sections.allSatisfy({ !$0.isEmpty }) else {
        throw InputError(
          .promptFile, file: file, at: .init(line: line), found: "an example that is not whole",
          allowed: names.joined(separator: ", ") + ", each with lines after it")
      }
      shots.append(
        PromptShot(
          question: sections[0].joined(separator: "\n"), attempt: Attempt(lines: sections[1]),
          mistake: sections[2].joined(separator: "\n"), update: Attempt(lines: sections[3])))
      sections = []
    }
    let lines = text.trimmed.isEmpty ? [] : text.trimmed.lines
    for (index, line) in lines.enumerated() {
      if line == names[0] { try finish(index + 1) }
      if let section = names.firstIndex(of: line), section == sections.count {
        sections.append([])
      } else if sections.isEmpty || names.contains(line) {
        throw InputError(
          .promptFile, file: file, at: .init(line: index + 1), found: "\"\(escaped(line))\"",
          allowed: "in its place; sections are " + names.joined(separator: ", "))
      } else {
        sections[sections.count - 1].append(line)
      }
    }
    try finish(lines.count)
    return shots
  }

  private static let names = ["[question]", "[attempt]", "[mistake]", "[update]"]
}

extension PromptFiles {
  /// Asks for the earliest mistake of an attempt (docs/tripost.md, 4.6).
  func feedback(on attempt: Attempt, to question: Question) -> Prompt {
    func item(_ block: String, _ attempt: Attempt) -> String {
      feedback.filled(["question": block, "lead": question.lead, "attempt": "\(attempt)"])
    }
    return Prompt(
      instruction: feedback.instruction,
      examples: shots.map {
        .init(question: item($0.question, $0.attempt), reply: " " + $0.mistake)
      }, item: item(question.block, attempt))
  }

  /// Asks for the lines from a mistake on (docs/tripost.md, 5.1).
  func improvement(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) -> Prompt {
    func item(_ block: String, _ attempt: Attempt, _ feedback: String, _ prefix: [String]) -> String
    {
      improvement.filled([
        "question": block, "lead": question.lead, "attempt": "\(attempt)", "feedback": feedback,
        "update_lead": question.updateLead, "prefix": prefix.map { $0 + "\n" }.joined(),
      ])
    }
    return Prompt(
      instruction: improvement.instruction,
      examples: shots.compactMap { shot in
        guard
          case .success(let feedback) = FeedbackReply.feedback(in: shot.mistake, on: shot.attempt)
        else { return nil }
        return .init(
          question: item(shot.question, shot.attempt, "\(feedback)", []), reply: "\(shot.update)")
      }, item: item(question.block, attempt, mistake.line, prefix))
  }
}

extension InputError.Rule {
  /// A file of prompts or examples that is not as `docs/tripost.md`, 4.6 describes.
  static let promptFile = Self("PROMPT-01", exit: .malformedFile)
}
