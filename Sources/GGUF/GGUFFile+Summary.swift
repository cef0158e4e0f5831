public import Boundary

extension GGUFFile {
  /// What `inspect --json` prints: version, all metadata in full, and the tensor table.
  public var summary: JSONValue {
    var keys = JSONObject()
    for (key, value) in metadata { keys[key] = value.json }
    let table: [JSONValue] = tensors.map { tensor in
      [
        "name": .string(tensor.name), "type": .string(tensor.type.name),
        "dims": .array(tensor.dims.map { .integer(Int64($0)) }),
        "offset": .integer(Int64(tensor.offset)),
      ]
    }
    return [
      "version": .integer(Int64(version)), "metadata": .object(keys), "tensors": .array(table),
    ]
  }
}

extension MetadataValue {
  /// The value as JSON.
  ///
  /// What JSON has no number for becomes a string: integers beyond 63 bits,
  /// "nan", "inf" and "-inf"; a string that is not UTF-8 becomes `{"hex": "…"}`.
  var json: JSONValue {
    switch self {
    case .uint64(let value): Self.json(value)
    case .uint8, .int8, .uint16, .int16, .uint32, .int32, .int64:
      integer.map { .integer(Int64($0)) } ?? .null
    case .float32(let value): Self.json(value)
    case .float64(let value): Self.json(value)
    case .bool(let value): .bool(value)
    case .string(let text): .string(text)
    case .bytes(let bytes): Self.json(bytes)
    case .uint8s(let values): .array(values.map { .integer(Int64($0)) })
    case .int8s(let values): .array(values.map { .integer(Int64($0)) })
    case .uint16s(let values): .array(values.map { .integer(Int64($0)) })
    case .int16s(let values): .array(values.map { .integer(Int64($0)) })
    case .uint32s(let values): .array(values.map { .integer(Int64($0)) })
    case .int32s(let values): .array(values.map { .integer(Int64($0)) })
    case .int64s(let values): .array(values.map { .integer($0) })
    case .uint64s(let values): .array(values.map { Self.json($0) })
    case .floats(let values): .array(values.map { Self.json($0) })
    case .doubles(let values): .array(values.map { Self.json($0) })
    case .bools(let values): .array(values.map { .bool($0) })
    case .strings(let texts): .array(texts.map { .string($0) })
    case .byteStrings(let texts): .array(texts.map { Self.json($0) })
    case .nested(let count): ["nested": .integer(Int64(count))]
    }
  }

  private static func json(_ value: UInt64) -> JSONValue {
    Int64(exactly: value).map { .integer($0) } ?? .string("\(value)")
  }

  /// The shortest digits that give this float back, not those of the double it widens to.
  private static func json(_ value: Float) -> JSONValue {
    json(Double(value.description) ?? Double(value))
  }

  private static func json(_ value: Double) -> JSONValue {
    value.isFinite ? .number(value) : .string("\(value)")
  }

  private static func json(_ bytes: [UInt8]) -> JSONValue {
    if let text = String(validating: bytes, as: UTF8.self) { return .string(text) }
    let digits = bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
    return ["hex": .string(digits.joined())]
  }
}
