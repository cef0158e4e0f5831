/// An amount of memory as people write it: `512M`, `8G`; units are powers of 1,024.
public struct ByteSize: Equatable, Sendable, CustomStringConvertible {
  public let bytes: Int

  public init(bytes: Int) { self.bytes = bytes }

  /// Reads a whole number with a unit K, M, G or T, or without one; nil for anything else, and for 0.
  public init?(parsing text: String) {
    guard let last = text.last else { return nil }
    let unit = Self.units.firstIndex(of: last.uppercased())
    let digits = unit == nil ? text[...] : text.dropLast()
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int(digits), number > 0
    else { return nil }
    let (bytes, overflow) = number.multipliedReportingOverflow(
      by: 1 << (10 * ((unit ?? -1) + 1)))
    if overflow { return nil }
    self.bytes = bytes
  }

  /// With two digits and more: `780 MiB`, `3.9 GiB`.
  public var description: String {
    var value = Double(bytes)
    var unit = -1
    while value >= 1000, unit + 1 < Self.units.count {
      value /= 1024
      unit += 1
    }
    if unit < 0 { return "\(bytes) bytes" }
    let number = value < 10 ? "\((value * 10).rounded() / 10)" : "\(Int(value.rounded()))"
    return "\(number) \(Self.units[unit])iB"
  }

  private static let units = ["K", "M", "G", "T"]
}
