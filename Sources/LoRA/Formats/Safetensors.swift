import Boundary

/// What a safetensors file must obey; rules of `docs/bad-inputs.md`, section 9.
extension InputError.Rule {
  static let safetensorsLength = Self("ST-01", exit: .malformedFile)
  static let headerLength = Self("ST-02", exit: .malformedFile)
  static let headerIsObject = Self("ST-03", exit: .malformedFile)
  static let headerKeysUnique = Self("ST-04", exit: .malformedFile)
  static let headerNumbers = Self("ST-05", exit: .malformedFile)
  static let elementType = Self("ST-06", exit: .malformedFile)
  static let tensorShape = Self("ST-07", exit: .malformedFile)
  static let dataOffsets = Self("ST-08", exit: .malformedFile)
  static let sizeMatchesShape = Self("ST-09", exit: .malformedFile)
  static let tensorsApart = Self("ST-10", exit: .malformedFile)
  static let noHoles = Self("ST-11", exit: .malformedFile)
  static let metadataStrings = Self("ST-12", exit: .malformedFile)
  static let tensorName = Self("ST-13", exit: .malformedFile)
  static let dataComplete = Self("ST-17", exit: .malformedFile)
}

/// A safetensors file: a length, a JSON header, and tensors one behind the other.
///
/// Bytes 0..<8 are the header's length (little-endian), then comes the header `{name: {dtype,
/// shape, data_offsets}}` with an optional `__metadata__` of strings, padded with blanks, then the
/// data without gaps. Source: the format's description at github.com/huggingface/safetensors.
public final class SafetensorsFile: Sendable {
  /// One tensor; `shape` is slowest first, `bytes` counts from the start of the data.
  public struct Tensor: Equatable, Sendable {
    public let name: String
    public let type: String
    public let shape: [Int]
    public let bytes: Range<Int>
  }

  public let path: String
  public let metadata: [String: String]
  /// In the order of their data.
  public let tensors: [Tensor]
  private let file: MappedFile
  private let dataStart: Int

  /// The longest header, as the reference reader has it.
  static let maximumHeader = 100_000_000

  /// Bits of an element, by the format's names.
  static let elementBits = [
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16,
    "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64,
    "C64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
  ]

  /// Opens a file and checks all of its header against the file's size.
  ///
  /// - Throws: `InputError` with the rule that the file breaks.
  public init(_ path: String) throws {
    self.path = path
    file = try MappedFile(path)
    guard file.count >= 8 else {
      throw InputError(
        .safetensorsLength, file: path, found: "\(file.count) bytes", allowed: "a safetensors file")
    }
    let claimed = unsafe file.withBytes { unsafe $0.loadUnaligned(as: UInt64.self) }
    let limit = min(Self.maximumHeader, file.count - 8)
    guard let length = Int(exactly: UInt64(littleEndian: claimed)),
      (2...max(2, limit)).contains(length),
      length <= limit
    else {
      throw InputError(
        .headerLength, file: path, at: .init(field: "header length", offset: 0),
        found: "\(UInt64(littleEndian: claimed))", allowed: "between 2 and \(limit)")
    }
    let header = unsafe file.withBytes { unsafe Array($0[8..<8 + length]) }
    dataStart = 8 + length
    (metadata, tensors) = try SafetensorsHeader(
      bytes: header, dataCount: file.count - dataStart, file: path
    ).parse()
  }

  /// Refuses to go on when the file was changed since it was opened.
  ///
  /// - Throws: `InputError` with exit code 8.
  public func checkUnchanged() throws { try file.checkUnchanged() }

  /// The tensor of a name.
  public func tensor(_ name: String) -> Tensor? { tensors.first { $0.name == name } }

  /// The elements of a tensor of U8; `nil` for other types.
  func codes(_ tensor: Tensor) -> [UInt8]? {
    guard tensor.type == "U8" else { return nil }
    return unsafe file.withBytes { all in
      unsafe Array(all[dataStart + tensor.bytes.lowerBound..<dataStart + tensor.bytes.upperBound])
    }
  }

  /// The elements of a float tensor as single precision; `nil` for other types.
  public func floats(_ tensor: Tensor) -> [Float]? {
    unsafe file.withBytes { all in
      let bytes = unsafe UnsafeRawBufferPointer(
        rebasing: all[dataStart + tensor.bytes.lowerBound..<dataStart + tensor.bytes.upperBound])
      func words<T: FixedWidthInteger>(_: T.Type) -> [T] {
        let size = MemoryLayout<T>.size
        return (0..<bytes.count / size).map { index in
          unsafe T(littleEndian: bytes.loadUnaligned(fromByteOffset: index * size, as: T.self))
        }
      }
      switch tensor.type {
      case "F32": return words(UInt32.self).map { Float(bitPattern: $0) }
      case "F16": return words(UInt16.self).map { Float(Float16(bitPattern: $0)) }
      case "BF16": return words(UInt16.self).map { Float(bitPattern: UInt32($0) << 16) }
      default: return nil
      }
    }
  }
}

