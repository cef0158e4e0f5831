import Boundary
import Testing

@testable import Llama

@Suite("Sequences in flight below a ceiling on memory")
struct MemoryPlanTests {
  /// 1,000 bytes are taken, a page has 10, and each sequence takes 100 beside 50 for all.
  static var cost: MemoryPlan.Cost {
    MemoryPlan.Cost(present: 1000, page: 10, scratch: { 50 + 100 * $0 })
  }
  static let needs = [1, 8, 2, 4]

  static func plan(_ ceiling: Int?, parallel: Int = 4) throws -> MemoryPlan {
    try MemoryPlan(needs: needs, parallel: parallel, ceiling: ceiling, cost: cost)
  }

  @Test("without a ceiling, or with a high one, all run with as many pages again")
  func free() throws {
    for ceiling in [nil, 1_000_000] {
      let plan = try Self.plan(ceiling)
      #expect(plan.parallel == 4 && plan.pages == 30)
    }
    #expect(try Self.plan(nil, parallel: 2).pages == 24)
    #expect(try Self.plan(nil, parallel: 100).parallel == 4)
  }

  /// Whatever a ceiling allows is below it, holds the widest sequences, and no more of them would fit.
  @Test("a lower ceiling leaves fewer sequences, then no plan", arguments: 1200...1700)
  func ceiling(bytes: Int) throws {
    let widest = Self.needs.sorted(by: >)
    func needed(_ count: Int) -> Int {
      1050 + 100 * count + 10 * widest.prefix(count).reduce(0, +)
    }
    guard bytes >= needed(1) else {
      let error = #expect(throws: InputError.self) { try Self.plan(bytes) }
      #expect(error?.rule.code == "SYS-09" && error?.exit == .memory)
      return
    }
    let plan = try Self.plan(bytes)
    #expect(1050 + 100 * plan.parallel + 10 * plan.pages <= bytes)
    #expect(plan.pages >= widest.prefix(plan.parallel).reduce(0, +))
    #expect(plan.parallel == 4 || needed(plan.parallel + 1) > bytes)
    #expect(plan.pages == 30 || 1050 + 100 * plan.parallel + 10 * (plan.pages + 1) > bytes)
  }

  @Test("SYS-09: the refusal says what a single sequence needs")
  func refusal() {
    let error = #expect(throws: InputError.self) { try Self.plan(1229) }
    #expect(
      error?.description
        == """
        error[SYS-09] field "memory": 1.2 KiB is not enough for a sequence of 128 positions; it needs 1.2 KiB
        hint: weights and program 1.0 KiB, keys and values 80 bytes, activations 150 bytes
        hint: fewer new tokens, or --cache-type-k q8_0 --cache-type-v q8_0, take less
        """)
  }
}
