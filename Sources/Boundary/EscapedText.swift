/// Text from a file, a reply or a request, made safe to print on one line.
///
/// Controls, line ends, bidirectional marks and other invisible scalars become `\n`, `\t` or
/// `\u{1B}`; a backslash stays as it is, so escaping twice changes nothing. What is longer than
/// `limit` Unicode scalars is cut and ends in an ellipsis.
public func escaped(_ text: String, limit: Int = 128) -> String {
  var result = ""
  var kept = 0
  for scalar in text.unicodeScalars {
    if kept == limit { return result + "…" }
    kept += 1
    switch scalar {
    case " "..."~": result.unicodeScalars.append(scalar)
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    default:
      if isPrintable(scalar) {
        result.unicodeScalars.append(scalar)
      } else {
        result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
      }
    }
  }
  return result
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
    false
  default:
    true
  }
}
