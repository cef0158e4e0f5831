import Boundary

/// Reads header, metadata and tensor table, checking every length and count before it is used.
///
/// It stops at the first broken rule. Nothing is allocated from a number in the file before that
/// many bytes are known to be there.
struct GGUFParser {
  let path: String
  let fileSize: Int
  var reader: ByteReader
  var version: UInt32 = 0
  var alignment = 32
  var metadata: [(key: String, value: MetadataValue)] = []
  /// Where the value of each key starts in the file.
  var valueOffsets: [Int] = []
  var keyPlaces: [String: Int] = [:]
  var tensors: [TensorInfo] = []
  var tensorPlaces: [String: Int] = [:]
  var dataStart = 0
  var warnings: [String] = []
  /// The key or tensor that is being read, named in errors.
  var entry: Entry?

  struct Entry {
    let kind: String
    let index: Int
    var name: String?
  }

  @unsafe init(_ bytes: UnsafeRawBufferPointer, path: String) {
    self.path = path
    fileSize = bytes.count
    reader = unsafe ByteReader(bytes)
  }

  mutating func parse() throws {
    let (tensorCount, keyCount) = try header()
    try readMetadata(count: keyCount)
    try checkAlignment()
    try checkSplit()
    try readTensors(count: tensorCount)
    entry = nil
  }

  // MARK: Header

  private mutating func header() throws -> (tensors: Int, keys: Int) {
    guard fileSize > 0 else { throw error(.notEmpty, found: "the file is empty") }
    try checkMagic()
    guard let version = reader.read(UInt32.self) else {
      throw error(
        .hasVersion, "version", at: 4,
        found: "the file ends at byte \(fileSize), before its version")
    }
    if version == 0x0200_0000 || version == 0x0300_0000 {
      throw error(.littleEndian, "version", at: 4, found: "big-endian GGUF is not supported")
    }
    guard version == 2 || version == 3 else {
      throw error(.version, "version", at: 4, found: "\(version)", allowed: "2 or 3")
    }
    self.version = version
    let tensors = try count("tensor count", .tensorCount, limit: Limits.tensors)
    let keys = try count("key count", .keyCount, limit: Limits.metadataKeys)
    try gate(tensors, "tensor count", .tensorCount, each: 25, at: 8)
    try gate(keys, "key count", .keyCount, each: 14, at: 16)
    return (tensors, keys)
  }

  private mutating func count(
    _ field: String, _ rule: InputError.Rule, limit: Int
  ) throws -> Int {
    let offset = reader.position
    let value = try read(UInt64.self, field)
    guard let count = Int(exactly: value), count <= limit else {
      throw error(rule, field, at: offset, found: "\(value)", allowed: "at most \(limit)")
    }
    return count
  }

  /// Refuses a count that the bytes left cannot hold, before any loop or reservation.
  func gate(
    _ count: Int, _ field: String, _ rule: InputError.Rule, each: Int, at offset: Int
  ) throws {
    let room = reader.remaining / each
    guard count <= room else {
      throw error(
        rule, field, at: offset,
        found: "\(count) entries do not fit: the file ends at byte \(fileSize), "
          + "and at most \(room) fit before it")
    }
  }

  // MARK: Values and errors

  /// The next integer of a field, or the refusal of a cut file.
  mutating func read<T: FixedWidthInteger>(_: T.Type, _ field: String) throws -> T {
    guard let value = reader.read(T.self) else { throw cut(field) }
    return value
  }

  func cut(_ field: String) -> InputError {
    error(
      .notCut, field, at: fileSize, found: "the file ends at byte \(fileSize), inside this field",
      hints: ["download incomplete?"])
  }

  func error(
    _ rule: InputError.Rule, _ field: String? = nil, at offset: Int? = nil, found: String,
    allowed: String? = nil, hints: [String] = []
  ) -> InputError {
    var words: String?
    if let entry {
      words = "\(entry.kind) \(entry.index)"
      if let name = entry.name { words = "\(entry.kind) \(entry.index) \"\(escaped(name))\"" }
    }
    return InputError(
      rule, file: path,
      at: .init(
        entry: words, field: field, offset: offset.map { UInt64($0) }, index: entry?.index),
      found: found, allowed: allowed, hints: hints)
  }
}
