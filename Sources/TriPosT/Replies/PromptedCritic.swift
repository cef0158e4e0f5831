import Boundary

/// How a model is asked: with which prompts, how freely, and for how many tokens.
struct Asking: Sendable {
  let files: PromptFiles
  let temperature: Double
  let maxTokens: Int
  let seed: UInt64

  /// A request whose replies are at fault where `check` throws.
  ///
  /// `sample` tells draws of one prompt apart, where there is anything to draw.
  func request(
    _ role: ReplyRole, _ prompt: Prompt, sample: String,
    check: @escaping @Sendable (Reply) throws(CriticFailure) -> Void
  ) -> ReplyRequest {
    var stream = RandomStream(seed: seed, role.rawValue + " " + sample)
    return ReplyRequest(
      role: role, content: .prompt(prompt, temperature: temperature, maxTokens: maxTokens),
      seed: temperature > 0 ? stream.next() : nil
    ) { reply in
      do throws(CriticFailure) {
        try check(reply)
        return nil
      } catch {
        return error.reason
      }
    }
  }
}

/// A model that names the earliest mistake of an attempt (docs/tripost.md, 4.6).
struct PromptedCritic: Critic {
  let name: String
  let asking: Asking
  let desk: ReplyDesk
  var sample = ""

  func asked(for sample: String) -> any Critic {
    var copy = self
    copy.sample = sample
    return copy
  }

  func feedback(on attempt: Attempt, to question: Question) throws -> Feedback {
    @Sendable func understood(_ reply: Reply) throws(CriticFailure) -> Feedback {
      try FeedbackReply.feedback(in: try reply.text(), on: attempt).get()
    }
    let request = asking.request(
      .feedback, asking.files.feedback(on: attempt, to: question), sample: sample
    ) { reply throws(CriticFailure) in _ = try understood(reply) }
    return try understood(try desk.reply(to: request))
  }
}

/// A model that writes an attempt anew from its mistake on (docs/tripost.md, 5.1).
struct PromptedImprover: Improver {
  let name: String
  let asking: Asking
  let desk: ReplyDesk
  var sample = ""

  func asked(for sample: String) -> any Improver {
    var copy = self
    copy.sample = sample
    return copy
  }

  func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) throws -> String? {
    let prompt = asking.files.improvement(
      of: prefix, repairing: attempt, mistake: mistake, to: question)
    let request = asking.request(.improvement, prompt, sample: sample) {
      reply throws(CriticFailure) in
      guard Self.continuation(in: try reply.text(), after: prefix) != nil else {
        throw CriticFailure("the reply has no line")
      }
    }
    let reply = try desk.reply(to: request)
    guard let text = try? reply.text() else { return nil }
    return Self.continuation(in: text, after: prefix)
  }

  /// The lines that follow the prefix: chat models like to repeat it, or to put a fence around all.
  static func continuation(in text: String, after prefix: [String]) -> String? {
    var lines = text.lines.map(\.trimmed).filter { !$0.isEmpty && !$0.startsWith("```") }
    let known = prefix.map(\.trimmed)
    if !known.isEmpty, lines.starts(with: known) { lines.removeFirst(known.count) }
    return lines.isEmpty ? nil : lines.joined(separator: "\n")
  }
}
