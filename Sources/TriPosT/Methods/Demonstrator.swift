public import Boundary

/// Writes attempts in the student's place, for methods in which the student learns from another's mistakes (10.6).
public protocol Demonstrator: Sendable {
  /// For reports: "script", or the name of a model.
  var name: String { get }

  /// One attempt, right or wrong; nil where it has none to give.
  ///
  /// - Throws: Only what ends the run.
  func attempt(at question: Question, random: inout RandomStream) throws -> Attempt?
}

/// Written-out solutions, every other one with a slip in it: an extension of the published method, which asks a
/// large model.
public struct ScriptedDemonstrator<Task: ScriptedTask>: Demonstrator {
  public let name = "script"
  public let task: Task

  public init(_ task: Task) {
    self.task = task
  }

  public func attempt(at question: Question, random: inout RandomStream) -> Attempt? {
    guard let solution = task.solution(to: question) else { return nil }
    return random.uniform() < 0.5
      ? solution : Slip(in: solution, of: task, random: &random).attempt
  }
}

/// A solution with one step wrong, and another answer; what a critic has to find.
struct Slip {
  let attempt: Attempt
  /// The label of the line with the mistake.
  let step: StepLabel

  /// Spoils one random line of a solution, and its final response so that the answer is wrong.
  init(in solution: Attempt, of task: some ScriptedTask, random: inout RandomStream) {
    var lines = solution.lines
    let place = random.below(lines.count)
    lines[lines.count - 1] = task.slip(in: lines[lines.count - 1], random: &random)
    var step = StepLabel.finalResponse
    if place < lines.count - 1 {
      let line = task.slip(in: lines[place], random: &random)
      if line != lines[place], let label = StepLabel.leading(line)?.label { step = label }
      lines[place] = line
    }
    attempt = Attempt(lines: lines)
    self.step = step
  }
}
