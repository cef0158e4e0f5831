import Boundary
import Testing
import TriPosT

@Suite("The training mix")
struct TrainingMixTests {
  static let edited = Trajectory(parsing: TrajectoryTextTests.text, to: Sample.question)

  /// Trajectories that differ in their question only, one update each or none.
  private func trajectories(_ count: Int, updates: Int, from first: Int = 0) -> [Trajectory] {
    (first..<first + count).map { index in
      let question = Question(
        id: "q\(index)", block: "Q: (\(index)) =", hint: "", gold: "", cell: Sample.seen)
      let all = Array(repeating: Self.edited.turns[0], count: updates) + [Self.edited.turns[1]]
      return Trajectory(question: question, turns: all)
    }
  }

  private func mixed(
    _ passes: [[Trajectory]], options: TrainingMix.Options = .init(), truths: Int = 0,
    seed: UInt64 = 1, length: (String) -> Int = { $0.utf8.count }
  ) throws -> (texts: [TrainingText], counts: TrainingMix.Counts) {
    var options = options
    if options.lengthLimit == 1024 { options.lengthLimit = .max }
    var mix = TrainingMix(options: options)
    var random = RandomStream(seed: seed, "mix")
    for pass in passes { mix.add(pass, random: &random, length: length) }
    let questions = try MultistepArithmeticTests.sets.get().training.prefix(truths)
    let texts = mix.texts(
      withGroundTruthOf: Array(questions), task: Sample.task, random: &random, length: length)
    return (texts, mix.counts)
  }

  @Test("a token over the end of the prompt for feedback is found")
  func prompts() {
    let text = TrainingText(
      id: "a", segments: [.init(text: "Q: 1\nA: 2\nFeedback: right", weight: 1)])
    #expect(text.keepsPrompt { Array($0.utf8) })
    let cut = { (separator: String) in { (text: String) in text.split(separator: separator) } }
    #expect(text.keepsPrompt(cut("Feedback:")))
    #expect(!text.keepsPrompt(cut("\n")))
    let other = TrainingText(id: "b", segments: [.init(text: "A: 2", weight: 1)])
    #expect(other.keepsPrompt(cut("\n")))
  }

