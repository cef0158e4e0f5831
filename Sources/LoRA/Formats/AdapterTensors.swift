import Boundary
import Llama
import QuantKernels

// What the folders of PEFT and MLX share.

/// The object of an `adapter_config.json`.
///
/// - Throws: `InputError` ADP-10 when there is none.
func adapterConfiguration(_ file: String) throws -> JSONObject {
  guard Files.exists(file) else {
    throw InputError(.adapterConfig, file: file, found: "the file is missing")
  }
  do {
    let value = try JSONValue(parsing: Files.readText(file, limit: 1 << 20), file: file)
    if let object = value.object { return object }
    throw InputError(.adapterConfig, file: file, found: "no object", allowed: "a JSON object")
  } catch let error as InputError where error.exit == .malformedFile {
    throw InputError(
      .adapterConfig, file: file, at: error.place, found: error.found, allowed: error.allowed)
  }
}

/// The text of an `adapter_config.json`: one key a line.
func adapterConfiguration(_ object: JSONObject) -> [UInt8] {
  let lines = object.map { "  \(JSONValue.string($0.key).serialized): \($0.value.serialized)" }
  return Array("{\n\(lines.joined(separator: ",\n"))\n}\n".utf8)
}

extension SafetensorsFile {
  /// The tensors of an adapter by site.
  ///
  /// - Parameters:
  ///   - place: The site and role that a name means, or nil.
  ///   - other: Gets tensors that have none; throws to refuse them.
  /// - Returns: What was found, in ascending order of site.
  /// - Throws: `InputError` ADP-08 for element types that are no floats, ADP-03 when nothing is left,
  ///   what `other` throws.
  func updateHalves(
    place: (String) -> (ProjectionSite, UpdateHalves.Role)?, other: (Tensor) throws -> Void
  ) throws -> [(key: ProjectionSite, value: UpdateHalves)] {
    var halves: [ProjectionSite: UpdateHalves] = [:]
    for tensor in tensors {
      guard let (site, role) = place(tensor.name) else {
        try other(tensor)
        continue
      }
      guard let values = floats(tensor) else {
        throw InputError(
          .adapterFeature, file: path, at: .init(entry: "tensor \"\(tensor.name)\""),
          found: tensor.type, allowed: "F32, F16 or BF16")
      }
      halves[site, default: .init()][role] = .init(
        name: tensor.name, shape: tensor.shape, values: values)
    }
    try checkUnchanged()
    guard !halves.isEmpty else {
      throw InputError(.adapterTarget, file: path, found: "no tensor changes this base")
    }
    return halves.sorted { $0.key < $1.key }
  }
}

extension Adapter {
  static let digestKey = "tripost.base_sha256"

  /// What adapters trained here say about their base, for the header of a safetensors file.
  var baseMetadata: [(String, String)] {
    guard let baseDigest else { return [] }
    return [(Self.digestKey, baseDigest), (baseShapeKey, shape.json.serialized)]
  }
}

/// What a reader says about an adapter without the digest of its base.
func unknownBase(_ path: String, name: String?) -> String {
  let words = name.map { "names its base \"\(escaped($0))\", but not the file" }
  return "\(path): the adapter \(words ?? "does not say which base it was trained on")"
}
