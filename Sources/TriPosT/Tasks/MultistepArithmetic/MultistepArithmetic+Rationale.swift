// The canonical solution (9.1), and the lines it is made of; the improver writes the same lines.

extension MultistepArithmetic {
  public func rationale(for question: Question) -> Attempt? {
    guard let partition = question.expression.flatMap(ArithmeticPartition.init(of:)),
      let lines = partition.solution(from: 2, known: [:])
    else { return nil }
    return Attempt(lines: ["(1) " + partition.definition] + lines)
  }
}

/// An expression with a letter for each innermost bracket: "(A * B)", where A = (…) and B = (…).
struct ArithmeticPartition {
  let symbolic: String
  let groups: [(letter: String, text: String)]

  /// Names the innermost brackets A, B, C, … from left to right; nil when there are too many.
  init?(of expression: String) {
    let brackets = Arithmetic.innermostBrackets(of: expression)
    guard !brackets.isEmpty, brackets.count <= 26 else { return nil }
    groups = brackets.enumerated().map {
      (String(UnicodeScalar(UInt8(ascii: "A") + UInt8($0.offset))), $0.element)
    }
    symbolic = groups.reduce(expression) { $0.replacing($1.text, by: $1.letter) }
  }

  init(symbolic: String, groups: [(letter: String, text: String)]) {
    self.symbolic = symbolic
    self.groups = groups
  }

  /// The first line, without its label.
  var definition: String {
    let named = groups.map { "\($0.letter) = \($0.text)" }
    let list = named.dropLast().joined(separator: ", ")
    return "This equation can be written as \"\(symbolic)\", where "
      + (list.isEmpty ? "" : list + " and ") + (named.last ?? "") + "."
  }

  /// Writes the lines that follow the definition: a calculation of each letter that is not `known`
  /// yet, the final equation and the final response.
  ///
  /// - Parameters:
  ///   - first: The number of the first line.
  ///   - known: Values that earlier lines have found, by letter.
  /// - Returns: The lines, or nil when something has no value.
  func solution(from first: Int, known: [String: Int64]) -> [String]? {
    var lines: [String] = []
    var numeric = symbolic
    for (letter, text) in groups {
      let value: Int64
      if let found = known[letter] {
        value = found
      } else {
        guard let steps = chain(from: text), let found = Arithmetic.value(of: text)
        else { return nil }
        lines.append("(\(first + lines.count)) Let's calculate \(letter) = \(steps).")
        value = found
      }
      numeric = numeric.replacing(letter, by: "\(value)")
    }
    guard let reductions = Arithmetic.reductions(of: numeric),
      let value = Arithmetic.value(of: numeric)
    else { return nil }
    let equation = ([symbolic, numeric] + reductions).joined(separator: " = ")
    lines.append("(\(first + lines.count)) Then, the final equation is \(equation).")
    lines.append("(Final response) So the answer is \(value).")
    return lines
  }

  private func chain(from group: String) -> String? {
    guard let bracketed = Arithmetic(parsing: group)?.fullyBracketed,
      let reductions = Arithmetic.reductions(of: bracketed)
    else { return nil }
    return ([group, bracketed] + reductions).joined(separator: " = ")
  }
}
