import Boundary
import GGUF

@testable import QuantKernels

/// The types that products take, read off the type list.
let supportedTypes = WeightMatrix.supportedTypes

/// Those with blocks of several values.
let blockTypes = supportedTypes.filter { $0.blockSize > 1 }

/// A file's block: `scale` in its first half, `minimum` in the second where there is one, and
/// `byte(i)` elsewhere.
func blockBytes(
  _ type: TensorType, scale: Float16, minimum: Float16, byte: (Int) -> UInt8
) -> [UInt8] {
  var bytes = (0..<type.bytesPerBlock).map(byte)
  for (half, offset) in zip([scale, minimum], type.scaleOffsets) {
    bytes.replaceSubrange(offset..<offset + 2, with: littleEndian(half.bitPattern))
  }
  return bytes
}

/// The same blocks with minima of zero.
func withoutMinima(_ type: TensorType, _ bytes: [UInt8]) -> [UInt8] {
  guard type.scaleOffsets.count == 2 else { return bytes }
  var bytes = bytes
  for place in stride(from: type.scaleOffsets[1], to: bytes.count, by: type.bytesPerBlock) {
    bytes.replaceSubrange(place..<place + 2, with: [0, 0])
  }
  return bytes
}

extension RandomStream {
  /// Normal values, row by row.
  mutating func matrix(rows: Int, columns: Int, scale: Float = 1) -> Matrix {
    Matrix(
      rows: rows, columns: columns,
      values: (0..<rows * columns).map { _ in Float(normal()) * scale })
  }

  /// Weights as a GGUF file holds them.
  ///
  /// Some blocks have every quant at one extreme; some scales are zero, subnormal or the largest half.
  mutating func weightBytes(_ type: TensorType, rows: Int, columns: Int) -> [UInt8] {
    switch type {
    case .f32: return (0..<rows * columns).flatMap { _ in littleEndian(Float(normal()).bitPattern) }
    case .f16:
      return (0..<rows * columns).flatMap { _ in littleEndian(Float16(normal()).bitPattern) }
    case .bf16:
      return (0..<rows * columns).flatMap { _ in
        littleEndian(UInt16(Float(normal()).bitPattern >> 16))
      }
    default:
      return (0..<rows * columns / type.blockSize).flatMap { _ in
        let quants = quantBytes(type.bytesPerBlock)
        return blockBytes(type, scale: scale(), minimum: scale()) { quants[$0] }
      }
    }
  }

  mutating func weights(_ type: TensorType, rows: Int, columns: Int) -> WeightMatrix {
    WeightMatrix(
      type: type, rows: rows, columns: columns,
      bytes: weightBytes(type, rows: rows, columns: columns))
  }

  private mutating func scale() -> Float16 {
    switch below(8) {
    case 0: 0
    case 1: Float16(bitPattern: UInt16(1 + below(0x3ff)))
    case 2: -.greatestFiniteMagnitude
    default: Float16(normal()) / 100
    }
  }

  private mutating func quantBytes(_ count: Int) -> [UInt8] {
    // -128 and nibbles 0, 127, nibbles 15, and nibbles 8.
    let extremes: [UInt8] = [0x80, 0x00, 0x7f, 0xff, 0x88]
    let pick = below(10)
    if pick < extremes.count { return [UInt8](repeating: extremes[pick], count: count) }
    return (0..<count).map { _ in UInt8(below(256)) }
  }
}

func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

extension WeightMatrix {
  convenience init(type: TensorType, rows: Int, columns: Int, bytes: [UInt8]) {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { copy.deallocate() }
    copy.copyBytes(from: bytes)
    self.init(type: type, rows: rows, columns: columns, bytes: UnsafeRawBufferPointer(copy))
  }

  /// All rows as floats.
  var unpacked: Matrix {
    let matrix = Matrix(rows: rows, columns: columns)
    for row in 0..<rows { copyRow(row, into: matrix, row: row) }
    return matrix
  }
}

extension Matrix {
  var bits: [UInt32] { values.map(\.bitPattern) }

  var transposed: Matrix {
    let result = Matrix(rows: columns, columns: rows)
    for row in 0..<rows { for column in 0..<columns { result[column, row] = self[row, column] } }
    return result
  }

  /// A matrix of some of the rows.
  func rows(_ range: Range<Int>) -> Matrix {
    let part = Matrix(rows: range.count, columns: columns)
    for row in range { part.copyRow(row - range.lowerBound, from: self, row: row) }
    return part
  }
}

/// The product of x and w transposed, of a fresh input.
func product(_ x: Matrix, _ w: WeightMatrix, scale: Float = 1) -> Matrix {
  let y = Matrix(rows: 0, columns: w.rows)
  let input = Activations(columns: x.columns)
  input.load(x)
  multiply(input, w, into: y, scale: scale)
  return y
}

/// The sum of (a - b)² over the sum of b².
func normalizedSquaredError(_ a: [Float], _ b: [Double]) -> Double {
  let difference = zip(a, b).reduce(0.0) { $0 + (Double($1.0) - $1.1) * (Double($1.0) - $1.1) }
  return difference / b.reduce(0.0) { $0 + $1 * $1 }
}

/// The product of a and b transposed in double precision, row by row.
func doubleProduct(_ a: Matrix, _ b: Matrix) -> [Double] {
  (0..<a.rows).flatMap { row in
    let left = a.row(row).map(Double.init)
    return (0..<b.rows).map { other in
      zip(left, b.row(other)).reduce(0.0) { $0 + $1.0 * Double($1.1) }
    }
  }
}
