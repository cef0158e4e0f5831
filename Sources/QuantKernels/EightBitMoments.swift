/// A code of 8 bits for numbers up to 1 that is finest near 0: seven decades, each with twice as many values as the one below.
///
/// The values of a decade are the middles of equal pieces of 0.1…1, times its power of ten; 0 and 1 are values, too. Codes ascend
/// with their values.
/// Source: Dettmers et al. 2022, "8-bit Optimizers via Block-wise Quantization", section 2.2 (arxiv.org/abs/2110.02861), with the
/// exponents of its authors' program.
package struct DynamicCode: Sendable {
  /// 256 of them, ascending.
  package let values: [Float]
  /// The middles between neighbours.
  private let borders: [Float]
  /// The code of the lowest number whose upper 16 bits are the index.
  private let lowest: [UInt8]

  /// - Parameter isSigned: Whether half of the values are below 0.
  package init(isSigned: Bool) {
    var values: [Double] = [0, 1]
    var unit = 1e-6
    for decade in 0..<7 {
      let pieces = (isSigned ? 1 : 2) << decade
      for piece in 0..<pieces {
        let value = unit * (0.1 + 0.9 * (Double(piece) + 0.5) / Double(pieces))
        values.append(value)
        if isSigned { values.append(-value) }
      }
      unit *= 10
    }
    let sorted = values.sorted().map { Float($0) }
    let borders = zip(sorted, sorted.dropFirst()).map { ($0 + $1) / 2 }
    self.values = sorted
    self.borders = borders
    lowest = (0..<65_536).map { (upper: UInt32) -> UInt8 in
      // A negative number is lowest where its other bits are ones.
      let x = Float(bitPattern: upper << 16 | (upper >> 15 == 0 ? 0 : 0xFFFF))
      return UInt8(borders.prefix { $0 < x }.count)
    }
  }

  /// The code of the nearest value; the lower one where two are equally near.
  @inline(__always)
  package func code(_ x: Float) -> UInt8 {
    var code = lowest[Int(x.bitPattern >> 16)]
    while code < 255, x > borders[Int(code)] { code += 1 }
    return code
  }
}

/// AdamW's two moments of one parameter matrix in little more than a byte each.
///
/// Blocks of 256 numbers have a scale, the largest magnitude in the block, and a `DynamicCode` for each number over it. A second
/// moment above 0 never becomes 0, which would make its step as large as the first moment over epsilon.
public final class EightBitMoments {
  /// One of the moments.
  public struct Blocks: Equatable, Sendable {
    /// One a number, row by row.
    public var codes: [UInt8]
    /// One a block.
    public var scales: [Float]

    public init(codes: [UInt8], scales: [Float]) { (self.codes, self.scales) = (codes, scales) }
  }

  public static let blockLength = 256

  public private(set) var first: Blocks
  public private(set) var second: Blocks

  private static let signed = DynamicCode(isSigned: true)
  private static let unsigned = DynamicCode(isSigned: false)

  /// Moments of 0.
  public init(count: Int) {
    let blocks = (count + Self.blockLength - 1) / Self.blockLength
    let scales = [Float](repeating: 0, count: blocks)
    first = Blocks(codes: .init(repeating: Self.signed.code(0), count: count), scales: scales)
    second = Blocks(codes: .init(repeating: 0, count: count), scales: scales)
  }

  /// Moments that were saved, of as many numbers.
  public func restore(first: Blocks, second: Blocks) {
    for (blocks, own) in [(first, self.first), (second, self.second)] {
      precondition(
        blocks.codes.count == own.codes.count && blocks.scales.count == own.scales.count,
        "moments of another matrix")
    }
    (self.first, self.second) = (first, second)
  }

  /// What the moments stand for.
  package var values: (first: [Float], second: [Float]) {
    func decoded(_ blocks: Blocks, _ code: DynamicCode) -> [Float] {
      blocks.codes.enumerated().map {
        code.values[Int($1)] * blocks.scales[$0 / Self.blockLength]
      }
    }
    return (decoded(first, Self.signed), decoded(second, Self.unsigned))
  }

  /// Lends each block's moments as floats, in order, and keeps what becomes of them.
  fileprivate func forEachBlock(
    _ body: (Range<Int>, UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>) -> Void
  ) {
    let scratch = Matrix(rows: 2, columns: Self.blockLength)
    let (m, v) = (scratch.base, scratch.base + Self.blockLength)
    for block in first.scales.indices {
      let start = block * Self.blockLength
      let range = start..<min(start + Self.blockLength, first.codes.count)
      Self.signed.decode(first, block, range, into: m)
      Self.unsigned.decode(second, block, range, into: v)
      body(range, m, v)
      Self.signed.encode(m, &first, block, range, lowest: 0)
      Self.unsigned.encode(v, &second, block, range, lowest: 1)
    }
  }
}

extension DynamicCode {
  fileprivate func decode(
    _ blocks: EightBitMoments.Blocks, _ block: Int, _ range: Range<Int>,
    into x: UnsafeMutablePointer<Float>
  ) {
    let scale = blocks.scales[block]
    for (place, index) in range.enumerated() { x[place] = values[Int(blocks.codes[index])] * scale }
  }

  /// Scale and codes of a block; a number above 0 has at least the code `lowest`.
  fileprivate func encode(
    _ x: UnsafeMutablePointer<Float>, _ blocks: inout EightBitMoments.Blocks, _ block: Int,
    _ range: Range<Int>, lowest: UInt8
  ) {
    var scale: Float = 0
    for place in 0..<range.count { scale = max(scale, abs(x[place])) }
    blocks.scales[block] = scale
    for (place, index) in range.enumerated() {
      let code = scale > 0 ? code(x[place] / scale) : code(0)
      blocks.codes[index] = x[place] > 0 ? max(code, lowest) : code
    }
  }
}

extension AdamWStep {
  /// Changes the values and both moments of one parameter matrix.
  public func apply(gradient: Matrix, moments: EightBitMoments, to values: Matrix) {
    precondition(
      gradient.rows == values.rows && gradient.columns == values.columns
        && moments.first.codes.count == values.rows * values.columns, "shapes differ")
    moments.forEachBlock { range, first, second in
      apply(
        count: range.count, gradient: gradient.base + range.lowerBound, first: first,
        second: second, to: values.base + range.lowerBound)
    }
  }
}
