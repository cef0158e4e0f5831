// The script that repairs an attempt (5.2): canonical lines, in the attempt's own letters.

extension MultistepArithmetic {
  public func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) -> [String]? {
    if mistake.step == .number(1) { return rationale(for: question)?.lines }
    guard let partition = prefix.first.flatMap(ArithmeticPartition.init(reading:)) else {
      return nil
    }
    var lines: [String]
    if let last = prefix.last, last.has("the final equation is") {
      guard let value = Arithmetic.lastNumber(in: last) else { return nil }
      lines = ["(Final response) So the answer is \(value)."]
    } else {
      guard case .step(let numbers) = mistake.step, let number = numbers.last,
        let solution = partition.solution(from: number, known: Self.values(in: prefix))
      else { return nil }
      lines = solution
    }
    // A wrong result means that the mistake is in the prefix, which must not be changed.
    guard let last = lines.last, let answer = answer(inFinalLine: last),
      isCorrect(answer, to: question)
    else { return nil }
    return lines
  }

  /// What the lines have calculated; the first line that names a letter counts.
  private static func values(in lines: [String]) -> [String: Int64] {
    var values: [String: Int64] = [:]
    for line in lines {
      guard let (letter, _) = ArithmeticCritic.calculation(in: line), values[letter] == nil
      else { continue }
      values[letter] = Arithmetic.lastNumber(in: line)
    }
    return values
  }
}
