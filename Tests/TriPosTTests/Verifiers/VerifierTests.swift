// The scripted critics against judges that share nothing with them, on many questions
// (`scripts/check-verifiers` asks for 10,000 a task).

import Boundary
import Testing
import TriPosT

@Suite("The scripted critics against independent judges")
struct VerifierTests {
  @Test("Multistep Arithmetic") func arithmetic() throws { try check(ArithmeticJudge.self) }
  @Test("Word Sorting") func sorting() throws { try check(SortingJudge.self) }
  @Test("Date Understanding") func dates() throws { try check(DateJudge.self) }
  @Test("Logical Deduction") func deduction() throws { try check(DeductionJudge.self) }

  /// Questions a task; set by `scripts/check-verifiers`.
  private static let count = Environment.value("TRIPOST_VERIFIER_QUESTIONS").flatMap(Int.init)

  private func check<Judge: LineJudge>(_ judge: Judge.Type) throws {
    var check = VerifierCheck<Judge>(seed: 11)
    try check.run(questions: Self.count ?? 120)
    for fault in check.faults.prefix(20) { Issue.record(Comment(rawValue: fault)) }
    #expect(
      [check.accepted, check.caught, check.repaired] == Array(repeating: check.questions, count: 3))
    if Self.count != nil { print(check) }
  }
}

/// Counts what a critic accepts and catches, and what the improver makes of that.
struct VerifierCheck<Judge: LineJudge>: CustomStringConvertible {
  private var random: RandomStream
  private let seed: UInt64
  private(set) var questions = 0
  private(set) var accepted = 0
  private(set) var caught = 0
  private(set) var repaired = 0
  private var stillTrue = 0
  private var unreadable = 0
  private var byKind: [String: Int] = [:]
  private var byShape: [String: Int] = [:]
  /// Where critic and judge part ways.
  private(set) var faults: [String] = []

  init(seed: UInt64) {
    self.seed = seed
    random = RandomStream(seed: seed, "damage to \(Judge.Task.name)")
  }

  /// As many of each shape, seen or not: each solution has to be accepted, and one that has been damaged
  /// in one line to be blamed for that line.
  mutating func run(questions count: Int) throws {
    let shapes = (Judge.Task.defaults.seen + Judge.Task.defaults.unseen)
      .compactMap(Judge.Task.Shape.init)
    let plan = shapes.enumerated().map { index, shape in
      QuestionPortion(
        shape, cell: shape.publishedCell,
        training: count / shapes.count + (index < count % shapes.count ? 1 : 0))
    }
    let task = Judge.Task(plan: plan)
    for question in try task.questions(seed: seed).training {
      questions += 1
      if let shape = task.shape(of: question) { byShape[shape.name, default: 0] += 1 }
      check(question, of: task)
    }
  }

  private mutating func check(_ question: Question, of task: Judge.Task) {
    guard let solution = task.rationale(for: question)?.lines,
      let judge = Judge(question, solution: solution), judge.confirmsGold,
      solution.indices.allSatisfy({ judge.standing(of: solution[$0], at: $0) == .holds })
    else {
      faults.append("the judge does not agree with the solution of\n\(question.block)")
      return
    }
    guard case .success(let feedback) = verdict(solution, question, task), feedback.isCorrect else {
      faults.append("not accepted:\n\(question.block)\n\(solution.joined(separator: "\n"))")
      return
    }
    accepted += 1
    damage(solution, question, task, judge)
  }

  /// Damages lines until one is false; whatever is still true on the way may not be blamed.
  private mutating func damage(
    _ solution: [String], _ question: Question, _ task: Judge.Task, _ judge: Judge
  ) {
    let damage = LineDamage(families: judge.families)
    for _ in 0..<1000 {
      let index = random.below(solution.count)
      guard let line = damage.damaged(solution[index], random: &random) else { continue }
      var lines = solution
      lines[index] = line
      let label = Judge.label(of: line)
      let mistake: Mistake?
      switch judge.standing(of: line, at: index) {
      case .unreadable:
        unreadable += 1
        continue
      case .holds:
        stillTrue += 1
        if !isLeftAlone(lines, at: index, question, task) {
          faults.append(text("blamed, though it is true", question, solution[index], lines))
        }
        continue
      case .fails:
        mistake = try? verdict(lines, question, task).get().mistake
      }
      guard let mistake, mistake.step == label else {
        let found = mistake.map { "blamed for \($0.step)" } ?? "not blamed"
        faults.append(text("\(found), though \(line) is false", question, solution[index], lines))
        return
      }
      caught += 1
      byKind[judge.kind(at: index), default: 0] += 1
      let prefix = Array(lines[..<index])
      if let rest = task.continuation(
        of: prefix, repairing: Attempt(lines: lines), mistake: mistake, to: question),
        case .success(let feedback) = verdict(prefix + rest, question, task), feedback.isCorrect
      {
        repaired += 1
      } else {
        faults.append(text("\(line) is not repaired", question, solution[index], lines))
      }
      return
    }
    faults.append("no damage found for\n\(question.block)")
  }

  /// Whether nothing is blamed, or only what follows a changed line.
  private func isLeftAlone(
    _ lines: [String], at index: Int, _ question: Question, _ task: Judge.Task
  ) -> Bool {
    guard case .success(let feedback) = verdict(lines, question, task) else { return false }
    return feedback.isCorrect
      || lines[(index + 1)...].contains { feedback.mistake?.step == Judge.label(of: $0) }
  }

  private func verdict(
    _ lines: [String], _ question: Question, _ task: Judge.Task
  ) -> Result<Feedback, any Error> {
    Result { try ScriptedCritic(task).feedback(on: Attempt(lines: lines), to: question) }
  }

  private func text(_ what: String, _ question: Question, _ line: String, _ lines: [String])
    -> String
  {
    "\(what); it was \(line)\n\(question.block)\n\(lines.joined(separator: "\n"))"
  }

  var description: String {
    func list(_ counts: [String: Int]) -> String {
      counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
    }
    return """
      \(Judge.Task.name): \(accepted) of \(questions) solutions accepted; \
      \(caught) of \(questions) false lines caught with their label, \(repaired) repaired
        questions: \(list(byShape))
        false lines: \(list(byKind))
        on the way: \(stillTrue) changes that left the line true, \(unreadable) that left it \
      unreadable; \(faults.count) disagreements
      """
  }
}

extension LineJudge {
  static func label(of line: String) -> StepLabel? {
    StepLabel(parsing: line.dropFirst().prefix { $0 != ")" })
  }
}
