// The canonical solution (9.2): words are grouped by one letter after another.

extension WordSorting {
  public func rationale(for question: Question) -> Attempt? {
    guard let words = question.listedWords, words.count > 1, Set(words).count == words.count,
      let first = WordGroups(words, letter: 0)
    else { return nil }
    var lines = ["(1) The first letter: \(first.entries).", "(2) We now have: \(first)."]
    let unsorted = first.unsorted
    for (index, group) in unsorted.enumerated() {
      guard let part = Self.lines(sorting: group, label: "\(index + 3)") else { return nil }
      lines += part
    }
    let sorted = words.sorted(by: Self.precedes)
    lines.append("(\(unsorted.count + 3)) Hence, we have \(Self.chain(sorted)).")
    lines.append("(Final response) So the answer is: \(sorted.joined(separator: " ")).")
    return Attempt(lines: lines)
  }

  /// The lines that sort words with the same first letter, from their second letter on; nil where a
  /// word ends before it differs from another.
  private static func lines(sorting words: [String], from letter: Int = 1, label: String)
    -> [String]?
  {
    guard var groups = WordGroups(words, letter: letter) else { return nil }
    var letter = letter
    var step = 1
    let part = "Now sort this subpart \(WordGroups.bracket(words)) by looking at their"
    var lines = [
      "(\(label)) \(part) \(ordinals[letter]) letters: \(groups.entries).",
      "(\(label).1) We now have: \(groups).",
    ]
    while groups.unsorted.first?.count == words.count {
      letter += 1
      guard let next = WordGroups(words, letter: letter) else { return nil }
      groups = next
      lines.append(
        "(\(label).\(step + 1)) \(part) \(ordinals[letter]) letters: \(groups.entries).")
      lines.append("(\(label).\(step + 2)) We now have: \(groups).")
      step += 2
    }
    // As in the published data, all groups of one line have the same label.
    for group in groups.unsorted {
      guard let inner = self.lines(sorting: group, from: letter + 1, label: "\(label).\(step + 1)")
      else { return nil }
      lines += inner
    }
    let last = step + groups.unsorted.count + 1
    lines.append("(\(label).\(last)) Hence, we have \(chain(words.sorted(by: precedes))).")
    return lines
  }

  private static func chain(_ words: [String]) -> String {
    words.map { "\"\($0)\"" }.joined(separator: " < ")
  }
}

/// Words by one of their letters: `(7) ["grape" ? "grain"] < (16) "plank"`.
struct WordGroups: CustomStringConvertible {
  /// Every word with its letter and the letter's place in the alphabet, in the order given.
  private let letters: [(word: String, letter: Character, number: Int)]

  /// Nil when a word has no such letter, or one that is not ASCII.
  init?(_ words: [String], letter index: Int) {
    // No solution nests deeper than letters have names.
    guard index < ordinals.count else { return nil }
    var letters: [(word: String, letter: Character, number: Int)] = []
    for word in words {
      guard let byte = word.asciiByte(at: index) else { return nil }
      letters.append(
        (word, Character(UnicodeScalar(byte)), WordSorting.alphabetNumber(of: byte)))
    }
    self.letters = letters
  }

  /// `"grape"="g" (7), "plank"="p" (16)`.
  var entries: String {
    letters.map { "\"\($0.word)\"=\"\($0.letter)\" (\($0.number))" }.joined(separator: ", ")
  }

  private var groups: [(number: Int, words: [String])] {
    Set(letters.map(\.number)).sorted().map { number in
      (number, letters.filter { $0.number == number }.map(\.word))
    }
  }

  /// The groups that still need sorting.
  var unsorted: [[String]] { groups.map(\.words).filter { $0.count > 1 } }

  var description: String {
    groups.map { number, words in
      "(\(number)) " + (words.count == 1 ? "\"\(words[0])\"" : Self.bracket(words))
    }.joined(separator: " < ")
  }

  /// `["grape" ? "grain"]`.
  static func bracket(_ words: [String]) -> String {
    "[" + words.map { "\"\($0)\"" }.joined(separator: " ? ") + "]"
  }
}

extension WordSorting {
  /// 1 for `a`; characters before it have numbers below 1.
  static func alphabetNumber(of byte: UInt8) -> Int { Int(byte) - Int(UInt8(ascii: "a")) + 1 }
}

extension String {
  /// The character at a place, if there is one and all of the word is ASCII.
  func asciiByte(at index: Int) -> UInt8? {
    let bytes = Array(utf8)
    return index < bytes.count && bytes.allSatisfy { $0 < 0x80 } ? bytes[index] : nil
  }
}
