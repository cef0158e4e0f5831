import Boundary
import TriPosT

/// The weighted texts that were made of questions in one iteration.
struct TrainingRows {
  private var rows: [String: [TrainingText]] = [:]

  /// Reads those of some questions.
  ///
  /// - Throws: `InputError` when the file cannot be read.
  init(_ path: String, of questions: Set<String>) throws {
    try JSONLines.forEach(path) { row, _ in
      guard let id = row["id"]?.string,
        let question = Self.question(of: id, among: questions), let text = TrainingText(row)
      else { return }
      rows[question, default: []].append(text)
    }
  }

  /// Those that hold one of these attempts.
  func texts(of question: String, holding attempts: [String]) -> [TrainingText] {
    (rows[question] ?? []).filter { text in
      let whole = text.text
      return attempts.contains { !$0.isEmpty && whole.contains($0) }
    }
  }

  /// The question of a text whose id is that of the question, a slash, and what it is of it.
  private static func question(of id: String, among questions: Set<String>) -> String? {
    if questions.contains(id) { return id }
    return id.indices.filter { id[$0] == "/" }.map { String(id[..<$0]) }.first(
      where: questions.contains)
  }
}
