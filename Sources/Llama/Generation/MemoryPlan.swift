package import Boundary
import QuantKernels

extension InputError.Rule {
  /// A ceiling on memory that is below what the work needs.
  package static let memorySuffices = Self("SYS-09", exit: .memory)
}

/// How many sequences run at once, and in how many pages, below a ceiling on the process' memory.
struct MemoryPlan: Equatable {
  /// What generation takes beside what the process has already; bytes.
  struct Cost {
    /// Weights, tokenizer, adapter, prompts: what is there before the first pass.
    let present: Int
    /// Keys and values of one page, all layers together.
    let page: Int
    /// Scratch space of passes over so many sequences, with their logits.
    let scratch: (_ sequences: Int) -> Int
  }

  /// Sequences in flight at most.
  let parallel: Int
  /// Of the key/value store.
  let pages: Int

  /// - Parameters:
  ///   - needs: Pages that each sequence may grow to; not empty.
  ///   - parallel: Sequences that are wanted at once.
  ///   - ceiling: Bytes that the process may have in all; nil for as many as it takes.
  ///   - cost: What sequences take.
  /// - Throws: `InputError` SYS-09 when the largest sequence does not fit alone.
  init(needs: [Int], parallel: Int, ceiling: Int?, cost: Cost) throws {
    let widest = needs.sorted(by: >)
    let wanted = min(parallel, widest.count)
    // The widest sequences at once, and as much again to remember beginnings in.
    var pages = 2 * widest.prefix(wanted).reduce(0, +)
    var fitting = wanted
    if let ceiling {
      var held = widest.prefix(wanted).reduce(0, +)
      func bytes() -> Int { cost.present + cost.scratch(fitting) + cost.page * held }
      while fitting > 0, bytes() > ceiling {
        fitting -= 1
        held -= widest[fitting]
      }
      guard fitting > 0 else {
        throw Self.refusal(ceiling, cost, largest: widest[0])
      }
      pages = min(pages, (ceiling - cost.present - cost.scratch(fitting)) / cost.page)
    }
    self.parallel = fitting
    self.pages = pages
  }

  private static func refusal(_ ceiling: Int, _ cost: Cost, largest pages: Int) -> InputError {
    let (scratch, cache) = (cost.scratch(1), pages * cost.page)
    func words(_ bytes: Int) -> String { "\(ByteSize(bytes: bytes))" }
    return InputError(
      .memorySuffices, at: .init(field: "memory"), found: words(ceiling),
      allowed: "enough for a sequence of \(pages * KeyValueStore.pageLength) positions; "
        + "it needs \(words(cost.present + scratch + cache))",
      hints: [
        "weights and program \(words(cost.present)), keys and values \(words(cache)), "
          + "activations \(words(scratch))",
        "fewer new tokens, or --cache-type-k q8_0 --cache-type-v q8_0, take less",
      ])
  }
}