/// The header's text and what it is checked against.
private struct SafetensorsHeader {
  let bytes: [UInt8]
  let dataCount: Int
  let file: String

  func parse() throws -> (metadata: [String: String], tensors: [SafetensorsFile.Tensor]) {
    let object = try parseObject()
    var metadata: [String: String] = [:]
    var tensors: [SafetensorsFile.Tensor] = []
    for (name, value) in object {
      if name == "__metadata__" {
        metadata = try parseMetadata(value)
      } else {
        tensors.append(try parseTensor(name, value))
      }
    }
    // Empty tensors may share a border with their neighbours, so they come first where they begin
    // alike.
    tensors.sort {
      ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound)
    }
    try checkContiguous(tensors)
    return (metadata, tensors)
  }

  private func parseObject() throws -> JSONObject {
    guard bytes.first == UInt8(ascii: "{") else {
      throw InputError(
        .headerIsObject, file: file, at: .init(field: "header", offset: 8),
        found: "the first byte is \(bytes[0])", allowed: "\"{\"")
    }
    let value: JSONValue
    do {
      value = try JSONValue(parsing: bytes, file: file)
    } catch let error as InputError {
      let rule: InputError.Rule =
        switch error.rule.code {
        case "JSON-02": .headerKeysUnique
        case "JSON-03": .headerNumbers
        default: .headerIsObject
        }
      var place = error.place
      place.field = "header"
      // The header starts at byte 8 and is one line as a rule.
      if place.line == 1 { place.offset = place.column.map { UInt64(7 + $0) } }
      throw InputError(rule, file: file, at: place, found: error.found, allowed: error.allowed)
    }
    guard let object = value.object else {
      throw InputError(
        .headerIsObject, file: file, at: .init(field: "header", offset: 8),
        found: "no object", allowed: "a JSON object")
    }
    return object
  }

  private func parseMetadata(_ value: JSONValue) throws -> [String: String] {
    var metadata: [String: String] = [:]
    guard let object = value.object else {
      throw InputError(
        .metadataStrings, file: file, at: .init(field: "__metadata__"), found: "no object",
        allowed: "an object of strings")
    }
    for (key, value) in object {
      guard let text = value.string else {
        throw InputError(
          .metadataStrings, file: file, at: .init(field: "__metadata__.\(key)"),
          found: value.serialized, allowed: "a string")
      }
      metadata[key] = text
    }
    return metadata
  }

  private func parseTensor(_ name: String, _ value: JSONValue) throws -> SafetensorsFile.Tensor {
    func refusal(
      _ rule: InputError.Rule, _ field: String, _ found: String, _ allowed: String
    ) -> InputError {
      InputError(
        rule, file: file, at: .init(entry: "tensor \"\(name)\"", field: field), found: found,
        allowed: allowed)
    }
    guard !name.isEmpty else {
      throw InputError(.tensorName, file: file, found: "a tensor's name is empty")
    }
    guard let type = value["dtype"]?.string, let bits = SafetensorsFile.elementBits[type] else {
      throw refusal(
        .elementType, "dtype", value["dtype"]?.serialized ?? "nothing",
        "one of \(SafetensorsFile.elementBits.keys.sorted().joined(separator: ", "))")
    }
    let shape = try (value["shape"]?.array ?? []).map { side in
      guard let count = side.int, count >= 0 else {
        throw refusal(.headerNumbers, "shape", side.serialized, "a count")
      }
      return count
    }
    guard value["shape"]?.array != nil, shape.count <= 16 else {
      throw refusal(
        .tensorShape, "shape", value["shape"]?.serialized ?? "nothing", "a list of up to 16 counts")
    }
    guard let offsets = value["data_offsets"]?.array, offsets.count == 2 else {
      throw refusal(
        .dataOffsets, "data_offsets", value["data_offsets"]?.serialized ?? "nothing", "two numbers")
    }
    guard let begin = offsets[0].int, let end = offsets[1].int, begin >= 0, end >= 0 else {
      throw refusal(
        .headerNumbers, "data_offsets", value["data_offsets"]?.serialized ?? "", "two byte counts")
    }
    guard begin <= end else {
      throw refusal(.dataOffsets, "data_offsets", "[\(begin), \(end)]", "in ascending order")
    }
    guard end <= dataCount else {
      throw InputError(
        .dataComplete, file: file, at: .init(entry: "tensor \"\(name)\"", field: "data_offsets"),
        found: "the end \(end) lies beyond the file's \(dataCount) bytes of data",
        hints: ["is the download complete?"])
    }
    guard let size = byteCount(of: shape, bits: bits) else {
      throw refusal(
        .tensorShape, "shape", "\(shape) of \(type)", "a whole number of bytes below 2^63")
    }
    guard size == end - begin else {
      throw refusal(
        .sizeMatchesShape, "data_offsets", "\(end - begin) bytes", "the \(size) of \(type) \(shape)"
      )
    }
    return .init(name: name, type: type, shape: shape, bytes: begin..<end)
  }

  private func byteCount(of shape: [Int], bits: Int) -> Int? {
    var product = bits
    for side in shape {
      let (next, overflow) = product.multipliedReportingOverflow(by: side)
      guard !overflow else { return nil }
      product = next
    }
    return product.isMultiple(of: 8) ? product / 8 : nil
  }

  private func checkContiguous(_ tensors: [SafetensorsFile.Tensor]) throws {
    var end = 0
    for tensor in tensors {
      guard tensor.bytes.lowerBound == end else {
        let overlaps = tensor.bytes.lowerBound < end
        throw InputError(
          overlaps ? .tensorsApart : .noHoles, file: file,
          at: .init(entry: "tensor \"\(tensor.name)\"", field: "data_offsets"),
          found: "the begin \(tensor.bytes.lowerBound)",
          allowed: "\(end), where the tensor before it ends")
      }
      end = tensor.bytes.upperBound
    }
    guard end == dataCount else {
      throw InputError(
        .noHoles, file: file, at: .init(field: "data_offsets"),
        found: "\(dataCount - end) bytes after the last tensor")
    }
  }
}

