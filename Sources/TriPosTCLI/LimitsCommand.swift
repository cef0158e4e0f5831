import ArgumentParser
import Boundary

/// Prints how much of anything is accepted.
struct LimitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limits",
    abstract: "Prints how much of anything the program accepts from outside.",
    discussion: """
      An input beyond a limit is refused with an error that names the limit.

      Examples:
        tripost limits
        tripost limits --json
      """)

  @Flag(help: "Print one JSON object.")
  var json = false

  private static let limits: [(name: String, most: Int)] = [
    ("gguf_metadata_keys", Limits.metadataKeys),
    ("gguf_metadata_key_bytes", Limits.metadataKeyLength),
    ("gguf_metadata_string_bytes", Limits.metadataString),
    ("gguf_metadata_array_elements", Limits.metadataArray),
    ("gguf_metadata_array_nesting", Limits.metadataArrayNesting),
    ("gguf_tensors", Limits.tensors),
    ("gguf_tensor_name_bytes", Limits.tensorNameLength),
    ("gguf_dimensions", Limits.dimensions),
    ("gguf_alignment_bytes", Limits.alignment.upperBound),
    ("model_layers", Limits.layers),
    ("vocabulary_tokens", Limits.vocabulary.upperBound),
    ("token_text_bytes", Limits.tokenText),
    ("text_bytes", Limits.text),
    ("safetensors_header_bytes", Limits.safetensorsHeader),
    ("json_nesting", Limits.jsonNesting),
    ("json_line_bytes", Limits.jsonLine),
    ("configuration_bytes", Limits.configuration),
    ("configuration_nodes", Limits.configurationNodes),
    ("configuration_nesting", Limits.configurationNesting),
    ("endpoint_reply_bytes", Limits.endpointReply),
    ("script_reply_bytes", Limits.scriptReply),
  ]

  func run() throws {
    guard !json else {
      var object = JSONObject()
      for limit in Self.limits { object[limit.name] = .integer(Int64(limit.most)) }
      return try Console.print(JSONValue.object(object).serialized)
    }
    let width = Self.limits.map(\.name.count).max() ?? 0
    for limit in Self.limits {
      let name = limit.name + String(repeating: " ", count: width - limit.name.count)
      try Console.print("\(name)  \(limit.most)")
    }
  }
}
