public import Boundary

/// What a critic or improver that is no script is asked.
public enum ReplyRole: String, CaseIterable, Sendable {
  case feedback, improvement
}

/// One reply that is wanted.
public struct ReplyRequest: Sendable {
  public enum Content: Equatable, Sendable {
    /// For a model: a prompt, and how to draw the reply.
    case prompt(Prompt, temperature: Double, maxTokens: Int)
    /// For a program: one line of JSON.
    case message(JSONObject)
  }

  public let role: ReplyRole
  public let content: Content
  /// Where the random numbers of the reply start; nil where there is nothing to draw.
  public let seed: UInt64?
  /// What is wrong with a reply; nil when it can be used.
  let fault: @Sendable (Reply) -> String?

  /// Everything that the reply may depend on but the source.
  var json: JSONValue {
    var object: JSONObject = ["role": .string(role.rawValue)]
    switch content {
    case .prompt(let prompt, let temperature, let maxTokens):
      object["prompt"] = .string(prompt.text)
      object["temperature"] = .number(temperature)
      object["max_tokens"] = .integer(Int64(maxTokens))
    case .message(let message): object["message"] = .object(message)
    }
    object["seed"] = seed.map { .string("\($0)") }
    return .object(object)
  }
}

/// What came of a request, for good.
public struct Reply: Equatable, Sendable {
  public enum Outcome: Equatable, Sendable {
    case text(String)
    /// There is none, for this reason; the item is left out.
    case failure(String)
  }

  public var outcome: Outcome
  /// As the server counts them; 0 where nobody does.
  public var promptTokens = 0
  public var completionTokens = 0
  /// In the currency of the prices.
  public var cost = 0.0
  /// What the server says about the reply: the model's own name, why it ended.
  public var model: String?
  public var finish: String?

  public init(_ outcome: Outcome) { self.outcome = outcome }

  /// The text up to `[END]`.
  ///
  /// One that was cut off at the limit of tokens loses its last line, which may be half of one.
  ///
  /// - Throws: `CriticFailure` with the reason why there is none.
  func text() throws(CriticFailure) -> String {
    switch outcome {
    case .failure(let reason): throw CriticFailure(reason)
    case .text(let text):
      if let whole = Prompt.beforeEnd(of: text) { return whole }
      return finish == Self.cutOff ? text.lines.dropLast().joined(separator: "\n") : text
    }
  }

  /// Why a reply ended that met the limit of tokens.
  static let cutOff = "length"
}

/// A reply that is not there yet: the desk gets it, and the edit is done again.
struct ReplyNeeded: Error {
  let request: ReplyRequest
  let key: String
}

/// Who answers requests: an endpoint, a model of one's own, a program.
protocol ReplySource: Sendable {
  /// For reports: `endpoint gpt-x`.
  var name: String { get }

  /// What replies depend on besides the request; the same after a restart.
  var identity: JSONObject { get }

  /// Finds out before a run begins whether there is anybody to ask.
  func check() throws

  /// Answers requests in any order, and hands every reply to the desk as soon as it is there.
  ///
  /// `each` is called now and then; what it throws stops the work.
  func answer(_ requests: [ReplyDesk.Open], at desk: ReplyDesk, each: () throws -> Void) throws
}
