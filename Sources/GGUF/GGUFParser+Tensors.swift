import Boundary

extension GGUFParser {
  /// Reads the table, then checks that its tensors fill the data section one after the other.
  mutating func readTensors(count: Int) throws {
    try gate(count, "tensor count", .tensorCount, each: 25, at: 8)
    tensors.reserveCapacity(count)
    tensorPlaces.reserveCapacity(count)
    // The place of each entry's offset field, for errors.
    var offsetFields: [Int] = []
    offsetFields.reserveCapacity(count)
    var declared: [UInt64] = []
    declared.reserveCapacity(count)
    for index in 0..<count {
      entry = Entry(kind: "tensor", index: index)
      let start = reader.position
      guard reader.remaining > 0 else { throw missingEntry(of: count) }
      let (tensor, offset, field) = try readTensor()
      if let first = tensorPlaces.updateValue(index, forKey: tensor.name) {
        throw error(
          .nameUnique, "name", at: start, found: "tensor \(first) has the same name")
      }
      tensors.append(tensor)
      declared.append(offset)
      offsetFields.append(field)
    }
    let end = reader.position
    dataStart = end + padding(after: end)
    try checkLayout(declared, offsetFields)
    try checkEnd(tableEnd: end)
  }

  private mutating func readTensor() throws -> (TensorInfo, offset: UInt64, field: Int) {
    let name = try readName()
    entry?.name = name
    let countOffset = reader.position
    let count = try read(UInt32.self, "dimension count")
    guard count >= 1, count <= Limits.dimensions else {
      throw error(
        .dimensionCount, "dimension count", at: countOffset, found: "\(count)",
        allowed: "1 to \(Limits.dimensions)")
    }
    var dims: [Int] = []
    var values = 1
    for index in 0..<Int(count) {
      let offset = reader.position
      let raw = try read(UInt64.self, "dimension \(index)")
      guard let dim = Int(exactly: raw) else {
        throw error(
          .dimensionBound, "dimension \(index)", at: offset, found: "\(raw)", allowed: "below 2^63")
      }
      let (product, overflow) = values.multipliedReportingOverflow(by: dim)
      if overflow {
        throw error(
          .elementCount, "dimension \(index)", at: offset,
          found: "\(dims + [dim]) has too many values: their number does not fit 63 bits")
      }
      values = product
      dims.append(dim)
    }
    let typeOffset = reader.position
    let id = try read(UInt32.self, "type")
    guard let type = TensorType(rawValue: id) else {
      throw error(
        .typeKnown, "type", at: typeOffset, found: "\(id)", allowed: "a type of the format")
    }
    guard dims[0].isMultiple(of: type.blockSize) else {
      throw error(
        .wholeBlocks, "dimension 0", at: countOffset + 4, found: "\(dims[0])",
        allowed: "a multiple of \(type.blockSize), the block of \(type.name)")
    }
    guard let byteCount = type.byteCount(of: dims) else {
      throw error(
        .byteCount, "dimension 0", at: countOffset + 4,
        found: "\(dims) of \(type.name) has too many bytes: their number does not fit 63 bits")
    }
    let field = reader.position
    let offset = try read(UInt64.self, "offset")
    // The offset is checked against the whole table in `checkLayout`; no tensor is used before.
    let tensor = TensorInfo(
      name: name, type: type, dims: dims, offset: Int(truncatingIfNeeded: offset),
      byteCount: byteCount)
    return (tensor, offset, field)
  }

  private mutating func readName() throws -> String {
    let offset = reader.position
    let length = try read(UInt64.self, "name length")
    guard length >= 1, length <= Limits.tensorNameLength else {
      throw error(
        .nameLength, "name length", at: offset, found: "\(length)",
        allowed: "1 to \(Limits.tensorNameLength)")
    }
    guard let bytes = unsafe reader.take(Int(length)) else { throw cut("name") }
    guard let name = unsafe String(validating: bytes, as: UTF8.self), escaped(name) == name else {
      entry?.name = unsafe String(decoding: bytes, as: UTF8.self)
      throw error(
        .nameText, "name", at: offset + 8, found: "the name", allowed: "printable UTF-8")
    }
    return name
  }

