import Foundation
import TriPosT

/// Finds the order by trying all of them, and holds patterns and sentences against it.
struct DeductionJudge: LineJudge {
  typealias Task = LogicalDeduction

  /// What objects are ordered by, in the words of questions and patterns.
  private struct Axis {
    let ends: [String]
    /// For nearer to the first end, and to the last.
    let comparisons: [String]
    /// Every name of a place, by how far it is from the first end, below zero from the last one.
    let places: [String: Int]
  }

  private static let counted = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"]

  private static let axes: [Axis] = {
    func places(_ name: (Int) -> String, _ other: (Int) -> String) -> [String: Int] {
      var places: [String: Int] = [:]
      for place in 0..<7 {
        places[name(place)] = place
        places[other(place)] = -1 - place
      }
      return places
    }
    return [
      Axis(
        ends: ["(left)", "(right)"], comparisons: ["to the left of", "to the right of"],
        places: places(
          { $0 == 0 ? "leftmost" : "\(counted[$0]) from the left" },
          { $0 == 0 ? "rightmost" : "\(counted[$0]) from the right" })),
      Axis(
        ends: ["(above)", "(below)"], comparisons: ["above", "below"],
        places: places({ counted[$0] }, { $0 == 0 ? "last" : "\(counted[$0])-to-last" })),
      Axis(
        ends: ["(oldest)", "(newest)"], comparisons: ["older than", "newer than"],
        places: places(
          { $0 == 0 ? "oldest" : "\(counted[$0])-oldest" },
          { $0 == 0 ? "newest" : "\(counted[$0])-newest" })),
      Axis(
        ends: ["(cheapest)", "(most expensive)"],
        comparisons: ["less expensive than", "more expensive than"],
        places: places(
          { $0 == 0 ? "cheapest" : "\(counted[$0])-cheapest" },
          { $0 == 0 ? "most expensive" : "\(counted[$0])-most expensive" })),
    ]
  }()

  private let axis: Axis
  private let names: [String]
  private let shortNames: [String]
  /// "five runners".
  private let counting: String
  private let order: [Int]
  private let options: [String]
  private let gold: Int
  private let solution: [String]
  let families: [[String]]

  init?(_ question: Question, solution: [String]) {
    let lines = question.block.components(separatedBy: "\n")
    guard let (_, story) = lines[0].halves(at: "within each paragraph. "),
      let letter = question.gold.unicodeScalars.first
    else { return nil }
    var sentences = String(story.dropLast()).components(separatedBy: ". ")
    guard let (opening, list) = sentences.removeFirst().halves(at: ": ") else { return nil }
    names = Self.items(list)
    counting = opening.components(separatedBy: " ").suffix(2).joined(separator: " ")
    let last = Set(names.map { $0.components(separatedBy: " ").last ?? "" })
    shortNames =
      last.count == 1 && names.allSatisfy { $0.contains(" ") }
      ? names.map { $0.components(separatedBy: " ").dropLast().joined(separator: " ") } : names
    options = lines.dropFirst(2).map(\.unlabelled)
    gold = Int(letter.value) - 65
    self.solution = solution
    guard
      let axis = Self.axes.first(where: { axis in
        solution[0].contains(axis.ends[0])
      })
    else { return nil }
    self.axis = axis
    let statements = sentences.compactMap { [names] in Self.statement($0, names, axis) }
    guard statements.count == sentences.count,
      let order = Self.onlyOrder(of: names.count, statements)
    else { return nil }
    self.order = order
    families = [
      names, shortNames, axis.comparisons, axis.places.keys.sorted(), Self.counted,
      ["left", "right"], ["??", "?", ""],
      options.indices.map { "(\(UnicodeScalar(UInt8(65 + $0))))" },
    ]
  }

  var confirmsGold: Bool {
    options.indices.filter { Self.statement(options[$0].sentence, names, axis)?(order) == true }
      == [gold]
  }

  func kind(at index: Int) -> String {
    let line = solution[index]
    return line.contains("Combining")
      ? "combination"
      : line.contains("in total")
        ? "inventory"
        : line.contains("According")
          ? "read-out" : index == solution.count - 1 ? "final response" : "statement"
  }

