public import ArgumentParser
import Boundary
public import Llama
import LoRA

/// The rows that are trained on, and those that are kept apart.
struct TrainingDataOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The rows, JSONL.", valueName: "file"), transform: filePath)
  var data: String

  @Option(
    help: ArgumentHelp(
      "How rows of messages are written, where the model's file does not say it in a way that is known here.",
      valueName: "name"))
  var chatTemplate: ChatTemplate.Format?

  @Option(
    help: ArgumentHelp("Rows to evaluate on; the best step is exported.", valueName: "file"),
    transform: filePath)
  var valData: String?

  @Option(
    help: ArgumentHelp(
      "The share of the rows that is kept apart to evaluate on, chosen by the seed.",
      valueName: "share"))
  var valSplit: Double?

  @Option(help: "Steps between evaluations. (default: 50)")
  var evalEvery: Int?

  @Option(
    help: ArgumentHelp(
      "Stop after so many evaluations in a row without a lower loss.", valueName: "count"))
  var earlyStoppingPatience: Int?

  func validate() throws {
    try check("--eval-every", evalEvery ?? 1, in: 1...Int.max)
    try check("--early-stopping-patience", earlyStoppingPatience ?? 1, in: 1...Int.max)
    try check("--val-split", valSplit ?? 0.5, in: 0.000_001...0.999_999)
    guard valData == nil || valSplit == nil else {
      throw ValidationError(
        "Rows to evaluate on come from --val-data or --val-split, not from both")
    }
    let evaluates = valData != nil || valSplit != nil
    guard evaluates || (evalEvery == nil && earlyStoppingPatience == nil) else {
      throw ValidationError("Evaluations need rows: --val-data or --val-split")
    }
  }

  /// What training takes, and the counts for the log; tells on standard error what is odd about the rows.
  func load(
    for model: LlamaModel, seed: UInt64
  ) throws -> (rows: [TrainingRow], validation: Validation?, counts: JSONObject) {
    let data = try read(data, for: model)
    var (rows, counts) = (data.rows, data.counts)
    var apart: [TrainingRow] = []
    if let valData {
      apart = try read(valData, for: model).rows
      try Validation.checkApart(apart, from: rows, file: valData)
    } else if let valSplit {
      (rows, apart) = try Validation.split(rows, share: valSplit, seed: seed, file: self.data)
    }
    guard !apart.isEmpty else { return (rows, nil, counts) }
    counts["validation_rows"] = .integer(Int64(apart.count))
    let validation = Validation(
      rows: apart, interval: evalEvery ?? 50, patience: earlyStoppingPatience)
    return (rows, validation, counts)
  }

  /// The row of a number, counted from 1 as in the file without blank lines.
  func row(_ number: Int, for model: LlamaModel) throws -> TrainingRow {
    let rows = try TrainingData.everyRow(of: data, tokenizer: model.tokenizer) {
      try template(for: model)
    }
    guard rows.indices.contains(number - 1) else {
      throw InputError(
        .rowExists, file: data, at: .init(field: "--show-row"), found: "\(number)",
        allowed: "one of its \(rows.count) rows")
    }
    let row = rows[number - 1]
    return row.tokens.count > model.contextLength ? row.cut(to: model.contextLength) : row
  }

  private func read(_ path: String, for model: LlamaModel) throws -> TrainingData {
    let data = try TrainingData(
      reading: path, tokenizer: model.tokenizer, contextLength: model.contextLength
    ) { try template(for: model) }
    for warning in data.warnings { Console.warn("\(path): \(warning)") }
    return data
  }

  private func template(for model: LlamaModel) throws -> ChatTemplate {
    try chatTemplate.map { ChatTemplate($0) } ?? ChatTemplate(of: model)
  }
}

extension InputError.Rule {
  fileprivate static let rowExists = Self("CFG-16", exit: .usage)
}

extension ChatTemplate.Format: ExpressibleByArgument {}
