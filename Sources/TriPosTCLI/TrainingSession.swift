import Boundary
import LoRA
import QuantKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// One process' share of a training: goes on from the newest checkpoint, logs, shows how far it is.
final class TrainingSession {
  /// The last step done by this process.
  private(set) var last: StepReport?
  private let trainer: Trainer
  private let checkpoints: CheckpointFolder
  private let log: TrainingLog
  private let progress: ConsoleProgress
  private let start = ContinuousClock.now
  private var tokens = 0

  /// - Parameters:
  ///   - trainer: At its beginning; brought to the newest checkpoint.
  ///   - checkpoints: Where these are.
  ///   - folder: Where the log is.
  ///   - formats: Its formats.
  ///   - counts: What is known of the rows.
  /// - Throws: `InputError` as restoring a checkpoint and opening a log do.
  init(
    _ trainer: Trainer, _ checkpoints: CheckpointFolder, folder: String,
    reportTo formats: Set<TrainingLog.Format>, counts: JSONObject
  ) throws {
    for warning in try checkpoints.restore(trainer) ?? [] { Console.warn(warning) }
    self.trainer = trainer
    self.checkpoints = checkpoints
    log = try TrainingLog(folder, formats: formats, upTo: trainer.step, time: Console.time)
    try log.record(data: counts)
    progress = ConsoleProgress("train", before: trainer.step)
  }

  /// Trains to the end, or until a signal asks to stop.
  func run(saveEvery interval: Int) throws {
    let ended = try trainer.run(
      checkpoints: checkpoints, every: interval, goesOn: { Interruption.requested == nil },
      onEvaluation: { try evaluated($0) }
    ) { report in
      try stepped(report)
      // A checkpoint may not be ahead of the steps on record.
      if report.step.isMultiple(of: interval) { try log.sync() }
      return Interruption.requested == nil
    }
    progress.finish()
    if !ended { try Stopped.check() }
    guard let best = trainer.record.best else { return }
    let why = trainer.step < trainer.steps ? "; patience ran out at step \(trainer.step)" : ""
    StandardStreams.writeError(
      "best: step \(best.step), validation \(Self.words(best.loss))\(why)\n")
  }

  private func stepped(_ report: StepReport) throws {
    last = report
    tokens += report.tokens
    try log.record(report, clock: clock)
    progress.update(
      done: report.step, of: report.steps, tokens: tokens,
      facts: [
        Self.words(report.loss), "lr \(Self.short(report.learningRate))",
        "grad norm \(Self.short(report.gradientNorm))", "\(ByteSize(bytes: Processors.memory))",
      ])
  }

  private func evaluated(_ report: EvaluationReport) throws {
    try log.record(report, clock: ["time": .number(Console.time)])
    try log.sync()
    StandardStreams.writeError(
      "step \(report.step): validation \(Self.words(report.loss))\(report.isBest ? ", the best" : "")\n"
    )
  }

  private var clock: JSONObject {
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    return [
      "time": .number(Console.time),
      "tokens_per_s": .number((Double(tokens) / max(seconds, 1e-9) * 10).rounded() / 10),
    ]
  }

  private static func words(_ loss: Double) -> String { ConsoleProgress.words(loss: loss) }

  /// A number in three digits: `0.0532`, `1.87e-05`.
  private static func short(_ value: Double) -> String {
    guard value.isFinite, value != 0 else { return "\(value)" }
    let unit = pow(10, log10(abs(value)).rounded(.down) - 2)
    return "\(Float((value / unit).rounded() * unit))"
  }
}
