import Boundary
import Synchronization
import TestSupport

@testable import TriPosT

/// A server that behaves as a good model does: it understands the prompts and answers as they ask, with what the task's
/// scripts know.
final class HelpfulServer: Sendable {
  let server: LocalServer

  /// - Parameters:
  ///   - course: Whose questions it knows.
  ///   - word: Changes what it says.
  ///   - fault: What goes wrong with a request of this number (from 0 for each different body); nil for nothing.
  init(
    _ course: Course, word: @escaping @Sendable (String) -> String = { $0 },
    fault:
      @escaping @Sendable (_ body: String, _ number: Int) -> (
        (_ good: String) -> LocalServer.Answer
      )? = {
        _, _ in nil
      }
  ) {
    let counts = Mutex<[String: Int]>([:])
    server = LocalServer { request in
      if request.method == "GET" { return .reply(body: #"{"data":[]}"#) }
      let body = String(decoding: request.body, as: UTF8.self)
      let number = counts.withLock {
        $0[body, default: 0] += 1
        return $0[body, default: 1] - 1
      }
      let good = Self.reply(to: body, course, word)
      if let fault = fault(body, number) { return fault(good) }
      return .reply(body: good)
    }
  }

  /// The whole body of a good reply.
  private static func reply(
    to body: String, _ course: Course, _ word: (String) -> String
  ) -> String {
    guard let request = try? JSONValue(parsing: body) else { return "{}" }
    let messages = request["messages"]?.array
    let item =
      messages?.last?["content"]?.string
      ?? request["prompt"]?.string?.components(separatedBy: "\n\n").last ?? ""
    let text = word(answer(to: item, course))
    let content: JSONValue = .string(text)
    return JSONValue.object([
      "model": request["model"] ?? .null,
      "choices": [
        messages == nil
          ? ["index": 0, "text": content, "finish_reason": "stop"]
          : [
            "index": 0, "finish_reason": "stop",
            "message": ["role": "assistant", "content": content],
          ]
      ],
      "usage": [
        "prompt_tokens": .integer(Int64(item.utf8.count / 4)),
        "completion_tokens": .integer(Int64(text.utf8.count / 4)),
      ],
    ]).serialized
  }

  private static func answer(to item: String, _ course: Course) -> String {
    guard let question = course.training.first(where: { item.hasPrefix($0.block + "\n") }) else {
      return "I do not know this question."
    }
    let lines = item.lines.drop { !$0.hasPrefix("Answer: ") }.dropFirst()
    if item.hasSuffix("Earliest error step:") {
      let attempt = Attempt(lines: Array(lines.dropLast()))
      guard let mistake = try? course.critic.feedback(on: attempt, to: question).mistake,
        let reason = mistake.line.firstRange(of: "This is because ")
      else { return " None\nError segment: None\nError reason: None" }
      return " (\(mistake.step))\nError segment: \"\(mistake.part)\"\nError reason: "
        + mistake.line[reason.upperBound...] + " [END]"
    }
    let parts = lines.split { $0.hasPrefix("Feedback: ") || $0.hasPrefix("Updated Answer: ") }
    guard let first = parts.first,
      let feedback = lines.first(where: { $0.hasPrefix("Feedback: ") }),
      let mistake = Feedback(parsing: String(feedback.dropFirst("Feedback: ".count))).mistake
    else { return "What?" }
    let attempt = Attempt(
      lines: first.map { $0.hasSuffix(" [END]") ? String($0.dropLast(6)) : $0 })
    let prefix = parts.count > 1 ? parts[1].filter { !$0.isEmpty } : []
    let text = try? course.improver.continuation(
      of: Array(prefix), repairing: attempt, mistake: mistake, to: question)
    return (text ?? "I cannot mend this.") + " [END]"
  }
}

extension String {
  fileprivate func components(separatedBy separator: String) -> [String] {
    var result: [String] = []
    var rest = self[...]
    while let range = rest.firstRange(of: separator) {
      result.append(String(rest[..<range.lowerBound]))
      rest = rest[range.upperBound...]
    }
    return result + [String(rest)]
  }
}
