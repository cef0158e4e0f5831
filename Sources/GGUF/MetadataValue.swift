/// A value of a file's metadata, with the type it has in the file.
public enum MetadataValue: Equatable, Sendable {
  case uint8(UInt8)
  case int8(Int8)
  case uint16(UInt16)
  case int16(Int16)
  case uint32(UInt32)
  case int32(Int32)
  case uint64(UInt64)
  case int64(Int64)
  case float32(Float)
  case float64(Double)
  case bool(Bool)
  case string(String)
  /// A string that is not UTF-8.
  case bytes([UInt8])

  case uint8s([UInt8])
  case int8s([Int8])
  case uint16s([UInt16])
  case int16s([Int16])
  case uint32s([UInt32])
  case int32s([Int32])
  case uint64s([UInt64])
  case int64s([Int64])
  case floats([Float])
  case doubles([Double])
  case bools([Bool])
  case strings([String])
  /// An array of strings of which some are not UTF-8.
  case byteStrings([[UInt8]])
  /// An array of arrays: checked and counted, its contents are not kept.
  case nested(count: Int)

  /// An array of integers: 32 bits wide if they all fit, else 64.
  public static func ints(_ values: [Int]) -> MetadataValue {
    let narrow = values.compactMap { Int32(exactly: $0) }
    return narrow.count == values.count ? .int32s(narrow) : .int64s(values.map { Int64($0) })
  }
}

/// The type ids of metadata values in a file.
enum MetadataType: UInt32 {
  case uint8 = 0
  case int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// Bytes of one value; the least it can have for strings and arrays.
  var minimumSize: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64, .string: 8
    case .array: 12
    }
  }
}

extension MetadataValue {
  /// The type id, and that of the elements of an array.
  var type: (outer: MetadataType, element: MetadataType?) {
    switch self {
    case .uint8: (.uint8, nil)
    case .int8: (.int8, nil)
    case .uint16: (.uint16, nil)
    case .int16: (.int16, nil)
    case .uint32: (.uint32, nil)
    case .int32: (.int32, nil)
    case .uint64: (.uint64, nil)
    case .int64: (.int64, nil)
    case .float32: (.float32, nil)
    case .float64: (.float64, nil)
    case .bool: (.bool, nil)
    case .string, .bytes: (.string, nil)
    case .uint8s: (.array, .uint8)
    case .int8s: (.array, .int8)
    case .uint16s: (.array, .uint16)
    case .int16s: (.array, .int16)
    case .uint32s: (.array, .uint32)
    case .int32s: (.array, .int32)
    case .uint64s: (.array, .uint64)
    case .int64s: (.array, .int64)
    case .floats: (.array, .float32)
    case .doubles: (.array, .float64)
    case .bools: (.array, .bool)
    case .strings, .byteStrings: (.array, .string)
    case .nested: (.array, .array)
    }
  }

  /// What the type is called in an error.
  var typeName: String {
    let (outer, element) = type
    return element.map { "array of \($0)" } ?? "\(outer)"
  }
}
