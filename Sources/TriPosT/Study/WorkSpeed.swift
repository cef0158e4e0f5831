import Boundary
public import Llama
import LoRA
import QuantKernels

/// How fast this machine works with a model, in tokens a second, and the memory it takes; measured in some seconds.
public struct WorkSpeed: Sendable {
  public let prompt: Double
  /// Many sequences at once, all of them together.
  public let generated: Double
  public let trained: Double
  /// Bytes: the peak of this process while it trained, and keys and values of all sequences in flight.
  public let memory: Int

  /// - Parameters:
  ///   - model: What is measured.
  ///   - parallel: Sequences in flight.
  ///   - positions: Of the longest of them.
  ///   - batch: Rows of a training step.
  ///   - tokens: Of a row.
  /// - Throws: `InputError` when the model cannot be trained.
  public init(
    _ model: LlamaModel, parallel: Int, positions: Int, batch: Int, tokens: Int
  ) throws {
    let context = model.contextLength
    let length = max(2, min(tokens, context))
    let timer = try ModelTimer(model, cache: .init())
    let prompts = min(256, context)
    prompt = Double(prompts) / timer.prefill(prompts)
    let width = min(parallel, 64)
    let steps = min(8, context / 2)
    let prefix = min(length / 2, context - steps)
    generated =
      Double(width * steps) / timer.decode(steps, sequences: width, prefix: prefix)
    trained =
      Double(batch * length) / (try Trainer.secondsPerStep(model, rows: batch, tokens: length))
    let pages = (min(positions, context) + KeyValueStore.pageLength - 1) / KeyValueStore.pageLength
    memory = Processors.peakMemory + width * pages * model.configuration.pageBytes(.init())
  }

  /// For tests.
  init(prompt: Double, generated: Double, trained: Double, memory: Int) {
    self.prompt = prompt
    self.generated = generated
    self.trained = trained
    self.memory = memory
  }
}
