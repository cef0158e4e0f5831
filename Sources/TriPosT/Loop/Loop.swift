import Boundary
import Llama
import LoRA

/// The whole of TriPosT (docs/tripost.md, 3.1): the student learns rationales, then practises, has its attempts
/// edited, and learns from the edited ones, a number of times.
///
/// Every step is a stage of the run folder. A stage is a function of files in the folder, the
/// configuration and the student's adapter, so it can be cut off anywhere and done again.
public final class Loop {
  let configuration: RunConfiguration
  let course: Course
  let student: any Student
  let folder: RunFolder
  let modelDigest: String
  let seconds: () -> Double
  let report: (RunEvent) throws -> Void
  /// The iteration whose adapter the student has.
  var current: Int?
  /// The speed of the stage at work.
  var meter = Meter(start: 0)

  /// - Parameters:
  ///   - configuration: What to run.
  ///   - course: Its questions, and those who judge and mend attempts.
  ///   - student: Who learns.
  ///   - folder: Where it is put on record.
  ///   - modelDigest: SHA-256 of the base, which training checkpoints are bound to.
  ///   - seconds: The time on a clock that never goes back; only for what is shown.
  ///   - report: Sees what happens; may throw to stop.
  public init(
    _ configuration: RunConfiguration, course: Course, student: any Student, folder: RunFolder,
    modelDigest: String, seconds: @escaping () -> Double = { 0 },
    report: @escaping (RunEvent) throws -> Void = { _ in }
  ) {
    self.configuration = configuration
    self.course = course
    self.student = student
    self.folder = folder
    self.modelDigest = modelDigest
    self.seconds = seconds
    self.report = report
  }

  /// Runs every stage that is not on record.
  ///
  /// - Throws: `InputError` with exit code 129, 130 or 143 when a signal asked to stop; the folder then
  ///   has everything that was done.
  public func run() throws -> ResultTable {
    try reportStart()
    try takeOverOpening()
    try open()
    for round in stride(from: 1, through: method.rounds.count(of: configuration.iterations), by: 1)
    {
      guard try teach(round) else { break }
      try evaluate(round, method.tests)
    }
    try folder.end("all iterations are done")
    return try ResultTable(folder.manifest, in: folder.path)
  }

  var method: Method { configuration.method }

  /// The stages before the first round.
  private func open() throws {
    switch method.opening {
    case .rationales:
      try chooseOpening { TrainingText(rationaleOf: $0, task: self.course.task(of: $0)) }
      try train(0)
      try evaluate(0, [.single])
    case .answers:
      try chooseOpening(TrainingText.init(answerTo:))
      try train(0)
      try evaluate(0, [.answerOnly])
    case .prompt: try evaluate(0, [.fewShot])
    }
  }

  /// The stages of a round before its test; false when the run ends here.
  private func teach(_ round: Int) throws -> Bool {
    switch method.material {
    case .none: return true
    case .trajectories(let author):
      try practise(round, attemptsBy: author)
      try chooseTexts(round)
    case .samples(let samples):
      try sampleAnswers(round, samples)
      try chooseSamples(round, samples)
    case .rationales: try repeatRationales(round)
    }
    guard try hasEnough(round) else { return false }
    try train(round)
    return true
  }

  private func reportStart() throws {
    for note in course.notes { try report(.note(note)) }
    for name in folder.leftovers {
      try report(.note("removed \(name), left by a run that was killed"))
    }
    let done = folder.manifest.records.count
    if folder.manifest.ended != nil {
      try report(.note("the run is complete; nothing to do"))
    } else if done > 0 {
      try report(.note("going on after \(done) complete stages"))
    }
  }

  /// Whether there are texts enough to train on; ends the run when there are not.
  private func hasEnough(_ iteration: Int) throws -> Bool {
    let count = folder.record(.mix, iteration)?.facts["texts"]?.int ?? 0
    if count >= max(configuration.mix.minDataLength, 1) { return true }
    let reason = "iteration \(iteration) has \(count) texts, fewer than mix.min_data_length"
    try folder.end(reason)
    try report(.note("the run ends early: " + reason))
    return false
  }

