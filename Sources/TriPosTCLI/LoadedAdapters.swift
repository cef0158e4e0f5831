import ArgumentParser
import Boundary
import Llama
import LoRA

/// The adapters that a command was given, and the stacks of them that prompts ask for.
struct LoadedAdapters {
  /// As a prompt may name it, and its updates.
  private let all: [(path: String, updates: LowRankUpdates)]
  /// Each a list of places in `all`; the first is all of them, which prompts get that ask for none.
  private var choices: [[Int]]

  init(_ all: [(path: String, updates: LowRankUpdates)]) {
    self.all = all
    choices = [Array(all.indices)]
  }

  /// What a generator takes, in the order of the numbers that `choice` gives.
  var stacks: [LowRankUpdates] {
    choices.map { choice in
      var stack: LowRankUpdates = [:]
      for place in choice { stack.merge(all[place].updates) { $0 + $1 } }
      return stack
    }
  }

  /// The number of the stack that the `lora` of a prompt's row means: an adapter's number or name, or
  /// a list of them, empty for the base alone.
  ///
  /// - Throws: `InputError` DS-04 when it means none, or more than one.
  mutating func choice(_ value: JSONValue?, file: String, line: Int) throws -> Int {
    guard let value, !value.isNull else { return 0 }
    let places = try (value.array ?? [value]).map { name in
      guard let place = place(name) else {
        throw InputError(
          .adapterIsLoaded, file: file, at: .init(field: "lora", line: line),
          found: name.serialized,
          allowed: all.isEmpty
            ? "loaded; there is no --lora"
            : "a number up to \(all.count - 1) or a name of one of "
              + all.map { "\"\($0.path)\"" }.joined(separator: ", "))
      }
      return place
    }
    if let known = choices.firstIndex(of: places) { return known }
    choices.append(places)
    return choices.count - 1
  }

  private func place(_ name: JSONValue) -> Int? {
    if let index = name.int { return all.indices.contains(index) ? index : nil }
    guard let text = name.string else { return nil }
    let whole = all.indices.filter { all[$0].path == text }
    if whole.count == 1 { return whole[0] }
    let last = all.indices.filter { Self.shortName(all[$0].path) == text }
    return last.count == 1 ? last[0] : nil
  }

  /// The last part of a path, without the ending of a GGUF file.
  private static func shortName(_ path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? path
    return name.hasSuffix(".gguf") ? String(name.dropLast(5)) : name
  }
}

extension InputError.Rule {
  fileprivate static let adapterIsLoaded = Self("DS-04", exit: .malformedFile)
}

/// Adapters beside the model's weights.
struct AdapterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "An adapter: a GGUF file, or a folder of PEFT or MLX. May be given several times.",
      valueName: "path"),
    transform: filePath)
  var lora: [String] = []

  @Option(
    help: ArgumentHelp(
      "An adapter whose effect is multiplied; these come after all --lora.",
      valueName: "path:factor"),
    transform: ScaledPath.init)
  var loraScaled: [ScaledPath] = []

  /// The adapters, each checked against its base.
  func load(for model: LlamaModel) throws -> LoadedAdapters {
    let paths = lora.map { ScaledPath(path: $0, factor: 1) } + loraScaled
    guard !paths.isEmpty else { return LoadedAdapters([]) }
    let digest = try SHA256.hexOfFile(model.path)
    return LoadedAdapters(
      try paths.map { scaled in
        let adapter = try Adapter.read(
          scaled.path, shape: model.configuration, baseDigest: digest)
        for warning in adapter.warnings { Console.warn(warning) }
        if scaled.factor != 1 {
          for part in adapter.parts { part.update.scale *= scaled.factor }
        }
        return (scaled.path, adapter.updates)
      })
  }

  /// All adapters together, for a command that has no prompts to choose.
  func updates(for model: LlamaModel) throws -> LowRankUpdates {
    try load(for: model).stacks[0]
  }

  struct ScaledPath {
    let path: String
    let factor: Float

    init(path: String, factor: Float) { (self.path, self.factor) = (path, factor) }

    init(_ argument: String) throws {
      guard let colon = argument.lastIndex(of: ":"),
        let factor = Float(argument[argument.index(after: colon)...]), factor.isFinite
      else { throw ValidationError("It has to be a path, a colon and a number") }
      path = try filePath(String(argument[..<colon]))
      self.factor = factor
    }
  }
}
