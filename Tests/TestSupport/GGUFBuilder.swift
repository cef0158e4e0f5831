public import GGUF

/// A small GGUF file in its parts, each of which a test may get wrong.
public struct GGUFBuilder: Sendable {
  public struct Key: Sendable {
    public var name: [UInt8]
    /// What the file says instead of the true length.
    public var nameLength: UInt64?
    public var type: UInt32
    public var value: [UInt8]

    public init(_ name: String, type: UInt32, _ value: [UInt8]) {
      self.name = Array(name.utf8)
      self.type = type
      self.value = value
    }

    var bytes: [UInt8] {
      littleEndian(nameLength ?? UInt64(name.count)) + name + littleEndian(type) + value
    }
  }

  public struct Tensor: Sendable {
    public var name: [UInt8]
    public var nameLength: UInt64?
    public var dimensionCount: UInt32?
    public var dims: [UInt64]
    public var type: UInt32
    /// What the file says instead of the place where the tensor before ends.
    public var offset: UInt64?
    /// Bytes in the data section; nothing is written for what does not fit a test.
    public var size: Int

    public init(_ name: String, _ type: TensorType, _ dims: [Int]) {
      self.name = Array(name.utf8)
      self.dims = dims.map { UInt64($0) }
      self.type = type.rawValue
      size = type.byteCount(of: dims) ?? 0
    }

    func bytes(offset: UInt64) -> [UInt8] {
      var bytes = littleEndian(nameLength ?? UInt64(name.count)) + name
      bytes += littleEndian(dimensionCount ?? UInt32(dims.count))
      for dim in dims { bytes += littleEndian(dim) }
      return bytes + littleEndian(type) + littleEndian(self.offset ?? offset)
    }
  }

  public var magic = Array("GGUF".utf8)
  public var version: UInt32 = 3
  /// What the header says instead of the true counts.
  public var tensorCount: UInt64?
  public var keyCount: UInt64?
  public var keys = [
    Key("general.architecture", type: 8, text("llama")),
    Key("general.alignment", type: 4, littleEndian(32 as UInt32)),
    Key("test.count", type: 4, littleEndian(7 as UInt32)),
    Key("test.flag", type: 7, [1]),
    Key("test.names", type: 9, array(of: 8, [text("a"), text("bc")])),
    Key("test.values", type: 9, array(of: 6, [littleEndian((1.5 as Float).bitPattern)])),
  ]
  public var tensors = [
    Tensor("first", .f32, [8, 2]), Tensor("second", .q8_0, [32, 2]), Tensor("third", .f16, [3]),
  ]
  public var alignment = 32
  /// What stands between the table and the data, and between tensors.
  public var paddingByte: UInt8 = 0

  public init() {}

  /// Where key number `index` starts in the file.
  public func start(ofKey index: Int) -> Int {
    keys[..<index].reduce(24) { $0 + $1.bytes.count }
  }

  /// Where the entry of tensor number `index` starts in the file.
  public func start(ofTensor index: Int) -> Int {
    tensors[..<index].reduce(start(ofKey: keys.count)) { $0 + $1.bytes(offset: 0).count }
  }

  public var dataStart: Int {
    let end = start(ofTensor: tensors.count)
    return end + (alignment - end % alignment) % alignment
  }

  /// The file; every value of the data is small and finite.
  public func bytes() -> [UInt8] {
    var bytes = magic + littleEndian(version)
    bytes += littleEndian(tensorCount ?? UInt64(tensors.count))
    bytes += littleEndian(keyCount ?? UInt64(keys.count))
    for key in keys { bytes += key.bytes }
    var offset = 0
    for tensor in tensors {
      bytes += tensor.bytes(offset: UInt64(offset))
      offset += (tensor.size + alignment - 1) / alignment * alignment
    }
    for tensor in tensors {
      pad(&bytes)
      bytes += Array(repeating: 1, count: tensor.size)
    }
    pad(&bytes)
    return bytes
  }

  private func pad(_ bytes: inout [UInt8]) {
    while bytes.count % alignment != 0 { bytes.append(paddingByte) }
  }
}

/// The little-endian bytes of an integer.
public func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// A string of a GGUF file: its length in eight bytes, then its bytes.
public func text(_ text: String) -> [UInt8] {
  littleEndian(UInt64(text.utf8.count)) + Array(text.utf8)
}

/// An array of a GGUF file: element type, count, elements; `count` is what it says instead.
public func array(of type: UInt32, _ elements: [[UInt8]], count: UInt64? = nil) -> [UInt8] {
  littleEndian(type) + littleEndian(count ?? UInt64(elements.count)) + elements.flatMap { $0 }
}
