// Which rewriting of an attempt is a legal update (3.6).

extension Attempt {
  /// The attempt that a continuation makes, if it is a legal update of this one.
  ///
  /// - Parameters:
  ///   - prefix: The lines before the mistake.
  ///   - continuation: What follows them.
  ///   - mistake: What is to be repaired.
  ///   - exactPartTest: Whether the mistaken words are sought without blanks and case (13.17).
  /// - Returns: The update, or what is wrong with it.
  func update(
    prefix: [String], continuation: String, mistake: Mistake, exactPartTest: Bool
  ) -> Result<Attempt, UpdateFault> {
    guard let update = Attempt(cleaning: prefix + continuation.trimmed.lines) else {
      return .failure(.unreadable)
    }
    let fault = fault(of: update, repairing: mistake, exactPartTest: exactPartTest)
    return fault.map { .failure($0) } ?? .success(update)
  }

  /// The lines up to whatever does not belong to an attempt, without leads and repetitions.
  package init?(cleaning lines: [String]) {
    var kept: [String] = []
    var previous: LineHeader?
    loop: for line in lines {
      let header = LineHeader(line)
      switch header {
      case .question, .options, .list, .option, .update, .feedback: break loop
      case .unknown: return nil
      case .answer, previous: continue
      default:
        kept.append(line)
        previous = header
      }
    }
    guard !kept.isEmpty else { return nil }
    self.init(lines: kept)
  }

  /// What is wrong with `new` as an update of this attempt; nil when it is legal.
  package func fault(
    of new: Attempt, repairing mistake: Mistake, exactPartTest: Bool
  ) -> UpdateFault? {
    let last = new.finalResponse.lowerCased
    guard last.startsWith("(final response)"), last.has("the answer is"),
      !new.lines.contains(where: { $0.has("ERROR") || $0.has("Q:") })
    else { return .noFinalResponse }
    guard new != self else { return .unchanged }
    guard let place = index(of: mistake.step), new.lines.count > place,
      zip(lines[..<place], new.lines).allSatisfy({
        $0.trimmed.lowerCased == $1.trimmed.lowerCased
      })
    else { return .changedEarlierLine }
    guard new.lines[place] != lines[place] else { return .keptMistakenLine }
    let line = new.lines[place].lowerCased
    let kept =
      exactPartTest
      ? line.wholeCount(of: mistake.part.lowerCased) : line.has(mistake.quotedPart) ? 1 : 0
    // What was there twice may stay once.
    let allowed = exactPartTest && mistake.line.has("is duplicated") ? 1 : 0
    return kept > allowed ? .keptMistakenPart : nil
  }
}

extension String {
  /// How often `part` occurs without being cut out of something longer: "= -4" does not occur in
  /// "= -45", nor does "(3 + (-6 * 2)", which lost a bracket, in "(3 + (-6 * 2))", nor a list in one
  /// with more entries.
  fileprivate func wholeCount(of part: String) -> Int {
    let bytes = Array(utf8)
    let sought = Array(part.utf8)
    guard !sought.isEmpty, sought.count <= bytes.count else { return 0 }
    let separators = [" < ", ", "].filter(part.has).map { Array($0.utf8) }
    func continues(_ byte: UInt8) -> Bool {
      isDigit(byte) || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")")
    }
    var count = 0
    for start in 0...(bytes.count - sought.count) where bytes[start] == sought[0] {
      let end = start + sought.count
      guard bytes[start..<end].elementsEqual(sought) else { continue }
      let isCut =
        start > 0 && continues(bytes[start - 1]) || end < bytes.count && continues(bytes[end])
        || separators.contains {
          bytes[..<start].reversed().starts(with: $0.reversed()) || bytes[end...].starts(with: $0)
        }
      if !isCut { count += 1 }
    }
    return count
  }
}
