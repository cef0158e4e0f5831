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

  @Test("regions that follow each other closely lose no chunk and keep none back")
  func manyRegions() {
    Kernels.with(threads: 4) {
      for count in 0..<20_000 {
        let sum = Atomic(0)
        parallel(1 + count % 9) { chunk in sum.add(chunk + 1, ordering: .relaxed) }
        let chunks = 1 + count % 9
        #expect(sum.load(ordering: .relaxed) == chunks * (chunks + 1) / 2)
      }
    }
  }

  @Test("several threads may compute at once")
  func callers() async {
    await withTaskGroup(of: Int.self) { group in
      for _ in 0..<4 {
        group.addTask {
          let runs = Atomic(0)
          Kernels.with(threads: 3) {
            for _ in 0..<500 { parallel(7) { _ in runs.add(1, ordering: .relaxed) } }
          }
          return runs.load(ordering: .relaxed)
        }
      }
      for await runs in group { #expect(runs == 3500) }
    }
  }

  @Test("threads are at least one and at most the processors this process may use")
  func threadCount() {
    #expect((1...Processors.allowed.count).contains(Processors.physicalCores))
    #expect((1...Processors.allowed.count).contains(Kernels.threads))
  }
}
