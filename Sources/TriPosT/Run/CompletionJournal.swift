import Boundary

/// Answers of an unfinished stage, on disk as soon as they are there.
///
/// A stage asks the student only through its journal. What was answered before a kill is answered from
/// the file, in no time and with the same text; so a stage is repeated from its start and yet nothing
/// is generated twice. The file goes away once the stage's outputs are on record.
final class CompletionJournal {
  private let log: RecordLog?
  private var known: [String: StudentAnswer] = [:]
  private var unsynced = 0

  /// Opens a journal; without a path it remembers nothing.
  init(_ path: String?) throws {
    log = try path.map { try RecordLog($0) }
    for (index, record) in (log?.records ?? []).enumerated() {
      guard let key = record["key"]?.string, let text = record["text"]?.string,
        let tokens = record["tokens"]?.int, let ended = record["ended_by_eos"]?.bool
      else {
        throw InputError(
          .logIntact, file: path, at: .init(line: index + 1), found: "a line without an answer")
      }
      known[key] = StudentAnswer(text: text, tokens: tokens, endedByEOS: ended)
    }
  }

  /// The answers to all requests, in their order.
  ///
  /// `each` sees how many are done, and the tokens generated since the last call; it may throw to stop.
  func answers(
    to requests: [StudentRequest], by student: any Student,
    each: (_ done: Int, _ tokens: Int) throws -> Void
  ) throws -> [StudentAnswer] {
    let open = requests.filter { known[$0.key] == nil }
    var done = requests.count - open.count
    try each(done, 0)
    if !open.isEmpty {
      var tokens = 0
      try student.complete(open) { total in
        try each(done, total - tokens)
        tokens = total
      } each: { index, answer in
        try record(answer, for: open[index].key)
        done += 1
      }
      try each(done, 0)
      try log?.sync()
    }
    return requests.map { request in
      guard let answer = known[request.key] else {
        preconditionFailure("a student answers every request; \(request.key) has no answer")
      }
      return answer
    }
  }

  private func record(_ answer: StudentAnswer, for key: String) throws {
    try log?.append([
      "key": .string(key), "text": .string(answer.text), "tokens": .integer(Int64(answer.tokens)),
      "ended_by_eos": .bool(answer.endedByEOS),
    ])
    known[key] = answer
    unsynced += 1
    if unsynced.isMultiple(of: Self.syncEvery) { try log?.sync() }
  }

  /// Answers between two syncs: what a loss of power can cost.
  private static let syncEvery = 64
}
