import Boundary

extension GGUFParser {
  mutating func readMetadata(count: Int) throws {
    metadata.reserveCapacity(count)
    valueOffsets.reserveCapacity(count)
    keyPlaces.reserveCapacity(count)
    var keyOffsets: [Int] = []
    var oddKeys = 0
    for index in 0..<count {
      entry = Entry(kind: "key", index: index)
      let start = reader.position
      guard reader.remaining > 0 else { throw missingEntry(of: count) }
      let key = try readKey()
      entry?.name = key
      if let first = keyPlaces[key] {
        throw error(
          .keyUnique, "key", at: start,
          found: "the same key is at byte \(keyOffsets[first]) already")
      }
      if !key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !(0x41...0x5A).contains($0) }) {
        oddKeys += 1
        if oddKeys == 1 {
          warnings.append("key \(index) \"\(escaped(key))\" is not in lower-case ASCII")
        }
      }
      keyPlaces[key] = index
      keyOffsets.append(start)
      let typeOffset = reader.position
      let id = try read(UInt32.self, "value type")
      guard let type = MetadataType(rawValue: id) else {
        throw error(.valueType, "value type", at: typeOffset, found: "\(id)", allowed: "0 to 12")
      }
      valueOffsets.append(reader.position)
      metadata.append((key, try value(of: type)))
    }
    if oddKeys > 1 { warnings.append("\(oddKeys - 1) more keys are not in lower-case ASCII") }
    entry = nil
  }

  func missingEntry(of count: Int) -> InputError {
    error(
      .hasAllEntries, at: fileSize,
      found: "the file ends at byte \(fileSize), before this one of \(count) entries",
      hints: ["download incomplete?"])
  }

  private mutating func readKey() throws -> String {
    let offset = reader.position
    let length = try read(UInt64.self, "key length")
    guard length > 0 else {
      throw error(.keyNotEmpty, "key length", at: offset, found: "0", allowed: "at least 1")
    }
    let limit = Limits.metadataKeyLength
    guard length <= reader.remaining else {
      throw error(.keyLength, "key length", at: offset, found: tooLong(length))
    }
    guard length <= limit, let bytes = unsafe reader.take(Int(length)) else {
      throw error(
        .keyShort, "key length", at: offset, found: "\(length)", allowed: "1 to \(limit)")
    }
    guard let key = unsafe String(validating: bytes, as: UTF8.self), unsafe !bytes.contains(0)
    else {
      throw error(.keyText, "key", at: offset + 8, found: "the key", allowed: "UTF-8 without NUL")
    }
    return key
  }

  func tooLong(_ length: UInt64) -> String {
    "\(length) bytes do not fit: the file ends at byte \(fileSize)"
  }

  // MARK: Values

  private mutating func value(of type: MetadataType) throws -> MetadataValue {
    switch type {
    case .uint8: return .uint8(try read(UInt8.self, "value"))
    case .int8: return .int8(try read(Int8.self, "value"))
    case .uint16: return .uint16(try read(UInt16.self, "value"))
    case .int16: return .int16(try read(Int16.self, "value"))
    case .uint32: return .uint32(try read(UInt32.self, "value"))
    case .int32: return .int32(try read(Int32.self, "value"))
    case .uint64: return .uint64(try read(UInt64.self, "value"))
    case .int64: return .int64(try read(Int64.self, "value"))
    case .float32: return .float32(Float(bitPattern: try read(UInt32.self, "value")))
    case .float64: return .float64(Double(bitPattern: try read(UInt64.self, "value")))
    case .bool: return .bool(try bool(at: reader.position, read(UInt8.self, "value"), nil))
    case .string:
      let bytes = unsafe try string(.stringLength, "value")
      if let text = unsafe String(validating: bytes, as: UTF8.self) { return .string(text) }
      warnings.append("key \"\(escaped(entry?.name ?? ""))\": the value is not UTF-8")
      return unsafe .bytes(Array(bytes))
    case .array: return try array()
    }
  }

  private func bool(at offset: Int, _ byte: UInt8, _ element: Int?) throws -> Bool {
    guard byte <= 1 else {
      throw error(
        .boolByte, element.map { "element \($0)" } ?? "value", at: offset, found: "\(byte)",
        allowed: "a bool: 0 or 1")
    }
    return byte == 1
  }

  /// The bytes of a string after its length.
  private mutating func string(
    _ rule: InputError.Rule, _ field: String
  ) throws -> UnsafeRawBufferPointer {
    let offset = reader.position
    let length = try read(UInt64.self, field)
    guard length <= reader.remaining else {
      throw error(rule, field, at: offset, found: tooLong(length))
    }
    guard length <= Limits.metadataString, let bytes = unsafe reader.take(Int(length)) else {
      throw error(
        rule, field, at: offset, found: "a string of \(length) bytes",
        allowed: "at most \(Limits.metadataString) bytes long")
    }
    return unsafe bytes
  }

  private mutating func array() throws -> MetadataValue {
    let (element, count) = try arrayHead()
    switch element {
    case .uint8: return .uint8s(try integers(count))
    case .int8: return .int8s(try integers(count))
    case .uint16: return .uint16s(try integers(count))
    case .int16: return .int16s(try integers(count))
    case .uint32: return .uint32s(try integers(count))
    case .int32: return .int32s(try integers(count))
    case .uint64: return .uint64s(try integers(count))
    case .int64: return .int64s(try integers(count))
    case .float32: return .floats(try integers(count).map(Float.init(bitPattern:)))
    case .float64: return .doubles(try integers(count).map(Double.init(bitPattern:)))
    case .bool:
      let start = reader.position
      let bytes: [UInt8] = try integers(count)
      return .bools(
        try bytes.enumerated().map { try bool(at: start + $0.offset, $0.element, $0.offset) })
    case .string: return try strings(count)
    case .array:
      try skipNested(count)
      warnings.append("key \"\(escaped(entry?.name ?? ""))\": an array of arrays is not kept")
      return .nested(count: count)
    }
  }

  /// The element type and count of an array, the count being one that the file can hold.
  private mutating func arrayHead() throws -> (MetadataType, Int) {
    let typeOffset = reader.position
    let id = try read(UInt32.self, "element type")
    guard let element = MetadataType(rawValue: id) else {
      throw error(
        .elementType, "element type", at: typeOffset, found: "\(id)", allowed: "0 to 12")
    }
    let offset = reader.position
    let length = try read(UInt64.self, "array length")
    guard let count = Int(exactly: length), count <= Limits.metadataArray else {
      throw error(
        .arrayLength, "array length", at: offset, found: "\(length)",
        allowed: "at most \(Limits.metadataArray)")
    }
    try gate(count, "array length", .arrayLength, each: element.minimumSize, at: offset)
    return (element, count)
  }

  private mutating func integers<T: FixedWidthInteger>(_ count: Int) throws -> [T] {
    let size = MemoryLayout<T>.size
    guard let bytes = unsafe reader.take(count * size) else { throw cut("value") }
    return (0..<count).map {
      T(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: $0 * size, as: T.self))
    }
  }

  private mutating func strings(_ count: Int) throws -> MetadataValue {
    let start = reader.position
    var strings: [String] = []
    strings.reserveCapacity(count)
    for index in 0..<count {
      let bytes = unsafe try string(.elementLength, "element \(index)")
      guard let text = unsafe String(validating: bytes, as: UTF8.self) else {
        reader.seek(to: start)
        warnings.append("key \"\(escaped(entry?.name ?? ""))\": element \(index) is not UTF-8")
        return .byteStrings(
          try (0..<count).map { unsafe Array(try string(.elementLength, "element \($0)")) })
      }
      strings.append(text)
    }
    return .strings(strings)
  }

  /// Walks an array of arrays with a stack of at most `Limits.metadataArrayNesting` levels.
  private mutating func skipNested(_ count: Int) throws {
    var left = [count]
    while let rest = left.popLast() {
      if rest == 0 { continue }
      left.append(rest - 1)
      let offset = reader.position
      let (element, count) = try arrayHead()
      switch element {
      case .array:
        left.append(count)
        // The array around all of these is the first level, and the innermost one is not on the
        // stack.
        if left.count >= Limits.metadataArrayNesting {
          throw error(
            .arrayNesting, "element type", at: offset, found: "nesting of \(left.count + 1) arrays",
            allowed: "at most \(Limits.metadataArrayNesting) deep")
        }
      case .string:
        for index in 0..<count { _ = unsafe try string(.elementLength, "element \(index)") }
      default:
        guard unsafe reader.take(count * element.minimumSize) != nil else { throw cut("value") }
      }
    }
  }

  // MARK: Keys that the format itself uses

  mutating func checkAlignment() throws {
    guard let place = keyPlaces["general.alignment"] else { return }
    entry = Entry(kind: "key", index: place, name: "general.alignment")
    defer { entry = nil }
    let offset = valueOffsets[place]
    guard case .uint32(let value) = metadata[place].value else {
      throw error(
        .alignmentType, "value type", at: offset,
        found: metadata[place].value.typeName, allowed: "uint32")
    }
    if value == 0 {
      throw error(.alignmentNotZero, "value", at: offset, found: "0", allowed: "a power of two")
    }
    if value > Limits.alignment.upperBound {
      throw error(
        .alignmentBound, "value", at: offset, found: "\(value)",
        allowed: "at most \(Limits.alignment.upperBound)")
    }
    guard value.nonzeroBitCount == 1, value >= Limits.alignment.lowerBound else {
      throw error(
        .alignmentPower, "value", at: offset, found: "\(value)",
        allowed: "a power of two from \(Limits.alignment.lowerBound)")
    }
    alignment = Int(value)
  }

  /// Refuses one part of a model that was split into several files; none of the others is opened.
  mutating func checkSplit() throws {
    guard let place = keyPlaces["split.count"] else { return }
    entry = Entry(kind: "key", index: place, name: "split.count")
    defer { entry = nil }
    let value = metadata[place].value
    guard let count = value.integer else {
      throw error(
        .oneFile, "value type", at: valueOffsets[place], found: value.typeName,
        allowed: "an integer")
    }
    if count == 1 { return }
    throw error(
      .oneFile, "value", at: valueOffsets[place],
      found: "one part of a model in \(count) files, which", allowed: "supported",
      hints: ["join the parts first: llama-gguf-split --merge"])
  }
}
