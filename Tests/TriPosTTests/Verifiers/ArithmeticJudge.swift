import Foundation
import TriPosT

/// Recomputes every piece of every line, by recursive descent.
struct ArithmeticJudge: LineJudge {
  typealias Task = MultistepArithmetic

  private let gold: Int
  private let value: Int?
  /// The groups of step 1.
  private let groups: [String: String]
  private let count: Int

  let families: [[String]] = [["A", "B", "C", "D", "E", "F", "G", "H"]]

  init?(_ question: Question, solution: [String]) {
    guard let gold = Int(question.gold), let expression = question.block.between("Q: ", " ="),
      let groups = solution.first.flatMap(Self.partition)?.groups
    else { return nil }
    self.gold = gold
    value = Self.value(expression)
    self.groups = groups
    count = solution.count
  }

  var confirmsGold: Bool { value == gold }

  func kind(at index: Int) -> String {
    switch index {
    case 0: "partition"
    case count - 1: "final response"
    case count - 2: "final equation"
    default: "calculation"
    }
  }

  func standing(of line: String, at index: Int) -> Standing {
    switch kind(at: index) {
    case "partition": return standing(ofPartition: line)
    case "calculation":
      guard let (name, chain) = line.unlabelled.between("Let's calculate ", ".")?.definition else {
        return .unreadable
      }
      guard let group = groups[name] else { return .fails }
      return Self.standing(of: chain.components(separatedBy: "="), value: Self.value(group))
    case "final equation":
      guard let text = line.unlabelled.between("Then, the final equation is ", ".") else {
        return .unreadable
      }
      var pieces = text.components(separatedBy: "=")
      let symbolic = pieces.removeFirst()
      guard !pieces.isEmpty, symbolic.contains(where: \.isUppercase) else { return .unreadable }
      let known = symbolic.filter(\.isUppercase).allSatisfy { groups["\($0)"] != nil }
      return Self.standing(of: (known ? [expanded(symbolic)] : ["?"]) + pieces, value: gold)
    default:
      guard let text = line.unlabelled.between("So the answer is ", "."), !text.hasPrefix("+"),
        let answer = Int(text)
      else { return .unreadable }
      return answer == gold ? .holds : .fails
    }
  }

  /// Only what a partition is worth counts, as in the published script.
  private func standing(ofPartition line: String) -> Standing {
    guard let (symbolic, found) = Self.partition(line) else { return .unreadable }
    var text = ""
    for character in symbolic {
      if character.isUppercase {
        guard let group = found["\(character)"] else { return .unreadable }
        text += group
      } else {
        text.append(character)
      }
    }
    guard Set(symbolic.filter(\.isUppercase).map(String.init)) == Set(found.keys),
      let value = Self.value(text)
    else { return .unreadable }
    return value == gold ? .holds : .fails
  }

  private func expanded(_ symbolic: String) -> String {
    symbolic.map { $0.isUppercase ? groups["\($0)"] ?? "?" : "\($0)" }.joined()
  }

  private static func standing(of chain: [String], value: Int?) -> Standing {
    if chain.contains(where: { $0.allSatisfy(\.isWhitespace) }) { return .unreadable }
    return chain.allSatisfy { Self.value($0) == value } ? .holds : .fails
  }

  private static func partition(_ line: String) -> (symbolic: String, groups: [String: String])? {
    guard
      let (symbolic, list) = line.unlabelled.between("This equation can be written as \"", ".")?
        .halves(at: "\", where ")
    else { return nil }
    var groups: [String: String] = [:]
    for item in list.replacingOccurrences(of: " and ", with: ", ").components(separatedBy: ", ") {
      guard let (name, group) = item.definition, groups[name] == nil, group.hasPrefix("("),
        group.hasSuffix(")"), !group.contains("=")
      else { return nil }
      groups[name] = group
    }
    return groups.count > 1 ? (symbolic, groups) : nil
  }

  // MARK: Values

  /// Nil for what is no expression.
  static func value(_ text: String) -> Int? {
    var rest = text.filter { $0 != " " }[...]
    // Blanks may stand around a number, not in it.
    let pieces = text.components(separatedBy: " ").filter { !$0.isEmpty }
    for (left, right) in zip(pieces, pieces.dropFirst())
    where left.last?.isNumber == true && right.first?.isNumber == true { return nil }
    guard let value = sum(&rest), rest.isEmpty else { return nil }
    return value
  }

  private static func sum(_ rest: inout Substring) -> Int? {
    guard var value = product(&rest) else { return nil }
    while let sign = rest.first, sign == "+" || sign == "-" {
      rest.removeFirst()
      guard let next = product(&rest) else { return nil }
      let (result, isOver) =
        sign == "+" ? value.addingReportingOverflow(next) : value.subtractingReportingOverflow(next)
      guard !isOver else { return nil }
      value = result
    }
    return value
  }

  private static func product(_ rest: inout Substring) -> Int? {
    guard var value = factor(&rest) else { return nil }
    while rest.first == "*" {
      rest.removeFirst()
      guard let next = factor(&rest) else { return nil }
      let (result, isOver) = value.multipliedReportingOverflow(by: next)
      guard !isOver else { return nil }
      value = result
    }
    return value
  }

  private static func factor(_ rest: inout Substring) -> Int? {
    guard let first = rest.popFirst() else { return nil }
    switch first {
    case "-": return factor(&rest).map { -$0 }
    case "+": return factor(&rest)
    case "(":
      let value = sum(&rest)
      return rest.popFirst() == ")" ? value : nil
    default:
      var digits = "\(first)"
      while let next = rest.first, next.isNumber { digits.append(rest.removeFirst()) }
      return digits.count > 1 && first == "0" ? nil : Int(digits)
    }
  }
}

extension String {
  /// The letter and the text of `A = …`.
  fileprivate var definition: (name: String, text: String)? {
    guard let name = first, name.isUppercase, dropFirst().hasPrefix(" = ") else { return nil }
    return ("\(name)", String(dropFirst(4)))
  }
}
