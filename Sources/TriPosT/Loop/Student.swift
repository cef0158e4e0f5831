public import Boundary
public import Llama
public import LoRA
public import QuantKernels

/// One text for the student to go on from.
public struct StudentRequest: Sendable {
  /// Names the request within its stage; a journal knows a finished one by it.
  public let key: String
  public let prompt: String
  public let maxNewTokens: Int
  public let sampling: SamplingOptions
  /// Its own random numbers, so that the answer does not depend on what else is asked.
  public let stream: RandomStream
}

/// What the student wrote after the prompt.
public struct StudentAnswer: Equatable, Sendable {
  public let text: String
  /// How many tokens it generated.
  public let tokens: Int
  /// Whether it ended the text by itself, and not at the limit.
  public let endedByEOS: Bool

  public init(text: String, tokens: Int, endedByEOS: Bool) {
    self.text = text
    self.tokens = tokens
    self.endedByEOS = endedByEOS
  }
}

/// The small model that is trained, as the loop sees it; tests give the loop a scripted one.
///
/// It has one adapter at a time. Everything it does is a function of the model, that adapter and the
/// arguments; nothing else is remembered between calls.
public protocol Student: AnyObject {
  /// The longest text in tokens, prompt and answer together.
  var contextLength: Int { get }

  /// The tokens of a training text, with those that begin and end it.
  func tokenCount(of text: String) -> Int

  /// Goes on from every prompt.
  ///
  /// - Parameters:
  ///   - requests: Any number; each answer depends on its own request and the adapter only.
  ///   - progress: Gets the tokens generated so far, now and then; what it throws stops the work.
  ///   - each: Gets the place of a request and its answer, once for each, in any order; what it
  ///     throws stops the work.
  /// - Throws: What the closures throw, or what keeps the model from going on.
  func complete(
    _ requests: [StudentRequest], progress: (_ tokens: Int) throws -> Void,
    each: (_ index: Int, _ answer: StudentAnswer) throws -> Void
  ) throws

  /// Takes a new adapter that changes nothing yet; its values are a function of the seed.
  func beginAdapter(seed: UInt64) throws

  /// Takes the adapter of a folder that `saveAdapter` wrote.
  func loadAdapter(_ folder: String) throws

  /// Writes the adapter in the formats that other programs read; replaces what is there.
  func saveAdapter(_ folder: String) throws

  /// Trains the adapter, from its newest checkpoint on when there is one.
  ///
  /// - Parameters:
  ///   - texts: None longer than the context.
  ///   - options: Everything else that decides what training does.
  ///   - checkpoints: Where to save, at the end and when it is stopped.
  ///   - interval: Steps between other checkpoints.
  ///   - note: Gets what was wrong with checkpoints that could not be used.
  ///   - each: Sees every step done by this process; false stops after it.
  /// - Returns: Whether training has ended.
  /// - Throws: What `each` throws; `InputError` when loss or gradients are not finite.
  func learn(
    from texts: [TrainingText], options: TrainingOptions, checkpoints: CheckpointFolder,
    every interval: Int, note: (String) throws -> Void, each: (StepReport) throws -> Bool
  ) throws -> Bool

  /// The mean loss of the texts' tokens under their weights, in nats a token.
  func loss(of texts: [TrainingText]) throws -> Double

  /// The seconds that tokens read or written, and tokens trained on with gradients in `backward`, take at the peak
  /// of this machine; nil where that is not known.
  func leastSeconds(inferred: Int, trained: Int, backward: BackwardPrecision?) -> Double?
}

extension Student {
  public func leastSeconds(
    inferred: Int, trained: Int, backward: BackwardPrecision?
  ) -> Double? { nil }
}
