/// Multistep Arithmetic: the value of an expression in nested brackets (docs/tripost.md, 9.1).
public struct MultistepArithmetic: GeneratedTask {
  public static let name = "multistep_arithmetic"

  /// One line that does say "addition and multiplication" in item (4); the published data has it.
  public let hint =
    "Recall that the order of operations in mathematics is as follows: (1) Parentheses, "
    + "(2) exponents, (3) multiplication and division (from left to right), (4) addition and "
    + "multiplication (from left to right). So, remember to always compute the expressions inside "
    + "parentheses or brackets first."

  /// How many questions of which shape there are.
  public let plan: [Portion]

  public init(plan: [Portion] = MultistepArithmetic.publishedPlan) {
    self.plan = plan
  }

  public func answer(inFinalLine line: String) -> String? {
    let text = answerText(in: line.endsWith(".") ? line : line + ".")
    return text.flatMap(integer).map { "\($0)" }
  }

  public func isCorrect(_ answer: String, to question: Question) -> Bool {
    guard let number = integer(answer[...]) else { return false }
    return number == Int64(question.gold)
  }

  public func hasValidContent(_ attempt: Attempt, to question: Question) -> Bool {
    guard attempt.lines.count > 1, let number = answerText(in: attempt.finalResponse),
      integer(number) != nil
    else { return false }
    let before = attempt.lines[attempt.lines.count - 2]
    return before.has("= \(number).") || before.has("=\(number).")
  }

  /// What stands between "the answer is " and the last full stop.
  private func answerText(in line: String) -> Substring? {
    guard let rest = line.textAfter(anyCase: "the answer is "),
      let stop = rest.lastRange(of: ".")
    else { return nil }
    return rest[..<stop.lowerBound]
  }

  /// The number a text stands for: digits with a sign, and perhaps a fraction of zeros.
  private func integer(_ text: Substring) -> Int64? {
    let halves = text.trimmed.utf8.split(
      separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = halves.first,
      halves.count == 1 || halves[1].allSatisfy({ $0 == UInt8(ascii: "0") })
    else { return nil }
    return Int64(String(Substring(whole)))
  }
}

extension Question {
  /// The text between `Q: ` and ` =`.
  var expression: String? {
    guard block.startsWith("Q: "), block.endsWith(" =") else { return nil }
    return String(block.dropFirst(3).dropLast(2))
  }
}
