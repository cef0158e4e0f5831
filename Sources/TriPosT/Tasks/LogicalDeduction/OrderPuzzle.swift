// A question of Logical Deduction, read into objects, statements and what is asked.

/// What a puzzle says about its objects.
struct OrderStatement {
  /// As it stands in the question, without its full stop.
  let text: String
  let pattern: OrderPattern
}

struct OrderPuzzle {
  let axis: OrderAxis
  /// "blue jay", "Ivy".
  let names: [String]
  /// Without a last word that all have: "red" for "red book".
  let shortNames: [String]
  /// "five runners: Ivy, Max, Zoe, Ned, and Kim".
  let inventory: String
  let statements: [OrderStatement]
  let choice: MultipleChoice
  /// The object of each option, and the place that all of them are about.
  let optionObjects: [Int]
  let asked: OrderPlace
  let table: OrderTable

  /// Nil when some sentence is of no known form.
  init?(_ question: Question) {
    guard let choice = MultipleChoice(question) else { return nil }
    let story =
      choice.text.firstRange(of: Self.opening)
      .map { String(choice.text[$0.upperBound...]) } ?? choice.text
    let sentences = Self.sentences(of: story)
    guard let first = sentences.first, let colon = first.firstRange(of: ": ") else { return nil }
    let names = Self.objects(of: String(first[colon.upperBound...]))
    guard OrderTable.sizes.contains(names.count), Set(names).count == names.count,
      let axis = OrderAxis.allCases.first(where: { axis in
        choice.options.allSatisfy { OrderSentence($0, names, axis)?.place != nil }
      })
    else { return nil }
    let options = choice.options.compactMap { OrderSentence($0, names, axis) }
    guard let asked = options.first?.place, options.allSatisfy({ $0.place == asked }),
      asked.steps < names.count
    else { return nil }
    var statements: [OrderStatement] = []
    for sentence in sentences.dropFirst() {
      guard let pattern = OrderSentence(sentence, names, axis)?.pattern else { return nil }
      statements.append(OrderStatement(text: sentence, pattern: pattern))
    }
    let words = String(first[..<colon.lowerBound]).words
    guard words.count > 1 else { return nil }
    self.axis = axis
    self.names = names
    shortNames = Self.shortened(names)
    inventory =
      words.suffix(2).joined(separator: " ") + first[colon.lowerBound...]
    self.statements = statements
    self.choice = choice
    optionObjects = options.map(\.object)
    self.asked = asked
    table = OrderTable.of(names.count)
  }

  static let opening = "The statements are logically consistent within each paragraph. "

  private static func sentences(of story: String) -> [String] {
    var sentences: [String] = []
    var rest = story[...]
    while let stop = rest.firstRange(of: ". ") {
      sentences.append(String(rest[..<stop.lowerBound]))
      rest = rest[stop.upperBound...]
    }
    let last = String(rest).trimmed
    return sentences + [last.endsWith(".") ? String(last.dropLast()) : last]
  }

  /// The objects of a list such as `a blue jay, an owl, and a raven`.
  static func objects(of list: String) -> [String] {
    let flat = list.replacing(", and ", by: ", ").replacing(" and ", by: ", ")
    return flat.replacing(", ", by: "\n").lines.map { item in
      for article in ["an ", "a ", "the "] where item.startsWith(article) {
        return String(item.dropFirst(article.count))
      }
      return item
    }
  }

  private static func shortened(_ names: [String]) -> [String] {
    let words = names.map(\.words)
    guard let last = words.first?.last, words.allSatisfy({ $0.count > 1 && $0.last == last })
    else { return names }
    return words.map { $0.dropLast().joined(separator: " ") }
  }

  /// The only order that all statements allow, as its number in the table.
  var solution: Int? {
    let set = statements.reduce(table.all) {
      $0.intersection($1.pattern.orders(in: table))
    }
    return set.count == 1 ? set.first : nil
  }

  /// The object in the place asked for, and the option that names it.
  func answer(in order: Int) -> (object: Int, option: Int)? {
    let object = table.orders[order][asked.index(of: table.size)]
    return optionObjects.firstIndex(of: object).map { (object, $0) }
  }

  /// An option's text with its full stop.
  func sentence(ofOption option: Int) -> String {
    let text = choice.options[option]
    return text.endsWith(".") ? text : text + "."
  }

  /// "the leftmost cup is the red cup".
  func readOut(_ object: Int) -> String {
    let noun = String(inventory.words[1].dropLast())
    let phrase = axis.phrase(asked)
    let name = names[object]
    switch axis {
    case .rank: return "the \(noun.singular) who finished \(phrase) is \(name)"
    case .price: return "the \(phrase) \(noun) are the \(name)"
    case .place where asked.steps > 0:
      let halves = phrase.words
      return "the \(halves[0]) \(noun.singular) "
        + halves.dropFirst().joined(separator: " ") + " is the \(name)"
    case .place, .age: return "the \(phrase) \(noun.singular) is the \(name)"
    }
  }
}

extension String {
  fileprivate var singular: String { endsWith("s") ? String(dropLast()) : self }
}

/// A sentence about one object's place, or about two objects.
struct OrderSentence {
  let object: Int
  let pattern: OrderPattern
  /// Nil when it compares two objects.
  let place: OrderPlace?

  init?(_ sentence: String, _ names: [String], _ axis: OrderAxis) {
    var rest = sentence[...]
    if sentence.endsWith(".") { rest = rest.dropLast() }
    if rest.hasPrefix("The ") { rest = rest.dropFirst(4) }
    let candidates = names.indices.filter { rest.hasPrefix(names[$0] + " ") }
    guard let object = candidates.max(by: { names[$0].utf8.count < names[$1].utf8.count }) else {
      return nil
    }
    rest = rest.dropFirst(names[object].count + 1)
    guard rest.hasPrefix(axis.verb + " ") else { return nil }
    rest = rest.dropFirst(axis.verb.count + 1)
    self.object = object
    for (comparison, isLower) in [
      (axis.comparisons.lower, true), (axis.comparisons.higher, false),
    ] where rest.hasPrefix(comparison + " ") {
      var name = rest.dropFirst(comparison.count + 1)
      if name.hasPrefix("the ") { name = name.dropFirst(4) }
      guard let other = names.firstIndex(of: String(name)) else { return nil }
      pattern = OrderPattern(
        objects: isLower ? [object, other] : [other, object], gaps: [.any, .any, .any])
      place = nil
      return
    }
    if rest.hasPrefix("the ") { rest = rest.dropFirst(4) }
    guard let place = axis.place(String(rest)) else { return nil }
    self.place = place
    let gap = OrderPattern.Gap.exactly(place.steps)
    pattern = OrderPattern(objects: [object], gaps: place.isFromLow ? [gap, .any] : [.any, gap])
  }
}
