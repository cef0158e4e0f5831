import Boundary

/// What prompts and answers cost, in tokens.
struct TokenCost: Equatable, Sendable {
  var prompt = 0
  var generated = 0

  static func += (sum: inout Self, more: Self) {
    sum.prompt += more.prompt
    sum.generated += more.generated
  }

  /// Puts the cost among the facts of a stage.
  func add(to facts: inout JSONObject) {
    facts["prompt_tokens"] = .integer(Int64(prompt))
    facts["generated_tokens"] = .integer(Int64(generated))
  }
}

extension Sequence<Answering.Outcome> {
  /// What the answers cost, for the record.
  var cost: TokenCost {
    reduce(into: TokenCost()) { sum, outcome in
      sum += TokenCost(
        prompt: outcome.promptTokens, generated: outcome.answers.reduce(0) { $0 + $1.tokens })
    }
  }
}
