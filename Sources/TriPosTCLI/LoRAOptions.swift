import ArgumentParser
import Boundary
import Llama
import LoRA

/// The adapter that training begins with.
struct LoRAOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Go on from this adapter, with its rank, scale and targets, in the place of a new one.",
      valueName: "path"),
    transform: filePath)
  var lora: String?

  @Option(
    name: [.long, .customLong("lora-r"), .customShort("r")],
    help: ArgumentHelp("The adapter's rank. (default: 16)", valueName: "rank"))
  var loraRank: Int?

  @Option(
    help: ArgumentHelp("The update is scaled by alpha / rank. (default: 32)", valueName: "alpha"))
  var loraAlpha: Double?

  @Option(
    help: ArgumentHelp(
      "Ranks of single modules: down_proj=32,blk.0.attn_q=8.", valueName: "names=ranks"),
    transform: modulePattern)
  var loraRankPattern: ModulePattern?

  @Option(
    help: ArgumentHelp("Alphas of single modules.", valueName: "names=alphas"),
    transform: modulePattern)
  var loraAlphaPattern: ModulePattern?

  @Flag(help: "Scale by alpha / √rank instead (rsLoRA).")
  var rslora = false

  @Flag(help: "Train magnitudes of the outputs beside A and B (DoRA).")
  var dora = false

  @Option(
    name: [.long, .customLong("lora-modules"), .customLong("target-modules")],
    help: ArgumentHelp(
      "Projections: q_proj or attn_q, and so on. (default: all-linear)", valueName: "names"))
  var loraTargets: String?

  @Option(help: "The share of the updates' inputs dropped in training.")
  var loraDropout = 0.0

  func validate() throws {
    try check("--lora-rank", loraRank ?? 1, in: 1...1024)
    try check("--lora-alpha", loraAlpha ?? 1, in: 1e-6...1e6)
    for (name, rank) in loraRankPattern?.entries ?? [] {
      try check("--lora-rank-pattern \(name)", Int(exactly: rank) ?? 0, in: 1...1024)
    }
    for (name, alpha) in loraAlphaPattern?.entries ?? [] {
      try check("--lora-alpha-pattern \(name)", alpha, in: 1e-6...1e6)
    }
    try check("--lora-dropout", loraDropout, in: 0...0.9)
    _ = try projections()
    let givesShape =
      loraRank != nil || loraAlpha != nil || loraRankPattern != nil || loraAlphaPattern != nil
      || loraTargets != nil || rslora || dora
    guard lora == nil || !givesShape else {
      throw ValidationError("An adapter given with --lora has its own rank, scale and targets")
    }
  }

  /// The adapter as it is before the first step.
  ///
  /// - Throws: `InputError` as reading an adapter does; CFG-16 when a pattern names nothing.
  func adapter(for model: LlamaModel, digest: String, seed: UInt64) throws -> Adapter {
    if let lora {
      let adapter = try Adapter.read(lora, shape: model.configuration, baseDigest: digest)
      for warning in adapter.warnings { Console.warn(warning) }
      return adapter.onBase(digest: digest, name: model.name)
    }
    let (ranks, alphas) = (loraRankPattern ?? .init(), loraAlphaPattern ?? .init())
    let adapter = Adapter(
      shape: model.configuration, projections: try projections(), rank: loraRank ?? 16,
      alpha: Float(loraAlpha ?? 32), ranks: ranks, alphas: alphas, isRankStabilized: rslora,
      seed: seed, baseDigest: digest, baseName: model.name)
    for (flag, pattern) in [("--lora-rank-pattern", ranks), ("--lora-alpha-pattern", alphas)] {
      for (name, _) in pattern.entries
      where !adapter.parts.contains(where: { $0.site.isNamed(name) }) {
        throw InputError(
          .patternNamesModule, at: .init(field: flag), found: "\"\(name)\"",
          allowed: "a module that the adapter changes")
      }
    }
    for warning in adapter.warnings { Console.warn(warning) }
    return dora ? adapter.withMagnitudes(of: model.weights) : adapter
  }

  /// The projections that `--lora-targets` names, in GGUF's or Hugging Face's words.
  private func projections() throws -> [Projection] {
    guard let loraTargets, loraTargets != "all-linear" else { return Projection.allCases }
    return try loraTargets.split(separator: ",").map { name in
      guard let found = Projection(named: String(name)) else {
        let names = Projection.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("'\(name)' of --lora-targets is none of \(names)")
      }
      return found
    }
  }
}

extension InputError.Rule {
  fileprivate static let patternNamesModule = Self("CFG-16", exit: .usage)
}

/// Numbers of modules from the command line: `down_proj=32,blk.0.attn_q=8`.
private func modulePattern(_ argument: String) throws -> ModulePattern {
  ModulePattern(
    try argument.split(separator: ",", omittingEmptySubsequences: false).map { entry in
      let halves = entry.split(separator: "=", omittingEmptySubsequences: false)
      guard halves.count == 2, !halves[0].isEmpty, let value = Double(halves[1]) else {
        throw ValidationError("'\(entry)' has to be a module's name, = and a number")
      }
      return (String(halves[0]), value)
    })
}
