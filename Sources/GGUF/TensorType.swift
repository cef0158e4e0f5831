/// How the values of a tensor are laid out; the raw value is the id in a GGUF file.
///
/// Ids 4, 5, 31, 32, 33, 36, 37 and 38 were taken back by the format. Source of ids and sizes:
/// the format's reference, ggml.h and ggml-common.h (MIT), blocks of K-quants being 256 values.
public enum TensorType: UInt32, CaseIterable, Sendable {
  case f32 = 0
  case f16 = 1
  case q4_0 = 2
  case q4_1 = 3
  case q5_0 = 6
  case q5_1 = 7
  case q8_0 = 8
  case q8_1 = 9
  case q2_K = 10
  case q3_K = 11
  case q4_K = 12
  case q5_K = 13
  case q6_K = 14
  case q8_K = 15
  case iq2_xxs = 16
  case iq2_xs = 17
  case iq3_xxs = 18
  case iq1_s = 19
  case iq4_nl = 20
  case iq3_s = 21
  case iq2_s = 22
  case iq4_xs = 23
  case i8 = 24
  case i16 = 25
  case i32 = 26
  case i64 = 27
  case f64 = 28
  case iq1_m = 29
  case bf16 = 30
  case tq1_0 = 34
  case tq2_0 = 35
  case mxfp4 = 39
  case nvfp4 = 40
  case q1_0 = 41
  case q2_0 = 42

  /// The name that the format's own tools print: "F32", "Q4_0", "Q4_K".
  public var name: String {
    switch self {
    case .q2_K: "Q2_K"
    case .q3_K: "Q3_K"
    case .q4_K: "Q4_K"
    case .q5_K: "Q5_K"
    case .q6_K: "Q6_K"
    case .q8_K: "Q8_K"
    default: String(describing: self).uppercased()
    }
  }

  /// Values in one block; a row is a whole number of blocks.
  public var blockSize: Int {
    layout.values
  }

  /// Bytes of one block.
  public var bytesPerBlock: Int {
    layout.bytes
  }

  /// Where a block has the halves that scale its values, and then those that are added to them, in
  /// bytes from its start; empty for the types that are not computed with.
  public var scaleOffsets: [Int] {
    switch self {
    case .q4_0, .q5_0, .q8_0, .iq4_nl, .iq4_xs: [0]
    case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
    case .q2_K: [80, 82]
    case .q3_K: [108]
    case .q6_K: [208]
    default: []
    }
  }

  /// Bytes of a tensor with these dimensions, fastest first: the only place where sizes come from.
  ///
  /// - Returns: Nil when the number overflows, a dimension is negative, there is none, or the
  ///   first one is no multiple of the block.
  public func byteCount(of dims: [Int]) -> Int? {
    guard let columns = dims.first, columns >= 0, columns.isMultiple(of: blockSize) else {
      return nil
    }
    // The number of values has to fit as well, whatever the blocks make of it.
    var (bytes, overflow) = (columns / blockSize).multipliedReportingOverflow(by: bytesPerBlock)
    var values = columns
    for dim in dims.dropFirst() {
      if overflow || dim < 0 { return nil }
      (bytes, overflow) = bytes.multipliedReportingOverflow(by: dim)
      if overflow { return nil }
      (values, overflow) = values.multipliedReportingOverflow(by: dim)
    }
    return overflow ? nil : bytes
  }

  private var layout: (values: Int, bytes: Int) {
    switch self {
    case .f32, .i32: (1, 4)
    case .f16, .bf16, .i16: (1, 2)
    case .i8: (1, 1)
    case .f64, .i64: (1, 8)
    case .q4_0: (32, 2 + 16)
    case .q4_1: (32, 2 + 2 + 16)
    case .q5_0: (32, 2 + 4 + 16)
    case .q5_1: (32, 2 + 2 + 4 + 16)
    case .q8_0: (32, 2 + 32)
    case .q8_1: (32, 2 + 2 + 32)
    case .q2_K: (256, 2 + 2 + 16 + 64)
    case .q3_K: (256, 2 + 64 + 32 + 12)
    case .q4_K: (256, 2 + 2 + 12 + 128)
    case .q5_K: (256, 2 + 2 + 12 + 32 + 128)
    case .q6_K: (256, 2 + 128 + 64 + 16)
    case .q8_K: (256, 4 + 256 + 32)
    case .iq1_s: (256, 2 + 32 + 16)
    case .iq1_m: (256, 32 + 16 + 8)
    case .iq2_xxs: (256, 2 + 64)
    case .iq2_xs: (256, 2 + 64 + 8)
    case .iq2_s: (256, 2 + 64 + 16)
    case .iq3_xxs: (256, 2 + 96)
    case .iq3_s: (256, 2 + 64 + 8 + 32 + 4)
    case .iq4_nl: (32, 2 + 16)
    case .iq4_xs: (256, 2 + 2 + 4 + 128)
    case .tq1_0: (256, 2 + 48 + 4)
    case .tq2_0: (256, 2 + 64)
    case .mxfp4: (32, 1 + 16)
    case .nvfp4: (64, 4 + 32)
    case .q1_0: (128, 2 + 16)
    case .q2_0: (64, 2 + 16)
    }
  }
}
