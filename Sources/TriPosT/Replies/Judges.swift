import Boundary
import Llama

/// Who judges and mends the attempts of a run, where these are no scripts.
struct Judges {
  let desk: ReplyDesk
  let critic: (any Critic)?
  let improver: (any Improver)?
  /// SHA-256 of what decides their replies besides the settings, by the setting that names it.
  let digests: [String: String]

  /// Gets together what a configuration names; nil when all of it is scripts, or its method asks nobody.
  ///
  /// - Parameters:
  ///   - configuration: What to run.
  ///   - task: The name of its task.
  ///   - base: The student's own model, which a judge may share.
  ///   - transport: Sends requests to an endpoint; nil where the program was built without one.
  /// - Throws: `InputError` when a key, a prompt file or a model cannot be read.
  init?(
    _ configuration: RunConfiguration, task: String, base: LoadedModel,
    transport: (any EndpointTransport)?
  ) throws {
    guard configuration.method.isJudged,
      configuration.judges.contains(where: { $0.settings.kind != .script })
    else { return nil }
    let own = TaskFile.isFolder(configuration.task) ? configuration.task : ""
    let files = try PromptFiles(task: task, folders: [configuration.prompts, own])
    var models = [base.digest: base.model]
    var sources: [ReplyRole: any ReplySource] = [:]
    var digests: [String: String] = [:]
    for (role, settings) in configuration.judges {
      switch settings.kind {
      case .script: continue
      case .endpoint:
        sources[role] = try Self.endpoint(configuration, transport: transport)
        digests["prompts"] = files.digest
      case .model:
        let own = try SHA256.hexOfFile(settings.model)
        let memory = configuration.memory > 0 ? configuration.memory << 20 : nil
        let model = try models[own] ?? LlamaModel(settings.model, memory: memory)
        models[own] = model
        sources[role] = ModelSource(
          model: model, digest: own, parallel: configuration.parallel, memory: memory)
        digests["prompts"] = files.digest
        digests["\(role.rawValue).model"] = own
      case .program:
        sources[role] = ProgramSource(settings.program.words.map(String.init))
      }
    }
    desk = ReplyDesk(sources)
    self.digests = digests
    let seed = UInt64(configuration.seed)
    func asking(_ settings: RunConfiguration.JudgeSettings) -> Asking {
      Asking(
        files: files, temperature: settings.temperature, maxTokens: settings.maxTokens, seed: seed)
    }
    let names = sources.mapValues(\.name)
    let desk = desk
    critic = names[.feedback].map { name -> any Critic in
      if configuration.feedback.kind == .program { return ProgramCritic(name: name, desk: desk) }
      return PromptedCritic(name: name, asking: asking(configuration.feedback), desk: desk)
    }
    improver = names[.improvement].map { name -> any Improver in
      if configuration.improvement.kind == .program {
        return ProgramImprover(name: name, desk: desk)
      }
      return PromptedImprover(name: name, asking: asking(configuration.improvement), desk: desk)
    }
  }

  private static func endpoint(
    _ configuration: RunConfiguration, transport: (any EndpointTransport)?
  ) throws -> EndpointSource {
    guard let transport else {
      throw InputError(.endpointReached, found: "this program was built without HTTP")
    }
    let settings = configuration.endpoint
    let key =
      settings.apiKeyEnv.isEmpty
      ? nil : try APIKey(variable: settings.apiKeyEnv, environment: Environment.value)
    if key != nil { Environment.forbidCoreDumps() }
    return EndpointSource(
      settings: settings, address: try EndpointAddress.parse(settings.url).get(), key: key,
      transport: transport, seed: UInt64(configuration.seed))
  }
}

extension Course {
  /// The same course with other judges.
  func judged(by judges: Judges) -> Course {
    Course(
      name: name, tasks: tasks, cells: ownCells, training: training, validation: validation,
      test: test, critic: judges.critic ?? critic, improver: judges.improver ?? improver,
      demonstrator: demonstrator,
      desk: judges.desk, notes: notes)
  }
}
