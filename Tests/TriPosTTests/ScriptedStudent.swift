import Boundary
import Llama
import TestSupport

@testable import LoRA
@testable import TriPosT

/// A student whose adapter is a number, its skill, and who gets better by learning.
///
/// It solves a question right with a chance of its skill, and once it has learnt from an update it also
/// judges its attempts, rightly with a chance of its skill. All chances come from the request's stream,
/// so it is as deterministic as a model; its answers come in reverse order, as they may.
final class ScriptedStudent: Student {
  struct Adapter: Equatable {
    var skill = 0.0
    var canJudge = false
  }

  private let course: Course
  private let questions: [Question]
  /// Courses of other tasks, whose questions it can be asked, too.
  var others: [Course] = []
  var adapter = Adapter()
  /// Requests that reached the student, by key.
  private(set) var asked: [String] = []
  /// Whether it only says that it does not know.
  var isMute = false
  /// Whether it is right when the answer is given away.
  var takesHints = false
  /// Answers at a time; nothing else may change with it.
  var parallel = 4

  init(_ course: Course) {
    self.course = course
    questions = course.training + course.test
  }

  let contextLength = 2000

  func tokenCount(of text: String) -> Int { text.utf8.count / 4 + 2 }

  func complete(
    _ requests: [StudentRequest], progress: (_ tokens: Int) throws -> Void,
    each: (_ index: Int, _ answer: StudentAnswer) throws -> Void
  ) throws {
    var tokens = 0
    for start in stride(from: 0, to: requests.count, by: parallel) {
      for index in (start..<min(start + parallel, requests.count)).reversed() {
        let request = requests[index]
        asked.append(request.key)
        let text = answer(to: request)
        tokens += text.utf8.count
        try each(index, StudentAnswer(text: text, tokens: text.utf8.count, endedByEOS: true))
      }
      try progress(tokens)
    }
  }

  private func answer(to request: StudentRequest) -> String {
    var stream = request.stream
    guard !isMute, let question = question(in: request.prompt),
      let own = ([course] + others).first(where: { ($0.training + $0.test).contains(question) }),
      let task = own.task(of: question) as? any ScriptedTask,
      let rationale = task.rationale(for: question)
    else { return " I do not know." }
    let lead = request.prompt.hasSuffix("\n") ? "" : "\n"
    if request.prompt.hasSuffix("Feedback:") {
      return " " + closing(rationale)
    }
    let isRight =
      stream.uniform() < adapter.skill || takesHints && request.prompt.hasPrefix("Hint:")
    let attempt = isRight ? rationale : Slip(in: rationale, of: task, random: &stream).attempt
    let text = lead + attempt.lines.joined(separator: "\n")
    guard adapter.canJudge else { return text }
    if isRight { return text + "\nFeedback: " + closing(rationale) }
    guard stream.uniform() < adapter.skill,
      let feedback = try? course.critic.feedback(on: attempt, to: question)
    else { return text + "\nFeedback: " + closing(attempt) }
    return text + "\nFeedback: \(feedback)\n" + question.updateLead + "\n"
      + rationale.lines.joined(separator: "\n")
  }

  /// The last question in a prompt; solved ones may stand before it.
  private func question(in prompt: String) -> Question? {
    (questions + others.flatMap(\.test)).filter { prompt.contains($0.block + "\n") }.max { a, b in
      let places = [a, b].map { prompt.lastRange(of: $0.block + "\n")?.lowerBound }
      return (places[0] ?? prompt.startIndex) < (places[1] ?? prompt.startIndex)
    }
  }

  private func closing(_ attempt: Attempt) -> String { "\(Feedback.allCorrect(in: attempt))" }

  func beginAdapter(seed: UInt64) throws { adapter = Adapter() }

  func loadAdapter(_ folder: String) throws {
    let value = try JSONValue(parsing: try Files.readText(folder + "/adapter.json"))
    adapter = Adapter(
      skill: value["skill"]?.double ?? 0, canJudge: value["can_judge"]?.bool ?? false)
  }

  func saveAdapter(_ folder: String) throws {
    try Files.createDirectory(folder)
    let value: JSONValue = ["skill": .number(adapter.skill), "can_judge": .bool(adapter.canJudge)]
    try Files.writeAtomically(value.serialized, to: folder + "/adapter.json")
  }

  /// Ten steps; every step is a checkpoint.
  func learn(
    from texts: [TrainingText], options: TrainingOptions, checkpoints: CheckpointFolder,
    every interval: Int, note: (String) throws -> Void, each: (StepReport) throws -> Bool
  ) throws -> Bool {
    let steps = 10
    let file = checkpoints.path + "/step"
    var step = 0
    if Files.exists(file) {
      let text = try Files.readText(file).split(separator: " ")
      step = Int(text[0]) ?? 0
      adapter.skill = Double(text[1]) ?? 0
    }
    try Files.createDirectory(checkpoints.path)
    let tokens = texts.reduce(0) { $0 + tokenCount(of: $1.text) } * options.epochs
    if texts.contains(where: { $0.text.contains("Updated Answer:") }) { adapter.canJudge = true }
    while step < steps {
      step += 1
      adapter.skill += (1 - adapter.skill) * 0.03
      let goesOn = try each(
        StepReport(
          step: step, steps: steps, epoch: Double(step) / Double(steps), loss: 1 / Double(step),
          gradientNorm: 1, learningRate: options.learningRate, tokens: tokens / steps, targets: 1))
      try Files.writeAtomically("\(step) \(adapter.skill)", to: file)
      if !goesOn { return step == steps }
    }
    return true
  }

  func loss(of texts: [TrainingText]) throws -> Double { 1 - adapter.skill }
}

/// Runs `body` with the path of a folder that is there as long as it runs; in memory where that can
/// be, because a run syncs some hundred times.
func withTemporaryFolder(_ body: (String) throws -> Void) rethrows {
  let folder = TemporaryFolder()
  var path = folder.path
  if Files.isDirectory("/dev/shm") {
    path = "/dev/shm" + path.dropFirst("/tmp".count)
    try? Files.createDirectory(path)
  }
  defer { try? Files.remove(path) }
  try body(path)
  withExtendedLifetime(folder) {}
}

extension Course {
  /// The task of a course of one.
  var task: any ReasoningTask { task(of: training[0]) }
}
