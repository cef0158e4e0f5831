import QuantKernels

/// The pages of a key/value store: which are free, which are shared, and which hold a known beginning.
///
/// A full page is remembered under its 16 tokens and the page before it, or the adapter of a beginning, so that the
/// next sequence with the same beginning shares it instead of computing it again. Pages that no sequence uses stay
/// remembered until their room is needed, the longest unused first.
struct PagePool {
  /// What a full page holds: its tokens, after everything that its parent holds.
  private struct Content: Hashable {
    let parent: Parent
    let tokens: ArraySlice<Int>
  }

  /// What comes before a page.
  private enum Parent: Hashable {
    /// Nothing: a sequence under this adapter begins.
    case beginning(adapter: Int)
    /// The page of this serial number, which no other page ever has.
    case page(UInt64)
  }

  private var users: [Int]
  private var free: [Int32]
  private var pageOf: [Content: Int32] = [:]
  private var contentOf: [Int32: Content] = [:]
  private var serialOf: [UInt64]
  private var lastSerial: UInt64 = 0
  /// Remembered pages without users, in the order in which they lost their last one; entries whose page
  /// has found a user again, or has been queued anew since, are stale and skipped.
  private var unused: [(page: Int32, stamp: UInt64)] = []
  private var unusedHead = 0
  private var stampOf: [UInt64]
  private var lastStamp: UInt64 = 0

  init(pages: Int) {
    users = Array(repeating: 0, count: pages)
    serialOf = Array(repeating: 0, count: pages)
    stampOf = Array(repeating: 0, count: pages)
    free = (0..<Int32(pages)).reversed()
    reservable = pages
  }

  /// Pages that are neither in use nor promised.
  private(set) var reservable: Int

  /// Takes part of the pool for a sequence that may grow to `pages`; false when there is not enough.
  mutating func reserve(_ pages: Int) -> Bool {
    guard pages <= reservable else { return false }
    reservable -= pages
    return true
  }

  mutating func unreserve(_ pages: Int) { reservable += pages }

  /// The remembered pages that hold the beginning of `tokens`, each now with one user more.
  mutating func shareBeginning(of tokens: ArraySlice<Int>, adapter: Int) -> [Int32] {
    var table: [Int32] = []
    var parent = Parent.beginning(adapter: adapter)
    var at = tokens.startIndex
    let length = KeyValueStore.pageLength
    while at + length <= tokens.endIndex,
      let page = pageOf[Content(parent: parent, tokens: tokens[at..<at + length])]
    {
      users[Int(page)] += 1
      stampOf[Int(page)] = 0
      table.append(page)
      parent = .page(serialOf[Int(page)])
      at += length
    }
    return table
  }

  /// A page for one more user; reservations guarantee that there is one.
  mutating func take() -> Int32 {
    if let page = free.popLast() {
      users[Int(page)] = 1
      return page
    }
    while unusedHead < unused.count {
      let (page, stamp) = unused[unusedHead]
      unusedHead += 1
      guard stampOf[Int(page)] == stamp else { continue }
      stampOf[Int(page)] = 0
      forget(page)
      users[Int(page)] = 1
      compactUnused()
      return page
    }
    preconditionFailure("a page was taken that had not been reserved")
  }

  /// Remembers what a full page of a sequence holds.
  ///
  /// - Parameters:
  ///   - table: The sequence's pages up to and including this one.
  ///   - tokens: The 16 tokens of the page.
  ///   - adapter: The sequence's; keys and values depend on it.
  mutating func remember(_ table: ArraySlice<Int32>, tokens: ArraySlice<Int>, adapter: Int) {
    guard let page = table.last, contentOf[page] == nil else { return }
    let before = table.dropLast().last.map { serialOf[Int($0)] }
    // The page before was not remembered because another page holds the same: this one cannot be found either.
    guard before != 0 else { return }
    let parent = before.map { Parent.page($0) } ?? .beginning(adapter: adapter)
    let content = Content(parent: parent, tokens: tokens)
    guard pageOf[content] == nil else { return }
    lastSerial += 1
    serialOf[Int(page)] = lastSerial
    pageOf[content] = page
    contentOf[page] = content
  }

  /// Ends one use of each page.
  mutating func release(_ table: [Int32]) {
    // Last page first, so that the end of a sequence is forgotten before its beginning.
    for page in table.reversed() {
      users[Int(page)] -= 1
      guard users[Int(page)] == 0 else { continue }
      if contentOf[page] == nil {
        free.append(page)
      } else {
        lastStamp += 1
        stampOf[Int(page)] = lastStamp
        unused.append((page, lastStamp))
      }
    }
  }

  private mutating func forget(_ page: Int32) {
    if let content = contentOf.removeValue(forKey: page) { pageOf[content] = nil }
    serialOf[Int(page)] = 0
  }

  private mutating func compactUnused() {
    guard unusedHead > 1024, unusedHead * 2 > unused.count else { return }
    unused.removeFirst(unusedHead)
    unusedHead = 0
  }
}
