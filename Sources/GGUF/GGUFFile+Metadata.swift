public import Boundary

/// Typed reads of metadata. A key that is absent gives nil, or GGUF-K29 where it is required; a
/// value that is there has to be of the right kind and in range. `rule` is the row to name when a
/// number is out of its range.
extension GGUFFile {
  public func string(_ key: String) throws -> String? {
    guard let value = value(key) else { return nil }
    switch value {
    case .string(let text): return text
    case .bytes: throw error(.stringText, key: key, found: "the string", allowed: "UTF-8")
    default: throw wrongKind(key, value, wanted: "string")
    }
  }

  /// An integer of any width in the file.
  public func integer(
    _ key: String, in range: ClosedRange<Int> = Int.min...Int.max, rule: InputError.Rule? = nil
  ) throws -> Int? {
    guard let value = value(key) else { return nil }
    guard value.isInteger else { throw wrongKind(key, value, wanted: "an integer") }
    guard let number = value.integer, range.contains(number) else {
      throw error(
        rule ?? .numberFits, key: key, found: value.integerText,
        allowed: "in \(range.lowerBound)...\(range.upperBound)")
    }
    return number
  }

  /// A float; one of 64 bits has to fit 32 exactly.
  public func float(
    _ key: String,
    in range: ClosedRange<Float> = -Float.greatestFiniteMagnitude...Float.greatestFiniteMagnitude,
    rule: InputError.Rule? = nil
  ) throws -> Float? {
    guard let value = value(key) else { return nil }
    let number: Float
    switch value {
    case .float32(let float): number = float
    case .float64(let double):
      guard let float = Float(exactly: double) else {
        throw error(.numberFits, key: key, found: "\(double)", allowed: "a 32-bit float")
      }
      number = float
    default: throw wrongKind(key, value, wanted: "float32")
    }
    guard range.contains(number) else {
      throw error(
        rule ?? .floatRange, key: key, found: "\(number)",
        allowed: "in \(range.lowerBound)...\(range.upperBound)")
    }
    return number
  }

  public func bool(_ key: String) throws -> Bool? {
    guard let value = value(key) else { return nil }
    guard case .bool(let bool) = value else { throw wrongKind(key, value, wanted: "bool") }
    return bool
  }

  public func strings(_ key: String) throws -> [String]? {
    guard let value = value(key) else { return nil }
    switch value {
    case .strings(let texts): return texts
    case .byteStrings(let texts):
      let index = texts.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0
      throw error(.stringText, key: key, found: "element \(index)", allowed: "UTF-8")
    default: throw wrongKind(key, value, wanted: "array of string")
    }
  }

  public func floats(_ key: String) throws -> [Float]? {
    guard let value = value(key) else { return nil }
    guard case .floats(let floats) = value else {
      throw wrongKind(key, value, wanted: "array of float32")
    }
    return floats
  }

  /// An array of integers of any width.
  public func integers(_ key: String) throws -> [Int]? {
    guard let value = value(key) else { return nil }
    switch value {
    case .uint8s(let values): return values.map { Int($0) }
    case .int8s(let values): return values.map { Int($0) }
    case .uint16s(let values): return values.map { Int($0) }
    case .int16s(let values): return values.map { Int($0) }
    case .uint32s(let values): return values.map { Int($0) }
    case .int32s(let values): return values.map { Int($0) }
    case .int64s(let values): return values.map { Int($0) }
    case .uint64s(let values):
      return try values.map {
        guard let value = Int(exactly: $0) else {
          throw error(.numberFits, key: key, found: "\($0)", allowed: "below 2^63")
        }
        return value
      }
    default: throw wrongKind(key, value, wanted: "an array of integers")
    }
  }

  // MARK: Required keys

  /// A string that is not empty.
  public func requiredString(_ key: String) throws -> String {
    let text = try present(key, string(key))
    if text.isEmpty { throw error(.stringNotEmpty, key: key, found: "the string is empty") }
    return text
  }

  public func requiredInteger(
    _ key: String, in range: ClosedRange<Int> = Int.min...Int.max, rule: InputError.Rule? = nil
  ) throws -> Int {
    try present(key, integer(key, in: range, rule: rule))
  }

  public func requiredFloat(
    _ key: String,
    in range: ClosedRange<Float> = -Float.greatestFiniteMagnitude...Float.greatestFiniteMagnitude,
    rule: InputError.Rule? = nil
  ) throws -> Float {
    try present(key, float(key, in: range, rule: rule))
  }

  public func requiredBool(_ key: String) throws -> Bool {
    try present(key, bool(key))
  }

  /// An array of strings that is not empty.
  public func requiredStrings(_ key: String) throws -> [String] {
    let texts = try present(key, strings(key))
    if texts.isEmpty { throw error(.arrayNotEmpty, key: key, found: "the array is empty") }
    return texts
  }

  public func requiredFloats(_ key: String) throws -> [Float] {
    try present(key, floats(key))
  }

  public func requiredIntegers(_ key: String) throws -> [Int] {
    try present(key, integers(key))
  }

  private func present<T>(_ key: String, _ value: T?) throws -> T {
    guard let value else { throw error(.keyPresent, key: key, found: "the key is missing") }
    return value
  }

  private func wrongKind(_ key: String, _ value: MetadataValue, wanted: String) -> InputError {
    if case .nested = value {
      return error(.flatArray, key: key, found: "an array of arrays", allowed: wanted)
    }
    return error(.valueKind, key: key, found: value.typeName, allowed: wanted)
  }
}

extension MetadataValue {
  var isInteger: Bool {
    switch self {
    case .uint8, .int8, .uint16, .int16, .uint32, .int32, .uint64, .int64: true
    default: false
    }
  }

  /// The value of an integer of any width that fits.
  var integer: Int? {
    switch self {
    case .uint8(let value): Int(value)
    case .int8(let value): Int(value)
    case .uint16(let value): Int(value)
    case .int16(let value): Int(value)
    case .uint32(let value): Int(value)
    case .int32(let value): Int(value)
    case .int64(let value): Int(value)
    case .uint64(let value): Int(exactly: value)
    default: nil
    }
  }

  fileprivate var integerText: String {
    if case .uint64(let value) = self { return "\(value)" }
    return integer.map { "\($0)" } ?? typeName
  }
}