/// Makes a safetensors file of F32 and U8 tensors.
public struct SafetensorsWriter {
  private enum Elements {
    case floats(() -> [Float])
    case codes(() -> [UInt8])

    /// Bytes of one.
    var width: Int { if case .floats = self { 4 } else { 1 } }

    var bytes: [UInt8] {
      switch self {
      case .floats(let values): littleEndian(values())
      case .codes(let codes): codes()
      }
    }
  }

  private struct Entry {
    let name: String
    let shape: [Int]
    let elements: Elements

    var byteCount: Int { elements.width * shape.reduce(1, *) }
  }

  private var tensors: [Entry] = []
  private let metadata: [(String, String)]

  public init(metadata: [(String, String)] = []) { self.metadata = metadata }

  /// - Parameters:
  ///   - name: Of the tensor.
  ///   - shape: Its extents, outermost first.
  ///   - values: As many as `shape` says; asked for when they are written.
  public mutating func add(
    _ name: String, shape: [Int], values: @autoclosure @escaping () -> [Float]
  ) {
    tensors.append(Entry(name: name, shape: shape, elements: .floats(values)))
  }

  /// A tensor of so many U8 in one dimension.
  mutating func add(
    _ name: String, count: Int, codes: @autoclosure @escaping () -> [UInt8]
  ) {
    tensors.append(Entry(name: name, shape: [count], elements: .codes(codes)))
  }

  /// The file's bytes.
  public func bytes() -> [UInt8] {
    var bytes: [UInt8] = []
    write { bytes += $0 }
    return bytes
  }

  /// Makes the file piece by piece: wider elements first, tensors in the order of their names' bytes, as the
  /// reference writer has them.
  public func write(_ append: ([UInt8]) throws -> Void) rethrows {
    var header = JSONObject()
    if !metadata.isEmpty {
      var object = JSONObject()
      for (key, value) in metadata { object[key] = .string(value) }
      header["__metadata__"] = .object(object)
    }
    let sorted = tensors.sorted {
      $0.elements.width != $1.elements.width
        ? $0.elements.width > $1.elements.width
        : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
    }
    var end = 0
    for tensor in sorted {
      let begin = end
      end += tensor.byteCount
      header[tensor.name] = [
        "dtype": tensor.elements.width == 4 ? "F32" : "U8",
        "shape": .array(tensor.shape.map { .integer(Int64($0)) }),
        "data_offsets": [.integer(Int64(begin)), .integer(Int64(end))],
      ]
    }
    var text = Array(JSONValue.object(header).serialized.utf8)
    while !text.count.isMultiple(of: 8) { text.append(UInt8(ascii: " ")) }

    var bytes: [UInt8] = []
    appendLittleEndian(UInt64(text.count), to: &bytes)
    try append(bytes + text)
    for tensor in sorted {
      let bytes = tensor.elements.bytes
      precondition(bytes.count == tensor.byteCount, "\(tensor.name): \(bytes.count) bytes")
      try append(bytes)
    }
  }
}

/// The bytes of floats, each lowest first.
func littleEndian(_ values: [Float]) -> [UInt8] {
  let words = values.map { $0.bitPattern.littleEndian }
  return unsafe words.withUnsafeBytes { unsafe Array($0) }
}

/// Appends the bytes of a number, lowest first.
func appendLittleEndian<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
  for shift in stride(from: 0, to: T.bitWidth, by: 8) {
    bytes.append(UInt8(truncatingIfNeeded: value >> T(shift)))
  }
}
