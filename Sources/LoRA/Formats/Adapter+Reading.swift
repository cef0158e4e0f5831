import Boundary
public import Llama

/// Where adapters trained here keep the shape of their base, as JSON, beside its digest.
let baseShapeKey = "tripost.base_shape"

extension Adapter {
  /// Reads an adapter of any known format: a folder of PEFT or MLX, or a GGUF file.
  ///
  /// - Parameters:
  ///   - path: A folder, its safetensors file, or a GGUF file.
  ///   - shape: The base's; without it the adapter has to carry it, as those written here do.
  ///   - baseDigest: The base's SHA-256, where it is known.
  /// - Returns: The adapter in F32, its rows in GGUF order.
  /// - Throws: `InputError` with the rule that the files break.
  public static func read(
    _ path: String, shape: LlamaConfiguration? = nil, baseDigest: String? = nil
  ) throws -> Adapter {
    let names = [PEFTAdapter.weightsName, MLXAdapter.weightsName]
    let name = names.first { path.hasSuffix("/\($0)") }
    let folder = name.map { String(path.dropLast($0.utf8.count + 1)) } ?? path
    if name != nil || Files.isDirectory(path) {
      let isMLX =
        name.map { $0 == MLXAdapter.weightsName }
        ?? (Files.exists("\(folder)/\(MLXAdapter.weightsName)")
          && !Files.exists("\(folder)/\(PEFTAdapter.weightsName)"))
      return isMLX
        ? try MLXAdapter.read(folder, shape: shape, baseDigest: baseDigest)
        : try PEFTAdapter.read(folder, shape: shape, baseDigest: baseDigest)
    }
    guard ![".bin", ".pt", ".pth", ".ckpt"].contains(where: path.hasSuffix) else {
      throw InputError.pickledAdapter(path)
    }
    return try GGUFAdapter.read(path, shape: shape, baseDigest: baseDigest)
  }
}

extension InputError {
  /// Pickle files can run code when they are read.
  static func pickledAdapter(_ path: String) -> InputError {
    InputError(
      .adapterPickle, file: path, found: "pickle files are never read",
      hints: [
        "convert it: safetensors.torch.save_file(torch.load(…), \"adapter_model.safetensors\")"
      ])
  }
}

/// The shape that the caller knows, or else the one that the adapter carries.
func baseShape(
  _ known: LlamaConfiguration?, recorded: String?, file: String
) throws -> LlamaConfiguration {
  if let known { return known }
  if let recorded, let json = try? JSONValue(parsing: recorded),
    let shape = LlamaConfiguration(json)
  {
    return shape
  }
  throw InputError(
    .adapterFitsBase, file: file, found: "the adapter does not carry its base's shape",
    hints: ["give the base model with -m"])
}