  @Test("6.1: a trajectory with two updates gives two update texts and a closing one")
  func turns() throws {
    var trajectory = Self.edited
    trajectory.turns.insert(trajectory.turns[0], at: 0)
    var options = TrainingMix.Options()
    options.ratio = 0
    let (texts, counts) = try mixed([[trajectory]], options: options)
    #expect(counts.improvements == 2 && counts.others == 1 && counts.groundTruths == 0)
    let byID = texts.sorted { $0.id < $1.id }
    #expect(byID.map(\.id) == ["sample/1/closing", "sample/1/update-1", "sample/1/update-2"])
    let attempt = Sample.prediction(Sample.wrong.lines)
    let feedback = "\nFeedback: " + Sample.feedbackOnWrong
    #expect(
      byID[2].segments == [
        .init(text: attempt, weight: 1),
        .init(
          text: feedback + "\n" + Sample.question.updateLead + "\n" + Sample.text(Sample.steps),
          weight: 1.5),
      ])
    #expect(
      byID[0].segments == [
        .init(text: Sample.prediction(Sample.steps), weight: 1),
        .init(text: "\nFeedback: " + Sample.closing, weight: 1.5),
      ])
  }

  @Test("texts that were right at once, and ground truth, have weight 1 throughout")
  func plainWeights() throws {
    var options = TrainingMix.Options()
    options.ratio = -1
    options.compatibility.maskBeforeStart = true
    let right = Trajectory(question: Sample.question, turns: [Self.edited.turns[1]])
    let (texts, counts) = try mixed([[right]], options: options, truths: 4)
    #expect(counts.others == 1 && counts.groundTruths == 1)
    #expect(texts.allSatisfy { $0.segments.count == 1 && $0.segments[0].weight == 1 })
    #expect(texts.contains { $0.text == right.description })
  }

  @Test("a wrong attempt with its feedback has the weight on the feedback, and can be left out")
  func feedbackOnly() throws {
    var options = TrainingMix.Options()
    options.ratio = 0
    options.sectionWeight = 2
    options.compatibility.maskBeforeStart = true
    let trajectory = Trajectory(question: Sample.question, turns: [Self.edited.turns[0]])
    let (texts, _) = try mixed([[trajectory]], options: options)
    #expect(texts.map(\.id) == ["sample/1/feedback"])
    #expect(texts[0].segments.map(\.weight) == [0, 2])
    #expect(texts[0].segments[1].text == "\nFeedback: " + Sample.feedbackOnWrong)
    options.compatibility.keepFeedbackOnly = false
    #expect(try mixed([[trajectory]], options: options).texts.isEmpty)
  }

  @Test("13.4: closing turns can have weight 1")
  func closingWeight() throws {
    var options = TrainingMix.Options()
    options.ratio = 0
    options.compatibility.weighClosingTurns = false
    let closing = try mixed([[Self.edited]], options: options).texts
      .filter { $0.id.hasSuffix("closing") }
    #expect(closing.map { $0.segments.map(\.weight) } == [[1]])
  }

  @Test("6.3: 140 updates take 94 others and 94 solutions")
  func balance() throws {
    let pass = trajectories(140, updates: 1) + trajectories(300, updates: 0, from: 140)
    let (texts, counts) = try mixed([pass], truths: 550)
    #expect(counts.improvements == 140 && counts.others == 94 && counts.groundTruths == 94)
    #expect(texts.count == 328)
    #expect(Set(texts.map(\.id)).count == 328)
    #expect(abs(counts.share - 0.427) < 0.0005)
  }

  @Test("scarce others or solutions are all taken; without updates nothing is; rho 0 takes all")
  func shortage() throws {
    // Each repaired trajectory brings its own closing text, so scarcity needs several updates.
    let (_, few) = try mixed([trajectories(2, updates: 5)], truths: 1)
    #expect(few.improvements == 10 && few.others == 2 && few.groundTruths == 1)
    let (texts, none) = try mixed([trajectories(5, updates: 0)], truths: 5)
    #expect(texts.isEmpty && none.share == 0)
    var options = TrainingMix.Options()
    options.ratio = 0
    let (_, all) = try mixed([trajectories(5, updates: 0)], options: options, truths: 9)
    #expect(all.others == 5 && all.groundTruths == 5)
  }

  @Test("balance is kept pass by pass, and what was there before is left out")
  func passes() throws {
    let first = trajectories(3, updates: 1)
    let (_, counts) = try mixed([first, first, trajectories(3, updates: 1, from: 3)], truths: 9)
    #expect(counts.improvements == 6 && counts.others == 4 && counts.groundTruths == 4)
  }

  @Test("a solution that the student wrote itself is not taken again")
  func ownSolution() throws {
    let question = try MultistepArithmeticTests.sets.get().training[0]
    let solution = try #require(Sample.task.groundTruth(for: question))
    var options = TrainingMix.Options()
    options.ratio = 0
    let (_, counts) = try mixed([[solution]], options: options, truths: 1)
    #expect(counts.others == 1 && counts.groundTruths == 0)
  }

  @Test("13.18: long texts are dropped before the balancing, or after it as published")
  func length() throws {
    var options = TrainingMix.Options()
    options.lengthLimit = 10
    let pass = trajectories(4, updates: 1) + trajectories(20, updates: 0, from: 4)
    let length: (String) -> Int = { $0.contains("Updated") && $0.contains("Q: (0)") ? 11 : 10 }
    let (_, before) = try mixed([pass], options: options, length: length)
    #expect(before.improvements == 3 && before.others == 2 && before.tooLong == 1)
    options.compatibility.dropBeforeBalance = false
    let (_, after) = try mixed([pass], options: options, length: length)
    #expect(after.improvements == 3 && after.others == 3 && after.tooLong == 1)
  }

  @Test("the same seed gives the same texts in the same order, another seed another order")
  func seeds() throws {
    let pass = trajectories(20, updates: 1)
    let texts = try mixed([pass], truths: 50).texts
    #expect(try mixed([pass], truths: 50).texts == texts)
    #expect(try mixed([pass], truths: 50, seed: 2).texts != texts)
  }

  @Test(
    "a wanted share is converted as 6.3 says",
    arguments: [(0.05, 0.105), (0.2, 0.5), (0.43, 1.51), (0.56, 2.55), (0.7, 4.67)])
  func ratio(share: Double, ratio: Double) {
    #expect(abs(TrainingMix.Options.ratio(forShare: share) - ratio) < 0.006)
  }

  @Test("a row comes back from its JSON; a rationale row has no feedback")
  func rows() throws {
    let row = try #require(TrainingText(rationaleOf: Sample.question, task: Sample.task))
    #expect(row.segments == [.init(text: Sample.prediction(Sample.steps), weight: 1)])
    #expect(TrainingText(row.json) == row)
    #expect(try TrainingText(JSONValue(parsing: row.json.serialized)) == row)
    #expect(TrainingText(["id": "x"]) == nil)
    #expect(TrainingText(["id": "x", "segments": [["text": "a"]]]) == nil)
  }
}