  func standing(of line: String, at index: Int) -> Standing {
    let body = line.unlabelled
    switch kind(at: index) {
    case "statement":
      guard let (text, quoted) = body.halves(at: ": \""), let pattern = quoted.between("", "\"."),
        let isTrue = Self.statement(text, names, axis)?(order), let allows = allows(pattern)
      else { return .unreadable }
      return isTrue && allows ? .holds : .fails
    case "inventory":
      guard let (counting, list) = body.between("There are in total ", ".")?.halves(at: ": ") else {
        return .unreadable
      }
      return counting == self.counting && Self.items(list).sorted() == names.sorted()
        ? .holds : .fails
    case "combination":
      guard let (_, quoted) = body.halves(at: ": \""), let pattern = quoted.between("", "\"."),
        let allows = allows(pattern)
      else { return .unreadable }
      return allows ? .holds : .fails
    case "read-out":
      // Which place is asked for stands in the solution; only it and the object may change.
      let own = solution[index].unlabelled
      guard body.hasPrefix("According to this ordering, ") else { return .unreadable }
      return body == own ? .holds : .fails
    default:
      guard let (text, rest) = body.halves(at: " So the answer is ("),
        let letter = rest.between("", ").")
      else { return .unreadable }
      return text == options[gold] && letter == "\(UnicodeScalar(UInt8(65 + gold)))"
        ? .holds : .fails
    }
  }

  // MARK: Reading

  /// "a red cup, an elm, and Ivy".
  private static func items(_ list: String) -> [String] {
    list.replacingOccurrences(of: ", and ", with: ", ").components(separatedBy: ", ").map { item in
      for article in ["an ", "a "] where item.hasPrefix(article) {
        return String(item.dropFirst(article.count))
      }
      return item
    }
  }

  /// Whether an order agrees with a sentence; nil for a sentence of another form.
  private static func statement(
    _ text: String, _ names: [String], _ axis: Axis
  ) -> (([Int]) -> Bool)? {
    let plain = text.hasPrefix("The ") ? String(text.dropFirst(4)) : text
    for verb in [" is ", " are ", " finished "] {
      guard let (name, rest) = plain.halves(at: verb), let object = names.firstIndex(of: name)
      else { continue }
      for (index, comparison) in axis.comparisons.enumerated()
      where rest.hasPrefix(comparison + " ") {
        let other = String(rest.dropFirst(comparison.count + 1))
        guard let second = names.firstIndex(of: other.between("the ", "") ?? other) else {
          return nil
        }
        return { order in
          guard let a = order.firstIndex(of: object), let b = order.firstIndex(of: second) else {
            return false
          }
          return index == 0 ? a < b : a > b
        }
      }
      guard let place = axis.places[rest.between("the ", "") ?? rest] else { return nil }
      return { order in order.firstIndex(of: object) == (place < 0 ? order.count + place : place) }
    }
    return nil
  }

  private static func onlyOrder(of count: Int, _ statements: [([Int]) -> Bool]) -> [Int]? {
    var found: [[Int]] = []
    func extend(_ order: [Int]) {
      guard found.count < 2 else { return }
      if order.count == count {
        if statements.allSatisfy({ $0(order) }) { found.append(order) }
        return
      }
      for object in 0..<count where !order.contains(object) { extend(order + [object]) }
    }
    extend([])
    return found.count == 1 ? found[0] : nil
  }

  /// Whether the order is one that a pattern allows, as a regular expression; nil for no pattern.
  private func allows(_ pattern: String) -> Bool? {
    guard var rest = pattern.between(axis.ends[0], axis.ends[1])?[...] else { return nil }
    var expression = "^"
    while let first = rest.first {
      if first == " " {
        rest.removeFirst()
      } else if rest.hasPrefix("??") {
        expression += "[a-g]*"
        rest = rest.dropFirst(2)
      } else if first == "?" {
        expression += "[a-g]"
        rest.removeFirst()
      } else {
        let fits = (names + shortNames).enumerated().filter { _, name in
          rest.hasPrefix(name) && !(rest.dropFirst(name.count).first?.isLetter ?? false)
        }
        guard let longest = fits.max(by: { $0.element.count < $1.element.count }) else {
          return false
        }
        expression += Self.letter(longest.offset % names.count)
        rest = rest.dropFirst(longest.element.count)
      }
    }
    let text = order.map(Self.letter).joined()
    return text.range(of: expression + "$", options: .regularExpression) != nil
  }

  private static func letter(_ object: Int) -> String { "\(UnicodeScalar(UInt8(97 + object)))" }
}

extension String {
  /// Without its full stop.
  fileprivate var sentence: String { hasSuffix(".") ? String(dropLast()) : self }
}