  func stream(_ purpose: String, _ indices: Int...) -> RandomStream {
    let name = ([purpose] + indices.map(String.init)).joined(separator: "/")
    return RandomStream(seed: UInt64(configuration.seed), name)
  }

  /// The iteration whose adapter the student has after a round: of the newest one that trained; nil for none.
  func trained(upTo iteration: Int) -> Int? {
    stride(from: iteration, through: 0, by: -1).first { folder.record(.train, $0) != nil }
  }

  /// The iteration whose adapter a round goes on from; nil for a new adapter.
  func start(of round: Int) -> Int? {
    switch (round, method.start) {
    case (0, _): nil
    case (_, .latest): round - 1
    case (_, .opening): 0
    }
  }

  /// Gives the student the adapter of an iteration.
  func use(_ iteration: Int) throws {
    guard current != iteration else { return }
    try student.loadAdapter(folder.url(RunFolder.name(iteration, "adapter")))
    current = iteration
  }

  /// The files of an iteration's adapter.
  func adapterFiles(_ iteration: Int) -> [String] {
    (folder.record(.train, iteration)?.outputs.keys.sorted() ?? [])
  }

  /// The smallest of the limits on a training text's tokens.
  var lengthLimit: Int { min(configuration.train.maxLength, student.contextLength) }

  /// Does a stage unless it is on record, with its events around it.
  func stage(
    _ stage: RunManifest.Stage, _ name: RunEvent.StageName, inputs: [String],
    _ body: () throws -> (facts: JSONObject, outputs: [String])
  ) throws {
    if folder.record(stage, name.iteration) != nil { return }
    try Interruption.check(folder.path)
    try report(.stageBegan(name))
    meter = Meter(start: seconds())
    let record = try folder.complete(
      stage, name.iteration, inputs: inputs, seconds: seconds, leastSeconds: leastSeconds, body)
    try report(.stageEnded(name, numbers: record.facts, seconds: record.seconds))
  }

  /// What a stage's tokens take at the machine's peak; prompts that begin alike count whole.
  private func leastSeconds(_ facts: JSONObject) -> Double? {
    func tokens(_ key: String) -> Int { facts[key]?.int ?? 0 }
    return student.leastSeconds(
      inferred: tokens("prompt_tokens") + tokens("generated_tokens"),
      trained: tokens("trained_tokens"), backward: configuration.train.backward)
  }

  /// Tells how far a stage is, and stops it when a signal has asked for that.
  func progress(
    _ name: RunEvent.StageName, _ done: Int, of total: Int, unit: String, loss: Double? = nil
  ) throws {
    try report(
      .progress(
        name,
        .init(
          done: done, total: total, unit: unit, tokens: meter.tokens, seconds: meter.seconds,
          loss: loss)))
  }
}

/// Tokens and time of a stage in this process.
struct Meter {
  let start: Double
  private(set) var tokens = 0
  private(set) var seconds = 0.0

  init(start: Double) { self.start = start }

  mutating func add(_ tokens: Int, at now: Double) {
    self.tokens += tokens
    seconds = now - start
  }

  /// For the record of something that took this long.
  var clock: JSONObject {
    [
      "seconds": .number(rounded(seconds)),
      "tokens_per_s": seconds > 0 ? .number(rounded(Double(tokens) / seconds)) : .null,
    ]
  }
}

/// A time or rate to three decimals, which is all it is good for.
func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }

extension Interruption {
  /// Throws when a signal has asked to stop.
  static func check(_ folder: String) throws {
    guard let code = requested else { return }
    throw InputError(
      .init("SYS-06", exit: code), file: folder, found: "stopped by a signal; all work is kept",
      hints: ["the same command with --resume goes on"])
  }
}
