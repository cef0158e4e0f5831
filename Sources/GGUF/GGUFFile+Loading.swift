import Boundary

/// What a file has to have beyond being valid, before a model or adapter is made from it.
extension GGUFFile {
  /// What `general.type` may say.
  public enum Kind: String, Sendable {
    case model
    case adapter
  }

  /// Refuses an adapter or projector where a model is wanted, and the reverse.
  public func requireKind(_ kind: Kind) throws {
    let found = try string("general.type") ?? Kind.model.rawValue
    guard found != kind.rawValue else { return }
    throw error(
      .fileKind, key: "general.type", found: "\"\(escaped(found))\"",
      allowed: "\"\(kind.rawValue)\"",
      hints: found == Kind.adapter.rawValue
        ? ["give an adapter with --lora, and its base model with -m"]
        : ["give a model with -m, and an adapter with --lora"])
  }

  /// The value of `general.architecture`, which has to be one of `names`.
  public func requireArchitecture(oneOf names: [String]) throws -> String {
    let list = names.joined(separator: ", ")
    guard value("general.architecture") != nil else {
      throw error(
        .architecture, key: "general.architecture", found: "the key is missing",
        hints: ["supported: \(list)"])
    }
    let name = try requiredString("general.architecture")
    guard names.contains(name) else {
      throw error(
        .architecture, key: "general.architecture", found: "\"\(escaped(name))\"",
        allowed: "supported: \(list)")
    }
    return name
  }

  /// Refuses a file without tensors, with an empty tensor, or with one of another type.
  public func requireTensors(of types: [TensorType]) throws {
    guard !tensors.isEmpty else {
      throw InputError(.hasTensors, file: path, found: "no tensors")
    }
    for tensor in tensors {
      guard types.contains(tensor.type) else {
        throw error(
          .typeSupported, tensor: tensor.name, field: "type", found: tensor.type.name,
          allowed: "supported: " + types.map(\.name).joined(separator: ", "))
      }
      if let index = tensor.dims.firstIndex(of: 0) {
        throw error(
          .dimensionNotZero, tensor: tensor.name, field: "dimension \(index)", found: "0",
          allowed: "at least 1")
      }
    }
  }
}
