/// A binary heap of numbers, the smallest on top.
struct MinimumHeap {
  private(set) var keys: [UInt64]

  /// A heap of these numbers, in linear time.
  init(_ keys: [UInt64] = []) {
    self.keys = keys
    for hole in (0..<keys.count / 2).reversed() { sink(keys[hole], from: hole) }
  }

  mutating func insert(_ key: UInt64) {
    var hole = keys.count
    keys.append(key)
    while hole > 0, keys[(hole - 1) / 2] > key {
      keys[hole] = keys[(hole - 1) / 2]
      hole = (hole - 1) / 2
    }
    keys[hole] = key
  }

  mutating func popFirst() -> UInt64? {
    guard let first = keys.first else { return nil }
    let last = keys.removeLast()
    if !keys.isEmpty { sink(last, from: 0) }
    return first
  }

  /// Puts `key` where it belongs in the subtree whose root is free.
  private mutating func sink(_ key: UInt64, from root: Int) {
    var hole = root
    while 2 * hole + 1 < keys.count {
      var child = 2 * hole + 1
      if child + 1 < keys.count, keys[child + 1] < keys[child] { child += 1 }
      if key <= keys[child] { break }
      keys[hole] = keys[child]
      hole = child
    }
    keys[hole] = key
  }
}
