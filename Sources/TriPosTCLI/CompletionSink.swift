import Boundary
import Llama
import QuantKernels

/// Where completions go, each under its number: the prompt's, times the samples of a prompt, plus the sample's.
protocol CompletionSink: AnyObject {
  /// The numbers that are not there yet, ascending.
  var missing: [Int] { get }

  func add(_ completion: Completion, number: Int) throws

  /// Called after each pass of the model.
  func passEnded() throws

  /// Called when nothing is missing any more.
  func finish() throws
}

/// Completions on standard output.
final class CompletionPrinter: CompletionSink {
  private let count: Int
  private let nSamples: Int
  private let asJSON: Bool
  private var queue: RowQueue<String>

  init(count: Int, nSamples: Int, isOrdered: Bool, asJSON: Bool) {
    self.count = count
    self.nSamples = nSamples
    self.asJSON = asJSON
    queue = RowQueue(isOrdered: isOrdered)
  }

  var missing: [Int] { Array(0..<count) }

  func add(_ completion: Completion, number: Int) throws {
    for text in queue.add(words(of: completion, number: number), number: number) {
      try Console.print(text)
    }
  }

  func passEnded() {}
  func finish() {}

  private func words(of completion: Completion, number: Int) -> String {
    if asJSON {
      return JSONValue.object(completion.row(number: number, nSamples: nSamples)).serialized
    }
    if count == 1 { return completion.text }
    let (prompt, sample) = number.quotientAndRemainder(dividingBy: nSamples)
    let title = "prompt \(prompt), sample \(sample): \(completion.finishReason.rawValue)"
    return "--- \(title)\n\(completion.text)"
  }
}

/// Completions in a file that can be gone on with.
final class CompletionFile: CompletionSink {
  private let rows: ResumableRows
  private let nSamples: Int
  private var lastSync = ContinuousClock.now
  let missing: [Int]

  init(
    _ path: String, count: Int, nSamples: Int, isOrdered: Bool, origin: JSONObject,
    isResuming: Bool
  ) throws {
    self.nSamples = nSamples
    rows = try ResumableRows(
      path, count: count, isOrdered: isOrdered, origin: origin, isResuming: isResuming)
    missing = rows.missing
  }

  func add(_ completion: Completion, number: Int) throws {
    try rows.add(completion.row(number: number, nSamples: nSamples), number: number)
  }

  /// A loss of power costs what the last second brought.
  func passEnded() throws {
    guard ContinuousClock.now - lastSync >= .seconds(1) else { return }
    try rows.sync()
    lastSync = .now
  }

  func finish() throws { try rows.finish() }
}

extension Completion {
  /// The completion as one line of JSONL.
  fileprivate func row(number: Int, nSamples: Int) -> JSONObject {
    let (prompt, sample) = number.quotientAndRemainder(dividingBy: nSamples)
    return [
      "prompt_index": .integer(Int64(prompt)), "sample_index": .integer(Int64(sample)),
      "text": .string(text), "tokens": .array(tokens.map { .integer(Int64($0)) }),
      "finish_reason": .string(finishReason.rawValue),
    ]
  }
}

/// How fast completions were made, in one line.
struct GenerationReport: CustomStringConvertible {
  private let start = ContinuousClock.now
  private(set) var completions = 0
  private var promptTokens = 0
  private var newTokens = 0

  mutating func add(_ completion: Completion, promptTokens: Int) {
    completions += 1
    self.promptTokens += promptTokens
    newTokens += completion.tokens.count
  }

  var description: String {
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    func rate(_ tokens: Int) -> String {
      "\(tokens) tokens, \(rounded(Double(tokens) / seconds))/s"
    }
    return "generate: \(completions) in \(rounded(seconds)) s  prompts \(rate(promptTokens))"
      + "  new \(rate(newTokens))  peak memory \(ByteSize(bytes: Processors.peakMemory))"
  }

  private func rounded(_ number: Double) -> String {
    number < 100 ? "\((number * 10).rounded() / 10)" : "\(Int(number.rounded()))"
  }
}
