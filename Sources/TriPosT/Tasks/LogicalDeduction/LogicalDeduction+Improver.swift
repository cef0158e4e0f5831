// The script that repairs an attempt (5.2): canonical lines for what the lines before leave open.

extension LogicalDeduction {
  public func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) -> [String]? {
    guard let puzzle = OrderPuzzle(question) else { return nil }
    var steps = DeductionSteps()
    for (index, text) in prefix.enumerated() {
      guard let line = try? DeductionLine(text, at: index, isLast: false, in: puzzle) else {
        return nil
      }
      steps.take(line, of: puzzle)
    }
    return steps.solution(of: puzzle)
  }
}
