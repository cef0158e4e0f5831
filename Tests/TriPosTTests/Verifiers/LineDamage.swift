import Boundary
import Foundation

/// Damage to one line of a solution: it knows numbers, words and lists, and nothing of what they mean.
struct LineDamage {
  /// Words that may be mistaken for each other.
  let families: [[String]]

  private enum Kind: CaseIterable {
    case number, word, exchange, element, sign
  }

  /// The line with one thing changed after its label; nil where this draw finds no place for it.
  func damaged(_ line: String, random: inout RandomStream) -> String? {
    guard let closing = line.range(of: ") ") else { return nil }
    let label = line[..<closing.upperBound]
    let body = String(line[closing.upperBound...])
    let changed: String? =
      switch Kind.allCases[random.below(Kind.allCases.count)] {
      case .number: changingNumber(in: body, &random)
      case .word: replacingWord(in: body, &random)
      case .exchange: exchangingWords(in: body, &random)
      case .element: changingList(in: body, &random)
      case .sign: changingSign(in: body, &random)
      }
    guard let changed, changed != body else { return nil }
    return label + changed
  }

  private func changingNumber(in body: String, _ random: inout RandomStream) -> String? {
    var runs: [Range<String.Index>] = []
    var place = body.startIndex
    while let start = body[place...].firstIndex(where: { $0.isASCII && $0.isNumber }) {
      let end = body[start...].firstIndex { !($0.isASCII && $0.isNumber) } ?? body.endIndex
      runs.append(start..<end)
      place = end
    }
    guard !runs.isEmpty else { return nil }
    let run = runs[random.below(runs.count)]
    var digits = Array(body[run])
    switch random.below(4) {
    case 0: digits.append(Character("\(random.below(10))"))
    case 1 where digits.count > 1: digits.swapAt(0, digits.count - 1)
    case 2 where runs.count > 1: digits = Array(body[runs[random.below(runs.count)]])
    default: digits[random.below(digits.count)] = Character("\(random.below(10))")
    }
    return body.replacingCharacters(in: run, with: String(digits))
  }

  /// Where the words of one family stand, the longest ones first to be found.
  private func occurrences(of family: [String], in body: String) -> [Range<String.Index>] {
    var found: [Range<String.Index>] = []
    var place = body.startIndex
    func isPart(_ character: Character?) -> Bool { character.map { $0.isLetter } ?? false }
    let members = family.filter { !$0.isEmpty }.sorted { $0.count > $1.count }
    while place < body.endIndex {
      let before = place > body.startIndex ? body[body.index(before: place)] : nil
      let member = members.first { member in
        guard body[place...].hasPrefix(member) else { return false }
        let end = body.index(place, offsetBy: member.count)
        let after = end < body.endIndex ? body[end] : nil
        return !(isPart(member.first) && isPart(before)) && !(isPart(member.last) && isPart(after))
      }
      if let member {
        let end = body.index(place, offsetBy: member.count)
        found.append(place..<end)
        place = end
      } else {
        place = body.index(after: place)
      }
    }
    return found
  }

  private func replacingWord(in body: String, _ random: inout RandomStream) -> String? {
    let family = families[random.below(families.count)]
    let places = occurrences(of: family, in: body)
    guard !places.isEmpty else { return nil }
    return body.replacingCharacters(
      in: places[random.below(places.count)], with: family[random.below(family.count)])
  }

  private func exchangingWords(in body: String, _ random: inout RandomStream) -> String? {
    let places = occurrences(of: families[random.below(families.count)], in: body)
    guard places.count > 1 else { return nil }
    let first = random.below(places.count - 1)
    let second = first + 1 + random.below(places.count - first - 1)
    let (a, b) = (places[first], places[second])
    let between = body[a.upperBound..<b.lowerBound]
    return "\(body[..<a.lowerBound])\(body[b])\(between)\(body[a])\(body[b.upperBound...])"
  }

  /// Removes, doubles or exchanges what stands between separators.
  private func changingList(in body: String, _ random: inout RandomStream) -> String? {
    let separator = [", ", " < ", " ? ", " = "][random.below(4)]
    guard body.hasSuffix(".") else { return nil }
    let text = String(body.dropLast())
    let start = [": ", "have ", " = "].lazy.compactMap { text.range(of: $0)?.upperBound }.first
    guard let start else { return nil }
    var items = text[start...].components(separatedBy: separator)
    guard items.count > 1 else { return nil }
    let place = random.below(items.count)
    switch random.below(3) {
    case 0: items.remove(at: place)
    case 1: items.insert(items[place], at: random.below(items.count + 1))
    default: items.swapAt(place, random.below(items.count))
    }
    return text[..<start] + items.joined(separator: separator) + "."
  }

  /// Changes an operator, or leaves out an operator or a bracket.
  private func changingSign(in body: String, _ random: inout RandomStream) -> String? {
    let places = body.indices.filter { place in
      let next = body.index(after: place)
      let isHyphen = next < body.endIndex && body[next].isLetter
      return "+-*()<?=".contains(body[place]) && !isHyphen
    }
    guard !places.isEmpty else { return nil }
    let place = places[random.below(places.count)]
    let isOperator = "+-*".contains(body[place])
    let replacement = isOperator && random.below(4) > 0 ? ["+", "-", "*"][random.below(3)] : ""
    return body.replacingCharacters(in: place..<body.index(after: place), with: replacement)
  }
}
