import Boundary
import Synchronization
import Testing

@testable import QuantKernels

@Suite("Instruction sets and threads")
struct KernelsTests {
  @Test("the reference is always there, and the best set is the default")
  func sets() {
    #expect(Kernels.available.first == .scalar)
    for set in Kernels.available { Kernels.with(set) { #expect(Kernels.instructionSet == set) } }
  }

  @Test("CFG-18: TRIPOST_ISA names a set of this machine")
  func environment() throws {
    #expect(try Kernels.set(named: nil) == nil)
    #expect(try Kernels.set(named: "scalar") == .scalar)
    for wrong in ["", "AVX2", "sse9"] {
      let error = #expect(throws: InputError.self) { try Kernels.set(named: wrong) }
      #expect(error?.exit == .usage)
      #expect(error?.description.contains("CFG-18") == true)
    }
  }

  @Test("every chunk runs once, on any number of threads", arguments: [1, 2, 3, 5, 8, 16])
  func chunks(threads: Int) {
    Kernels.with(threads: threads) {
      for count in [0, 1, 2, 7, 100] {
        let runs = Mutex([Int](repeating: 0, count: count))
        parallel(count) { chunk in runs.withLock { $0[chunk] += 1 } }
        #expect(runs.withLock { $0 } == [Int](repeating: 1, count: count))
      }
    }
  }

  @Test("a region inside a region runs on its own thread")
  func nested() {
    let runs = Mutex(0)
    Kernels.with(threads: 4) {
      parallel(6) { _ in parallel(5) { _ in runs.withLock { $0 += 1 } } }
    }
    #expect(runs.withLock { $0 } == 30)
  }

  @Test("threads are at least one and at most the processors this process may use")
  func threadCount() {
    #expect((1...Processors.allowed.count).contains(Processors.physicalCores))
    #expect((1...Processors.allowed.count).contains(Kernels.threads))
  }
}
