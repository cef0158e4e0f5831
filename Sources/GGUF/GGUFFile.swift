package import Boundary

/// A GGUF file: mapped, checked whole, and only then handed out.
///
/// Layout and rules: `docs/formats.md` and `docs/bad-inputs.md`, sections 2 to 5.
public final class GGUFFile: Sendable {
  public let path: String
  /// 2 or 3; both have the same layout.
  public let version: UInt32
  /// Bytes; what offsets in the data section are multiples of.
  public let alignment: Int
  /// All keys and values in the order of the file.
  public let metadata: [(key: String, value: MetadataValue)]
  /// All tensors in the order of the file, which is that of their data.
  public let tensors: [TensorInfo]
  /// Where the data section starts in the file, in bytes.
  public let dataStart: Int
  /// What is odd about the file but does no harm, one line each.
  public let warnings: [String]

  let file: MappedFile
  private let keyPlaces: [String: Int]
  private let tensorPlaces: [String: Int]
  private let valueOffsets: [Int]

  /// Opens and validates a file; no byte of a tensor is read.
  ///
  /// - Throws: `InputError` with the row of the first rule that the file breaks.
  public init(_ path: String) throws {
    self.path = path
    do {
      file = try MappedFile(path)
    } catch var error as InputError {
      if error.rule == .notAFile { error.rule = .isRegularFile }
      if error.rule == .fileSystem { error.rule = .canBeOpened }
      throw error
    }
    let parser = try unsafe file.withBytes { bytes in
      var parser = unsafe GGUFParser(bytes, path: path)
      try parser.parse()
      return parser
    }
    version = parser.version
    alignment = parser.alignment
    metadata = parser.metadata
    tensors = parser.tensors
    dataStart = parser.dataStart
    warnings = parser.warnings
    keyPlaces = parser.keyPlaces
    tensorPlaces = parser.tensorPlaces
    valueOffsets = parser.valueOffsets
  }

  /// The value of a key as it stands in the file.
  public func value(_ key: String) -> MetadataValue? {
    keyPlaces[key].map { metadata[$0].value }
  }

  public func tensor(_ name: String) -> TensorInfo? {
    tensorPlaces[name].map { tensors[$0] }
  }

  /// Lends the bytes of a tensor of this file; the pointer must not outlive the call.
  public func withBytes<R>(
    of tensor: TensorInfo, _ body: (UnsafeRawBufferPointer) throws -> R
  ) rethrows -> R {
    try unsafe file.withBytes {
      let start = dataStart + tensor.offset
      return try unsafe body(
        UnsafeRawBufferPointer(rebasing: $0[start..<start + tensor.byteCount]))
    }
  }

  /// Gives up the memory that reading a tensor has taken; it can be read again.
  public func release(_ tensor: TensorInfo) {
    let start = dataStart + tensor.offset
    file.release(start..<start + tensor.byteCount)
  }

  /// Refuses to go on when the file was changed since it was opened.
  ///
  /// - Throws: `InputError` with exit code 8.
  public func checkUnchanged() throws {
    try file.checkUnchanged()
  }

  /// A refusal of this file that names a key of the metadata and where its value is.
  package func error(
    _ rule: InputError.Rule, key: String, found: String, allowed: String? = nil,
    hints: [String] = []
  ) -> InputError {
    let index = keyPlaces[key]
    return InputError(
      rule, file: path,
      at: .init(
        entry: index.map { "key \($0) \"\(escaped(key))\"" } ?? "key \"\(escaped(key))\"",
        field: "value", offset: index.map { UInt64(valueOffsets[$0]) }, index: index),
      found: found, allowed: allowed, hints: hints)
  }

  /// A refusal of this file that names a tensor.
  package func error(
    _ rule: InputError.Rule, tensor: String, field: String? = nil, offset: Int? = nil,
    found: String, allowed: String? = nil, hints: [String] = []
  ) -> InputError {
    let index = tensorPlaces[tensor]
    return InputError(
      rule, file: path,
      at: .init(
        entry: index.map { "tensor \($0) \"\(escaped(tensor))\"" }
          ?? "tensor \"\(escaped(tensor))\"",
        field: field, offset: offset.map { UInt64($0) }, index: index),
      found: found, allowed: allowed, hints: hints)
  }
}
