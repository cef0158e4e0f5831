import ArgumentParser
import Boundary
import GGUF

/// Says what is in a file.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Says what is in a GGUF file.",
    discussion: """
      Dimensions are in the file's order, the fastest first; offsets are bytes from the \
      start of the data section.

      Examples:
        tripost inspect model.gguf
        tripost inspect model.gguf --json
      """)

  @Argument(help: "The file.", transform: filePath)
  var file: String

  @Flag(help: #"Print {"version","metadata":{…},"tensors":[{"name","type","dims","offset"}]}."#)
  var json = false

  func run() throws {
    let gguf = try GGUFFile(file)
    for warning in gguf.warnings { Console.warn(warning) }
    try Console.print(json ? gguf.summary.serialized : Self.description(of: gguf))
  }

  private static func description(of file: GGUFFile) -> String {
    let bytes = file.tensors.reduce(0) { $0 + $1.byteCount }
    let weights = file.tensors.reduce(0) {
      $0 + $1.byteCount / $1.type.bytesPerBlock * $1.type.blockSize
    }
    var lines = [
      escaped(file.path, limit: 512),
      "GGUF version \(file.version), alignment \(file.alignment)",
      "\(file.tensors.count) tensors, \(weights) weights, \(bytes) bytes",
    ]
    for type in TensorType.allCases {
      let tensors = file.tensors.filter { $0.type == type }
      guard !tensors.isEmpty else { continue }
      let share = tensors.reduce(0) { $0 + $1.byteCount }
      lines.append("  \(type.name): \(tensors.count) tensors, \(share) bytes")
    }
    lines += ["", "metadata"]
    for (key, value) in file.summary["metadata"]?.object ?? [:] {
      lines.append("  \(escaped(key)) = \(brief(value))")
    }
    lines += ["", "tensors"]
    let width = file.tensors.map(\.name.count).max() ?? 0
    lines += file.tensors.map { tensor in
      let name = escaped(tensor.name)
      let dims = tensor.dims.map(String.init).joined(separator: " x ")
      let gap = String(repeating: " ", count: max(0, width - name.count))
      return "  \(name)\(gap)  \(tensor.type.name)  [\(dims)]  at \(tensor.offset)"
    }
    return lines.joined(separator: "\n")
  }

  /// A value on one line: all of it when it is short, the beginning and the count of an array.
  private static func brief(_ value: JSONValue) -> String {
    switch value {
    case .array(let elements):
      let first = elements.prefix(3).map { escaped($0.serialized, limit: 40) }
      let more = elements.count > 3 ? ", …" : ""
      return "[\(first.joined(separator: ", "))\(more)] (\(elements.count))"
    case .string(let text): return "\"\(escaped(text))\""
    case let other: return other.serialized
    }
  }
}
