import Boundary
import Llama
import QuantKernels
import Testing

@testable import LoRA

@Suite("Passes over the rows of a micro-batch")
struct PassesTests {
  /// Rows of these lengths, each with a first page that others have if its number is theirs.
  static func rows(_ rows: [(length: Int, beginning: Int)]) -> [TrainingRow] {
    rows.enumerated().map { index, row in
      let page = KeyValueStore.pageLength
      func tokens(_ count: Int, _ name: String, _ number: Int) -> [Int] {
        var random = RandomStream(seed: 4, name, number)
        return (0..<count).map { _ in 3 + random.below(40) }
      }
      let tokens =
        tokens(page, "beginning", row.beginning) + tokens(row.length - page, "row", index)
      return TrainingRow(
        id: "\(index)", tokens: tokens, weights: tokens.indices.map { $0 % 3 == 0 ? 0 : 1 })
    }
  }

  static func passes(_ rows: [TrainingRow], sharing: Bool = true) -> [PackedRows] {
    PackedRows.passes(
      rows, coefficients: WeightedLoss.coefficients(of: [rows], .tokens)[0], sharing: sharing)
  }

  @Test("passes have the gradients of all rows at once, and the bits of any number of threads")
  func gradients() throws {
    let (model, _) = try TinyModel(seed: 3).load()
    let adapter = GradientTests.adapter(model.configuration)
    let rows = Self.rows((0..<20).map { (60, $0) })
    let factors = WeightedLoss.coefficients(of: [rows], .tokens)[0]
    func run(_ passes: [PackedRows], threads: Int = 2) -> (loss: Double, AdapterGradients) {
      let (pass, gradients) = (TrainingPass(model, adapter), AdapterGradients(adapter))
      let loss = Kernels.with(threads: threads) {
        passes.reduce(0.0) { $0 + pass.run($1, into: gradients) }
      }
      return (loss, gradients)
    }
    let passes = Self.passes(rows)
    // Nine rows of 60 tokens are the first to have 512; what follows a row's last target is left out.
    #expect(passes.map(\.sequences.count) == [9, 9, 2])
    let (parts, whole) = (run(passes), run([PackedRows(rows, coefficients: factors)]))
    #expect(abs(parts.loss - whole.loss) <= 1e-9 * whole.loss)
    for (a, b) in zip(parts.1.a + parts.1.b, whole.1.a + whole.1.b) {
      let largest = b.values.map(abs).max() ?? 0
      #expect(zip(a.values, b.values).allSatisfy { abs($0 - $1) <= 1e-5 * largest })
    }
    for threads in [1, 3] {
      let other = run(passes, threads: threads)
      #expect(other.loss == parts.loss)
      #expect(GradientTests.bits(other.1) == GradientTests.bits(parts.1))
    }
  }

  @Test("rows that begin alike share a pass, and no pass has more tokens than was foreseen")
  func beginnings() {
    let rows = Self.rows((0..<24).map { (30 + 7 * ($0 % 5), $0 % 7) })
    for batch in [1, 5, 16, 24] {
      let most = PackedRows.mostTokensOfPass(rows, batch: batch, sharing: true)
      #expect(most <= rows.map(\.tokens.count).sorted(by: >).prefix(batch).reduce(0, +))
      for start in stride(from: 0, through: rows.count - batch, by: 3) {
        let passes = Self.passes(Array(rows[start..<start + batch]))
        #expect(passes.allSatisfy { $0.tokens.count <= most })
        let first = passes.map { pass in
          pass.sequences.filter(\.prefix.isEmpty).map { pass.tokens[$0.rows].prefix(16) }
        }
        // Each beginning is there once.
        #expect(Set(first.joined()).count == first.joined().count)
      }
    }
    let alone = Self.passes(rows, sharing: false)
    #expect(alone.allSatisfy { $0.sequences.allSatisfy(\.prefix.isEmpty) })
    #expect(alone.reduce(0) { $0 + $1.sequences.count } == rows.count)
  }
}
