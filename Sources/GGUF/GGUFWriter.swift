import Boundary

/// Builds a GGUF file of version 3, little-endian, each tensor padded to the alignment.
public struct GGUFWriter {
  private var metadata: [(key: String, value: MetadataValue)] = []
  private var keyPlaces: [String: Int] = [:]
  private var tensors: [(name: String, type: TensorType, dims: [Int], contents: Contents)] = []
  private var tensorNames: Set<String> = []

  /// Where the bytes of a tensor come from.
  private enum Contents {
    case bytes([UInt8])
    case pieces((_ append: ([UInt8]) throws -> Void) throws -> Void)
  }

  public init() {}

  /// Sets a key, in the place it has already or else at the end.
  ///
  /// - Precondition: The value is no array of arrays.
  public mutating func set(_ key: String, _ value: MetadataValue) {
    if case .nested = value { preconditionFailure("the contents of nested arrays are not known") }
    if let place = keyPlaces[key] {
      metadata[place].value = value
    } else {
      keyPlaces[key] = metadata.count
      metadata.append((key, value))
    }
  }

  /// Appends a tensor; `dims` are fastest first.
  ///
  /// - Precondition: `bytes` has the size of the type and dimensions, and the name is new.
  public mutating func add(name: String, type: TensorType, dims: [Int], bytes: [UInt8]) {
    precondition(
      type.byteCount(of: dims) == bytes.count,
      "\(name): \(bytes.count) bytes for \(dims) of \(type.name)")
    add(name: name, type: type, dims: dims, contents: .bytes(bytes))
  }

  /// Appends a tensor whose bytes are made when the file is written; `dims` are fastest first.
  ///
  /// - Parameters:
  ///   - name: New.
  ///   - type: Its type.
  ///   - dims: Its dimensions, whole blocks.
  ///   - pieces: Appends the bytes in order, as many as type and dimensions say; may be called again.
  public mutating func add(
    name: String, type: TensorType, dims: [Int],
    pieces: @escaping (_ append: ([UInt8]) throws -> Void) throws -> Void
  ) {
    add(name: name, type: type, dims: dims, contents: .pieces(pieces))
  }

  private mutating func add(name: String, type: TensorType, dims: [Int], contents: Contents) {
    precondition(type.byteCount(of: dims) != nil, "\(name): \(dims) of \(type.name)")
    precondition(tensorNames.insert(name).inserted, "\(name) occurs twice")
    tensors.append((name, type, dims, contents))
  }

  /// The whole file, of tensors given as bytes.
  ///
  /// - Precondition: `general.alignment`, where set, is a uint32 and a power of two.
  public func bytes() -> [UInt8] {
    var file = ByteBuffer(bytes: header())
    for tensor in tensors {
      guard case .bytes(let bytes) = tensor.contents else {
        preconditionFailure("\(tensor.name) is made when the file is written")
      }
      file.bytes.append(contentsOf: bytes)
      file.pad(padding(after: file.bytes.count))
    }
    return file.bytes
  }

  /// Everything before the data section, padded to the alignment.
  private func header() -> [UInt8] {
    var file = ByteBuffer()
    file.bytes.append(contentsOf: "GGUF".utf8)
    file.append(UInt32(3))
    file.append(UInt64(tensors.count))
    file.append(UInt64(metadata.count))
    for (key, value) in metadata {
      file.append(key.utf8)
      file.append(value.type.outer.rawValue)
      file.append(value)
    }
    var offset = 0
    for tensor in tensors {
      file.append(tensor.name.utf8)
      file.append(UInt32(tensor.dims.count))
      for dim in tensor.dims { file.append(UInt64(dim)) }
      file.append(tensor.type.rawValue)
      file.append(UInt64(offset))
      offset += tensor.type.byteCount(of: tensor.dims) ?? 0
      offset += padding(after: offset)
    }
    file.pad(padding(after: file.bytes.count))
    return file.bytes
  }

  /// Writes the file whole or not at all, tensor by tensor.
  ///
  /// - Throws: `InputError` when the disk is full or the path cannot be written; what the makers of
  ///   tensors throw.
  public func write(to path: String) throws {
    try Files.writeAtomically(to: path) { append in
      try append(header())
      for tensor in tensors {
        let size = tensor.type.byteCount(of: tensor.dims) ?? 0
        switch tensor.contents {
        case .bytes(let bytes): try append(bytes)
        case .pieces(let make):
          var written = 0
          try make {
            written += $0.count
            try append($0)
          }
          precondition(written == size, "\(tensor.name): \(written) bytes of \(size)")
        }
        try append([UInt8](repeating: 0, count: padding(after: size)))
      }
    }
  }

  private func padding(after position: Int) -> Int {
    (alignment - position % alignment) % alignment
  }

  private var alignment: Int {
    guard let place = keyPlaces["general.alignment"] else { return 32 }
    guard case .uint32(let value) = metadata[place].value, value.nonzeroBitCount == 1 else {
      preconditionFailure("general.alignment is \(metadata[place].value)")
    }
    return Int(value)
  }
}

/// Little-endian bytes that grow.
private struct ByteBuffer {
  var bytes: [UInt8] = []

  mutating func append(_ value: some FixedWidthInteger) {
    unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
  }

  /// A string: its length in 8 bytes, then its bytes.
  mutating func append(_ text: some Collection<UInt8>) {
    append(UInt64(text.count))
    bytes.append(contentsOf: text)
  }

  mutating func pad(_ count: Int) {
    bytes.append(contentsOf: repeatElement(0, count: count))
  }

  private mutating func append<T>(
    _ element: MetadataType, _ values: [T], _ write: (inout Self, T) -> Void
  ) {
    append(element.rawValue)
    append(UInt64(values.count))
    for value in values { write(&self, value) }
  }

  mutating func append(_ value: MetadataValue) {
    switch value {
    case .uint8(let value): append(value)
    case .int8(let value): append(value)
    case .uint16(let value): append(value)
    case .int16(let value): append(value)
    case .uint32(let value): append(value)
    case .int32(let value): append(value)
    case .uint64(let value): append(value)
    case .int64(let value): append(value)
    case .float32(let value): append(value.bitPattern)
    case .float64(let value): append(value.bitPattern)
    case .bool(let value): append(value ? 1 as UInt8 : 0)
    case .string(let text): append(text.utf8)
    case .bytes(let text): append(text)
    case .uint8s(let values): append(.uint8, values) { $0.append($1) }
    case .int8s(let values): append(.int8, values) { $0.append($1) }
    case .uint16s(let values): append(.uint16, values) { $0.append($1) }
    case .int16s(let values): append(.int16, values) { $0.append($1) }
    case .uint32s(let values): append(.uint32, values) { $0.append($1) }
    case .int32s(let values): append(.int32, values) { $0.append($1) }
    case .uint64s(let values): append(.uint64, values) { $0.append($1) }
    case .int64s(let values): append(.int64, values) { $0.append($1) }
    case .floats(let values): append(.float32, values) { $0.append($1.bitPattern) }
    case .doubles(let values): append(.float64, values) { $0.append($1.bitPattern) }
    case .bools(let values): append(.bool, values) { $0.append($1 ? 1 as UInt8 : 0) }
    case .strings(let texts): append(.string, texts) { $0.append($1.utf8) }
    case .byteStrings(let texts): append(.string, texts) { $0.append($1) }
    case .nested: preconditionFailure("the contents of nested arrays are not known")
    }
  }
}
