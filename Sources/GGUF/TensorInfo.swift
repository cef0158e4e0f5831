/// One entry of a file's tensor table, checked against the file.
public struct TensorInfo: Sendable, Equatable {
  public let name: String
  public let type: TensorType
  /// One to four dimensions in the file's order, fastest first.
  public let dims: [Int]
  /// Bytes from the start of the data section; a multiple of the alignment.
  public let offset: Int
  public let byteCount: Int

  /// Values in a row.
  public var columns: Int { dims[0] }

  /// Rows: the product of the dimensions after the first.
  public var rows: Int { dims.dropFirst().reduce(1, *) }
}
