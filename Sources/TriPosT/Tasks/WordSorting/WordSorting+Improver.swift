// The script that repairs an attempt (5.2): it goes on as the canonical solution does.

extension WordSorting {
  public func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) -> [String]? {
    guard let solution = rationale(for: question), solution.lines.starts(with: prefix) else {
      return nil
    }
    return Array(solution.lines[prefix.count...])
  }
}
