// How a label is written: "3", "4.2.1", "Final response"; "(3)" at the start of a line.

extension StepLabel: CustomStringConvertible {
  public var description: String {
    switch self {
    case .step(let numbers): numbers.map(String.init).joined(separator: ".")
    case .finalResponse: "Final response"
    }
  }

  /// Reads numbers of at most six digits between single dots, or the words "Final response".
  public init?(parsing text: some StringProtocol) {
    if text == "Final response" {
      self = .finalResponse
      return
    }
    var numbers: [Int] = []
    let bytes = Substring(text).utf8
    for part in bytes.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
      // Steps are counted on from a label, which may not run over.
      guard (1...6).contains(part.count), part.allSatisfy(isDigit),
        let number = Int(String(Substring(part)))
      else { return nil }
      numbers.append(number)
    }
    self = .step(numbers)
  }

  /// The first label that stands between two texts.
  static func first(in line: String, between opening: String, and closing: String) -> StepLabel? {
    var rest = line[...]
    while let start = rest.firstRange(of: opening) {
      rest = rest[start.upperBound...]
      if let end = rest.firstRange(of: closing),
        let label = StepLabel(parsing: rest[..<end.lowerBound])
      {
        return label
      }
    }
    return nil
  }

  /// The number in brackets at the start of a line, and the text after the brackets.
  static func leading(_ line: String) -> (label: StepLabel, rest: Substring)? {
    let bytes = line.utf8
    guard bytes.first == UInt8(ascii: "("), let end = bytes.firstIndex(of: UInt8(ascii: ")"))
    else { return nil }
    let inside = line[bytes.index(after: bytes.startIndex)..<end]
    guard inside.utf8.first.map(isDigit) == true, let label = StepLabel(parsing: inside)
    else { return nil }
    return (label, line[bytes.index(after: end)...])
  }
}
