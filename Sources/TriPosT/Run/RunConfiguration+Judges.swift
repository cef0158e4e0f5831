import Boundary

extension RunConfiguration {
  /// Who judges or mends attempts, and how they are asked (docs/tripost.md, 4 and 5).
  public struct JudgeSettings: Equatable, Sendable {
    public enum Kind: String, CaseIterable, Sendable {
      /// The task's own script.
      case script
      /// A model behind `endpoint.url`.
      case endpoint
      /// A second GGUF.
      case model
      /// A program of the user's.
      case program
    }

    public var kind = Kind.script
    public var model = ""
    public var program = ""
    public var temperature: Double
    public var maxTokens: Int

    init(temperature: Double, maxTokens: Int) {
      self.temperature = temperature
      self.maxTokens = maxTokens
    }
  }

  /// An OpenAI-compatible server, and what may be asked of it.
  public struct EndpointSettings: Equatable, Sendable {
    public enum API: String, CaseIterable, Sendable {
      case chat, completions
    }

    static let allFields = ["temperature", "max_tokens", "max_completion_tokens", "stop", "seed"]

    public var url = ""
    public var model = ""
    public var api = API.chat
    public var apiKeyEnv = ""
    public var fields = ["temperature", "max_tokens", "stop", "seed"]
    public var concurrency = 8
    public var timeout = 600.0
    /// Ceilings; 0 is none.
    public var maxRequests = 0
    public var maxTokens = 0
    public var maxCost = 0.0
    /// Of a million tokens.
    public var inputPrice = 0.0
    public var outputPrice = 0.0
    public var maxInvalidRatio = 0.2
    public var pinModel = false
    public var allowInsecure = false
  }

  /// The settings of both judges, by role.
  var judges: [(role: ReplyRole, settings: JudgeSettings)] {
    [(.feedback, feedback), (.improvement, improvement)]
  }

  func uses(_ kind: JudgeSettings.Kind) -> Bool { judges.contains { $0.settings.kind == kind } }

  /// What is wrong with the settings of the judges.
  func judgeDisagreements(file: String?) -> [InputError] {
    var problems: [InputError] = []
    func refuse(
      _ found: String, _ rule: InputError.Rule = .settingsAgree, _ hints: [String] = []
    ) {
      problems.append(InputError(rule, file: file, found: found, hints: hints))
    }
    for (role, judge) in judges {
      let name = role.rawValue
      if judge.kind == .model, judge.model.isEmpty {
        refuse("\"\(name).kind: model\" needs \"\(name).model\", a GGUF file")
      }
      if judge.kind == .program, judge.program.words.isEmpty {
        refuse("\"\(name).kind: program\" needs \"\(name).program\"")
      }
    }
    if Set(["max_tokens", "max_completion_tokens"]).isSubset(of: endpoint.fields) {
      refuse("\"endpoint.fields\" names max_tokens and max_completion_tokens")
    }
    guard uses(.endpoint) else { return problems }
    if endpoint.url.isEmpty || endpoint.model.isEmpty {
      refuse("\"kind: endpoint\" needs \"endpoint.url\" and \"endpoint.model\"")
      return problems
    }
    switch EndpointAddress.parse(endpoint.url) {
    case .failure(var problem):
      problem.file = file
      problems.append(problem)
    case .success(let address):
      if !address.isSecure, !address.isLoopback, !endpoint.allowInsecure {
        refuse(
          "\"endpoint.url\" sends everything over plain http to another machine",
          .insecureAddress, ["endpoint.allow_insecure: true allows it"])
      }
    }
    if endpoint.maxCost > 0, endpoint.inputPrice == 0, endpoint.outputPrice == 0 {
      refuse(
        "\"endpoint.max_cost\" needs \"endpoint.input_price\" and \"endpoint.output_price\"",
        .priceUnknown)
    }
    let variable = endpoint.apiKeyEnv
    let isName = variable.utf8.allSatisfy {
      isDigit($0) || isCapital($0 & ~0x20) || $0 == UInt8(ascii: "_")
    }
    if !isName || variable.utf8.first.map(isDigit) == true {
      // Not shown, because it may be the key itself.
      refuse(
        "\"endpoint.api_key_env\" is not the name of an environment variable", .noSecret,
        ["put the key into a variable and its name here"])
    }
    return problems
  }
}
