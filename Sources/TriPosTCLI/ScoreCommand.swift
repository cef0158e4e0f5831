import ArgumentParser
import Boundary
import Llama
import QuantKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Prints how likely a model finds a text.
struct ScoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score",
    abstract: "Prints the log-probability of every token of a text, and its perplexity.",
    discussion: """
      Logarithms are natural. nll is the mean over all tokens but the first, whose \
      log-probability is null; perplexity is exp(nll). Row i of top has the likeliest tokens \
      after token i.

      Examples:
        tripost score -m model.gguf -p "Once upon a time"
        tripost score -m model.gguf -f text.txt --json
        tripost score -m model.gguf -p "Once upon a" --logits-top 5 --json
      """)

  @OptionGroup var model: LoadedModelOption
  @OptionGroup var adapter: AdapterOptions
  @OptionGroup var text: TextOptions
  @OptionGroup var encoding: EncodingFlags
  @OptionGroup var cache: CacheOptions
  @OptionGroup var threads: ThreadOption

  @Option(help: ArgumentHelp("Adds the k likeliest tokens of every position.", valueName: "k"))
  var logitsTop = 0

  @Flag(help: #"Print {"tokens":[…],"logprobs":[null, …],"nll":…,"perplexity":…}."#)
  var json = false

  func validate() throws {
    try text.requireOne()
    try check("--logits-top", logitsTop, in: 0...Limits.vocabulary.upperBound)
  }

  func run() throws {
    threads.apply()
    let bytes = try text.bytes()
    let model = try model.load()
    let ids = encoding.tokens(bytes, model.tokenizer)
    guard (2...model.contextLength).contains(ids.count) else {
      throw InputError(
        .textFits, file: text.file, found: "a text of \(ids.count) tokens",
        allowed: "2 to \(model.contextLength) tokens long, the model's context")
    }
    let scorer = try Scorer(
      model, updates: try adapter.updates(for: model), cache: cache.types(else: .f32))
    let scores = try Scores(of: ids, by: scorer, top: logitsTop)
    try Console.print(json ? scores.json.serialized : scores.description(model.tokenizer))
  }
}

extension InputError.Rule {
  fileprivate static let textFits = Self("GGUF-M13", exit: .mismatch)
}

/// The log-probabilities of one text.
private struct Scores {
  typealias Likely = (id: Int, logProbability: Double)

  let ids: [Int]
  /// Of every token but the first; nats.
  private var logProbabilities: [Double] = []
  /// The likeliest tokens after each token, the lower id first on a tie.
  private var top: [[Likely]] = []
  private let wantsTop: Bool

  init(of ids: [Int], by scorer: Scorer, top count: Int) throws {
    self.ids = ids
    wantsTop = count > 0
    try scorer.forEachPosition(of: ids) { position, logits, row in
      try Stopped.check()
      let total = logSumExp(logits, row: row)
      let values = logits.row(row)
      if position + 1 < ids.count {
        logProbabilities.append(Double(values[ids[position + 1]] - total))
      }
      if wantsTop {
        let order = values.indices.sorted { (-values[$0], $0) < (-values[$1], $1) }
        top.append(order.prefix(count).map { ($0, Double(values[$0] - total)) })
      }
    }
  }

  /// The mean over all tokens but the first; nats.
  var negativeLogLikelihood: Double {
    -logProbabilities.reduce(0, +) / Double(logProbabilities.count)
  }

  var json: JSONValue {
    var object: JSONObject = [
      "tokens": .array(ids.map { .integer(Int64($0)) }),
      "logprobs": .array([.null] + logProbabilities.map { .number($0) }),
      "nll": .number(negativeLogLikelihood), "perplexity": .number(exp(negativeLogLikelihood)),
    ]
    if wantsTop {
      object["top"] = .array(
        top.map { likely in
          .array(
            likely.map { ["id": .integer(Int64($0.id)), "logprob": .number($0.logProbability)] })
        })
    }
    return .object(object)
  }

  func description(_ tokenizer: any Tokenizer) -> String {
    func row(_ id: Int, _ logProbability: Double?) -> String {
      let number = logProbability.map { rounded($0) } ?? "-"
      return "\(padded(number, to: 9))  \(escaped(tokenizer.piece(id)))"
    }
    var lines: [String] = []
    for (index, id) in ids.enumerated() {
      lines.append(row(id, index == 0 ? nil : logProbabilities[index - 1]))
      if wantsTop { lines += top[index].map { "    after it: " + row($0.id, $0.logProbability) } }
    }
    lines.append("nll \(rounded(negativeLogLikelihood)) nats a token")
    lines.append("perplexity \(rounded(exp(negativeLogLikelihood)))")
    return lines.joined(separator: "\n")
  }

  private func rounded(_ value: Double) -> String { "\((value * 1e4).rounded() / 1e4)" }
}
