import Synchronization

/// Lets a test break file operations of a task: the layer below `Files` asks here first.
package final class FileFaults: Sendable {
  package enum Fault: Sendable {
    /// The operation fails with this `errno`.
    case error(Int32)
    /// A write takes only its first byte; other operations go on.
    case shortWrite
    /// The process dies on the spot, as by `kill -9`.
    case kill
  }

  /// What breaks in this task; nothing outside of tests.
  @TaskLocal package static var current: FileFaults?

  private let faults: [Int: Fault]
  private let last: (operation: Int, fault: Fault)?
  private let count = Mutex(0)

  /// Breaks the operations of these numbers, counted from 1; none by default, which only counts.
  package init(_ faults: [Int: Fault] = [:]) {
    self.faults = faults
    last = nil
  }

  /// Breaks one operation.
  package convenience init(_ fault: Fault, at operation: Int) {
    self.init([operation: fault])
  }

  /// Breaks one operation and every later one.
  package init(_ fault: Fault, from operation: Int) {
    faults = [:]
    last = (operation, fault)
  }

  /// Operations so far.
  package var operations: Int { count.withLock { $0 } }

  /// What happens to the operation that is about to begin.
  func next() -> Fault? {
    let number = count.withLock {
      $0 += 1
      return $0
    }
    if let last, number >= last.operation { return last.fault }
    return faults[number]
  }
}