  /// Bytes from `position` to the next multiple of the alignment.
  private func padding(after position: Int) -> Int {
    (alignment - position % alignment) % alignment
  }

  /// Every tensor has to start where the one before ends, up to the padding between them.
  private mutating func checkLayout(_ declared: [UInt64], _ fields: [Int]) throws {
    try checkTotalSize()
    let available = fileSize - dataStart
    var expected = 0
    for (index, tensor) in tensors.enumerated() {
      entry = Entry(kind: "tensor", index: index, name: tensor.name)
      let (offset, field) = (declared[index], fields[index])
      guard offset.isMultiple(of: UInt64(alignment)) else {
        throw error(
          .offsetAligned, "offset", at: field, found: "\(offset)",
          allowed: "a multiple of the alignment \(alignment)")
      }
      guard let start = Int(exactly: offset),
        case let (end, overflow) = start.addingReportingOverflow(tensor.byteCount), !overflow,
        !end.addingReportingOverflow(dataStart).overflow
      else {
        throw error(
          .offsetBound, "offset", at: field,
          found: "\(offset) and \(tensor.byteCount) bytes after it do not fit 63 bits")
      }
      guard start >= expected else {
        let other = tensors[..<index].firstIndex { $0.offset + $0.byteCount > start } ?? 0
        throw error(
          .noOverlap, "offset", at: field,
          found: "\(offset) lies inside tensor \(other) \"\(escaped(tensors[other].name))\", "
            + "which ends at \(tensors[other].offset + tensors[other].byteCount)")
      }
      guard end <= available else {
        throw error(
          .withinFile, "offset", at: field,
          found: "the tensor's \(tensor.byteCount) bytes end at byte \(dataStart + end), "
            + "but the file ends at byte \(fileSize)", hints: ["download incomplete?"])
      }
      guard start == expected else {
        throw error(
          .noHole, "offset", at: field, found: "\(offset)",
          allowed: "\(expected), where the tensor before ends")
      }
      expected = end + padding(after: end)
    }
  }

  /// The sizes of all tensors with their padding have to fit together, whatever the offsets say.
  private mutating func checkTotalSize() throws {
    var total = dataStart
    for (index, tensor) in tensors.enumerated() {
      let (end, overflow) = total.addingReportingOverflow(tensor.byteCount)
      let (next, wraps) = end.addingReportingOverflow(overflow ? 0 : padding(after: end))
      if overflow || wraps {
        entry = Entry(kind: "tensor", index: index, name: tensor.name)
        throw error(
          .totalSize, found: "the sizes up to this tensor's \(tensor.byteCount) do not fit 63 bits")
      }
      total = next
    }
  }

  /// Judges what lies between the last tensor's end and the end of the file.
  private mutating func checkEnd(tableEnd: Int) throws {
    guard let last = tensors.last else {
      if fileSize > dataStart {
        throw error(
          .noDataWithoutTensors, "tensor count", at: 8,
          found: "no tensors, but \(fileSize - dataStart) bytes of data follow at byte \(dataStart)"
        )
      }
      return
    }
    let end = last.offset + last.byteCount
    let padded = end + padding(after: end)
    let size = fileSize - dataStart
    // A file that stops right after its last value is whole; one that stops within the padding
    // was cut.
    if size > end && size < padded {
      throw error(
        .withinFile, at: fileSize,
        found: "the file ends at byte \(fileSize), within the padding up to byte "
          + "\(dataStart + padded)", hints: ["download incomplete?"])
    }
    guard size > padded else { return }
    if hasFurtherEntry(at: tableEnd, offset: padded) {
      entry = Entry(kind: "tensor", index: tensors.count)
      throw error(
        .tableComplete, "tensor count", at: 8, found: "\(tensors.count)",
        allowed: "the number of entries: one more follows at byte \(tableEnd)")
    }
    warnings.append("\(size - padded) bytes after the last tensor are not used")
  }

  /// Whether the bytes after the table are one more entry, whose data would follow the others':
  /// then the count is wrong, and every offset would be counted from the wrong place.
  private func hasFurtherEntry(at position: Int, offset: Int) -> Bool {
    var probe = self
    probe.reader.seek(to: position)
    guard let (_, found, _) = try? probe.readTensor() else { return false }
    return found == UInt64(offset)
  }
}
