import Boundary
import Llama

/// Answers many questions side by side, a generation of all of them at a time.
struct Answering {
  let sampling: SamplingOptions
  /// Names requests and, with the run's seed, their random numbers: `rollout/1/0`.
  let purpose: String
  let seed: UInt64
  /// Begins with a question.
  let session: (Question) -> any AnswerSession

  /// What a student wrote about one question.
  struct Outcome {
    let index: Int
    let session: any AnswerSession
    /// Its generations, in order.
    let answers: [StudentAnswer]
    /// Of all prompts together.
    let promptTokens: Int
  }

  /// How far the generations of one round are.
  struct Round {
    /// Counted from 1.
    let generation: Int
    let done: Int
    let total: Int
    /// Generated since the last report.
    let tokens: Int
  }

  /// Lets the student answer all questions.
  func outcomes(
    of questions: [Question], by student: any Student, journal: CompletionJournal,
    progress: (Round) throws -> Void
  ) throws -> [Outcome] {
    var sessions = questions.map(session)
    var promptTokens = [Int](repeating: 0, count: questions.count)
    var answers = [[StudentAnswer]](repeating: [], count: questions.count)
    for generation in 1... {
      let open = sessions.indices.filter { sessions[$0].end == nil }
      if open.isEmpty { break }
      let requests = open.compactMap { request(for: $0, sessions[$0]) }
      let round = try journal.answers(to: requests, by: student) { done, tokens in
        try progress(
          Round(generation: generation, done: done, total: requests.count, tokens: tokens))
      }
      for (place, (index, answer)) in zip(open, round).enumerated() {
        // Of a prompt alone: the count of a text has its end.
        promptTokens[index] += student.tokenCount(of: requests[place].prompt) - 1
        sessions[index].receive(answer.text, endedByEOS: answer.endedByEOS)
        answers[index].append(answer)
      }
    }
    return sessions.indices.map {
      Outcome(
        index: $0, session: sessions[$0], answers: answers[$0], promptTokens: promptTokens[$0])
    }
  }

  private func request(for index: Int, _ session: any AnswerSession) -> StudentRequest? {
    session.nextPrompt().map { prompt in
      StudentRequest(
        key: "\(purpose)/\(index)/\(session.generations)", prompt: prompt.text,
        maxNewTokens: prompt.maxNewTokens, sampling: sampling,
        stream: RandomStream(seed: seed, purpose, index, session.generations))
    }
  }
}
