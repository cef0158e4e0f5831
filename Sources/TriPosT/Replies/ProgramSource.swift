import Boundary
import Synchronization

/// A program of the user's that answers requests, one line of JSON each (docs/tripost.md, 4.9).
///
/// It is started once, at the first request, and ends with the run.
final class ProgramSource: ReplySource {
  let command: [String]
  /// Seconds for one reply.
  static let timeout = 120.0
  private let running = Mutex<ChildProcess?>(nil)

  /// - Precondition: The command has at least the name of a program.
  init(_ command: [String]) {
    self.command = command
  }

  var name: String { "program \(command.joined(separator: " "))" }

  var identity: JSONObject { ["program": .array(command.map { .string($0) })] }

  /// Starts it, which tells whether there is such a program.
  func check() throws {
    try running.withLock { $0 = try $0 ?? ChildProcess(command) }
  }

  func answer(
    _ requests: [ReplyDesk.Open], at desk: ReplyDesk, each: () throws -> Void
  ) throws {
    try check()
    for (number, open) in requests.enumerated() {
      try each()
      guard case .message(var message) = open.request.content else {
        preconditionFailure("a program is asked with messages")
      }
      message["id"] = .integer(Int64(number))
      let line = JSONValue.object(message).serialized
      let text = try running.withLock {
        try $0?.exchange(line, timeout: Self.timeout, limit: Limits.scriptReply) ?? ""
      }
      let reply = Reply(.text(text))
      if let fault = fault(of: text, number: number) ?? open.request.fault(reply) {
        throw InputError(
          .programReply, file: command[0], found: "\(fault): \(escaped(text))",
          hints: ["the request was \(escaped(line, limit: 300))"])
      }
      try desk.record(reply, to: open)
    }
    try each()
  }

  private func fault(of text: String, number: Int) -> String? {
    guard let reply = try? JSONValue(parsing: text), reply.object != nil else {
      return "the program's reply is no JSON object"
    }
    return reply["id"]?.int == number ? nil : "the program's reply has another id than the request"
  }
}

extension InputError.Rule {
  static let programReply = Self("FB-05", exit: .script)
}

/// A program that names the earliest mistake of an attempt.
struct ProgramCritic: Critic {
  let name: String
  let desk: ReplyDesk

  func feedback(on attempt: Attempt, to question: Question) throws -> Feedback {
    let request = ReplyRequest(
      role: .feedback,
      content: .message([
        "ask": "feedback", "question": .string(question.block),
        "attempt": .array(attempt.lines.map { .string($0) }),
      ]), seed: nil,
      fault: {
        Self.verdict(in: $0, on: attempt) == nil ? "no verdict in the program's reply" : nil
      })
    guard let verdict = Self.verdict(in: try desk.reply(to: request), on: attempt) else {
      throw CriticFailure("no verdict in the program's reply")
    }
    return try verdict.get()
  }

  /// Nil when the reply is not of the agreed form.
  private static func verdict(
    in reply: Reply, on attempt: Attempt
  ) -> Result<Feedback, CriticFailure>? {
    guard let text = try? reply.text(), let value = try? JSONValue(parsing: text) else {
      return nil
    }
    if let reason = value["error"]?.string { return .failure(CriticFailure(reason)) }
    guard let step = value["step"]?.string, let part = value["part"]?.string,
      let reason = value["reason"]?.string
    else { return nil }
    let lines = "(\(step))\nError segment: \"\(part)\"\nError reason: \(reason)"
    // A verdict that cannot be put into a line, such as one that quotes controls, costs the attempt alone.
    return FeedbackReply.feedback(in: lines, on: attempt)
  }
}

/// A program that writes an attempt anew from its mistake on.
struct ProgramImprover: Improver {
  let name: String
  let desk: ReplyDesk

  func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) throws -> String? {
    let request = ReplyRequest(
      role: .improvement,
      content: .message([
        "ask": "improvement", "question": .string(question.block),
        "attempt": .array(attempt.lines.map { .string($0) }),
        "feedback": .string(mistake.line), "keep": .array(prefix.map { .string($0) }),
      ]), seed: nil,
      fault: { Self.lines(in: $0) == nil ? "no lines in the program's reply" : nil })
    let reply = try desk.reply(to: request)
    guard let lines = Self.lines(in: reply), !lines.isEmpty else { return nil }
    return lines.joined(separator: "\n")
  }

  /// Empty where the program knows no way; nil when the reply is not of the agreed form.
  private static func lines(in reply: Reply) -> [String]? {
    guard let text = try? reply.text(), let value = try? JSONValue(parsing: text) else {
      return nil
    }
    if value["error"]?.string != nil { return [] }
    guard let values = value["lines"]?.array else { return nil }
    let lines = values.compactMap(\.string)
    return lines.count == values.count ? lines : nil
  }
}
