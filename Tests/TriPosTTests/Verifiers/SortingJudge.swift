import Foundation
import TriPosT

/// Reads letters, groups and orders off the words themselves.
struct SortingJudge: LineJudge {
  typealias Task = WordSorting

  private let words: [String]
  private let gold: [String]
  private let solution: [String]
  let families: [[String]]

  private static let ordinals = [
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
  ]

  init?(_ question: Question, solution: [String]) {
    guard let list = question.block.components(separatedBy: "\n").last?.between("List: ", "")
    else { return nil }
    words = list.components(separatedBy: " ")
    gold = question.gold.components(separatedBy: " ")
    self.solution = solution
    families = [
      words, words + ["plum", "zero"], Self.ordinals,
      "abcdefghijklmnopqrstuvwxyz".map { "\"\($0)\"" },
    ]
  }

  var confirmsGold: Bool {
    // Order by counting, so that no sorting is shared with what is checked.
    words.allSatisfy { word in gold.firstIndex(of: word) == words.count { $0 < word } }
      && gold.count == words.count
  }

  func kind(at index: Int) -> String {
    let line = solution[index]
    return line.contains("letter: ")
      ? "first letters"
      : line.contains("letters: ")
        ? "further letters"
        : line.contains("now have") ? "groups" : line.contains("Hence") ? "order" : "final response"
  }

  func standing(of line: String, at index: Int) -> Standing {
    let body = line.unlabelled
    switch kind(at: index) {
    case "first letters":
      guard let entries = body.between("The first letter: ", ".").flatMap(Self.entries) else {
        return .unreadable
      }
      return Self.hold(entries, words, letter: 0) && entries.count == words.count ? .holds : .fails
    case "further letters":
      guard let looking = Looking(body) else { return .unreadable }
      guard let own = Looking(solution[index].unlabelled), own.bracket == looking.bracket,
        own.letter == looking.letter
      else { return .fails }
      return Self.hold(looking.entries, looking.words, letter: looking.letter) ? .holds : .fails
    case "groups":
      guard let groups = body.between("We now have: ", ".").flatMap(Self.groups) else {
        return .unreadable
      }
      return groups.elementsEqual(expectedGroups(before: index), by: ==) ? .holds : .fails
    case "order":
      guard let order = body.between("Hence, we have ", ".").flatMap(Self.order) else {
        return .unreadable
      }
      guard
        let own = solution[index].unlabelled.between("Hence, we have ", ".")
          .flatMap(Self.order)
      else { return .unreadable }
      return order == gold.filter(own.contains) ? .holds : .fails
    default:
      guard let list = body.between("So the answer is: ", ".") else { return .unreadable }
      return list.components(separatedBy: " ") == gold ? .holds : .fails
    }
  }

  // MARK: Lines

  private struct Entry {
    let word: String
    let letter: String
    let number: Int
  }

  /// A line that looks at further letters.
  private struct Looking {
    let bracket: String
    let words: [String]
    let letter: Int
    let entries: [Entry]

    init?(_ body: String) {
      guard
        let (left, right) = body.between("Now sort this subpart ", ".")?
          .halves(at: " letters: "),
        let (bracket, ordinal) = left.halves(at: " by looking at their "),
        let words = SortingJudge.bracket(bracket),
        let letter = SortingJudge.ordinals.firstIndex(of: ordinal),
        let entries = SortingJudge.entries(right)
      else { return nil }
      self.bracket = bracket
      self.words = words
      self.letter = letter
      self.entries = entries
    }
  }

  private static func hold(_ entries: [Entry], _ words: [String], letter: Int) -> Bool {
    Set(entries.map(\.word)) == Set(words)
      && entries.allSatisfy { entry in
        guard let scalar = entry.word.unicodeScalars.dropFirst(letter).first else { return false }
        return entry.letter == String(scalar) && entry.number == Int(scalar.value) - 96
      }
  }

  private static func entries(_ text: String) -> [Entry]? {
    var entries: [Entry] = []
    for item in text.components(separatedBy: ", ") {
      guard let (word, rest) = item.halves(at: "\"=\""), word.hasPrefix("\""),
        let (letter, number) = rest.halves(at: "\" ("), number.hasSuffix(")"),
        let value = Int(number.dropLast())
      else { return nil }
      entries.append(Entry(word: String(word.dropFirst()), letter: letter, number: value))
    }
    return entries
  }

  private struct Group: Equatable {
    let number: Int
    let words: Set<String>
    /// As many as are written, twice the same counting twice.
    let count: Int
  }

  private static func groups(_ text: String) -> [Group]? {
    var groups: [Group] = []
    for piece in text.components(separatedBy: " < ") {
      guard let (number, rest) = piece.halves(at: ") "), number.hasPrefix("("),
        let value = Int(number.dropFirst())
      else { return nil }
      let words = bracket(rest) ?? quoted(rest).map { [$0] }
      guard let words else { return nil }
      // A bracket of one word is no group, and two words need a bracket.
      let isBracket = rest.hasPrefix("[")
      groups.append(
        Group(
          number: value, words: Set(words), count: isBracket && words.count == 1 ? 0 : words.count))
    }
    return groups
  }

  private func expectedGroups(before index: Int) -> [Group] {
    let line = solution[index - 1].unlabelled
    let entries =
      Looking(line)?.entries ?? line.between("The first letter: ", ".").flatMap(Self.entries) ?? []
    return Set(entries.map(\.number)).sorted().map { number in
      let words = entries.filter { $0.number == number }.map(\.word)
      return Group(number: number, words: Set(words), count: words.count)
    }
  }

  private static func quoted(_ text: String) -> String? {
    guard let word = text.between("\"", "\""), !word.isEmpty, word.allSatisfy(\.isLetter) else {
      return nil
    }
    return word
  }

  private static func bracket(_ text: String) -> [String]? {
    guard let items = text.between("[", "]")?.components(separatedBy: " ? ") else { return nil }
    let words = items.compactMap(quoted)
    return words.count == items.count ? words : nil
  }

  private static func order(_ text: String) -> [String]? {
    let items = text.components(separatedBy: " < ")
    let words = items.compactMap(quoted)
    return words.count == items.count ? words : nil
  }
}
