import Boundary
import _StringProcessing

/// A task of the user's: a folder with a `task.yaml` and files of questions (docs/tasks.md).
struct UserTask: ReasoningTask {
  let file: TaskFile
  let cells: [Cell]

  var name: String { file.name }
  var hint: String { file.hint }

  /// What the first group of the pattern's last match holds.
  func answer(inFinalLine line: String) -> String? {
    // Compiled where it is used, because a compiled pattern cannot be shared between threads.
    guard let pattern = try? Regex(file.answer), let match = line.matches(of: pattern).last,
      match.output.count > 1, let answer = match.output[1].substring?.trimmed, !answer.isEmpty
    else { return nil }
    return String(answer)
  }

  func isCorrect(_ answer: String, to question: Question) -> Bool {
    file.compare.isSame(answer, question.gold)
  }

  /// Nothing is known about the steps.
  func hasValidContent(_ attempt: Attempt, to question: Question) -> Bool { true }

  /// Solutions come with the questions.
  func rationale(for question: Question) -> Attempt? { question.solution }
}

/// When two answers are the same.
enum AnswerComparison: String, CaseIterable, Sendable {
  /// Letter by letter.
  case exact
  /// Whatever the case of the letters A to Z.
  case caseless
  /// As numbers: 350, 350.0 and 3.5e2 are the same, and so is what differs by less than a billionth.
  case number
  /// Word by word, whatever the blanks.
  case words

  func isSame(_ a: String, _ b: String) -> Bool {
    switch self {
    case .exact: return a.trimmed == b.trimmed
    case .caseless: return a.trimmed.lowerCased == b.trimmed.lowerCased
    case .words: return a.words == b.words
    case .number:
      guard let a = Double(a.trimmed), let b = Double(b.trimmed), a.isFinite, b.isFinite else {
        return false
      }
      return abs(a - b) <= 1e-9 * max(abs(a), abs(b))
    }
  }
}

/// Stands where a task of the user's has no script.
struct NoScript: Critic, Improver, Demonstrator {
  let name = "none"

  func feedback(on attempt: Attempt, to question: Question) throws -> Feedback {
    throw CriticFailure("the task has no script")
  }

  func continuation(
    of prefix: [String], repairing attempt: Attempt, mistake: Mistake, to question: Question
  ) throws -> String? { nil }

  func attempt(at question: Question, random: inout RandomStream) -> Attempt? { nil }

  func asked(for sample: String) -> any Critic { self }
  func asked(for sample: String) -> any Improver { self }
}
