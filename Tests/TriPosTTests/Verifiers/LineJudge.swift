// What the scripted critics are measured by: judges that share nothing with them.
//
// A judge knows a question and its written-out solution, and says of a line that could stand in the
// solution's place whether it holds. It reads, computes and searches in its own ways, as plainly as
// possible; it is slow, and only right where all other lines are the solution's own.

import Foundation
import TriPosT

/// Whether a line may stand where it stands.
enum Standing {
  case holds, fails
  /// It has lost the form of its kind, so that nothing can be said about what it claims.
  case unreadable
}

protocol LineJudge {
  associatedtype Task: GeneratedTask

  /// Nil where the question or the solution cannot be read.
  init?(_ question: Question, solution: [String])

  /// Whether the gold answer is the right one.
  var confirmsGold: Bool { get }

  /// What kind of line stands at a place of the solution, for reports.
  func kind(at index: Int) -> String

  /// Whether a line could stand at a place of the solution.
  func standing(of line: String, at index: Int) -> Standing

  /// Words that may be mistaken for each other.
  var families: [[String]] { get }
}

extension String {
  /// What stands between a beginning and an end; nil where it has other ones.
  func between(_ beginning: String, _ end: String) -> String? {
    guard hasPrefix(beginning), hasSuffix(end), count >= beginning.count + end.count else {
      return nil
    }
    return String(dropFirst(beginning.count).dropLast(end.count))
  }

  /// The two parts around the only occurrence of a marker.
  func halves(at marker: String) -> (left: String, right: String)? {
    let parts = components(separatedBy: marker)
    return parts.count == 2 ? (parts[0], parts[1]) : nil
  }

  /// Without its label and the blank after it.
  var unlabelled: String { components(separatedBy: ") ").dropFirst().joined(separator: ") ") }
}
