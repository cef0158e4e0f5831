import Boundary
import Testing
import TriPosT

@Suite("Scores")
struct MetricsTests {
  private let unseen = Cell(name: "hard", isSeen: false)
  private let left = Cell(name: "hardest", isSeen: false, isPublished: false)

  private func result(_ attempts: [Bool], _ cell: Cell = Sample.seen) -> QuestionResult {
    QuestionResult(id: "", cell: cell, attempts: attempts)
  }

  @Test("section 11's figures are the counts worked out by hand")
  func byHand() {
    let score = Score([
      result([true]), result([false]), result([]),  // direct: 1 of 3
      result([false, true]), result([false, false, true]),  // wrong to right
      result([true, false]), result([true, true]), result([false, true, false]),
    ])
    #expect(score.count == 8 && score.correct == 4 && score.directlyCorrect == 1)
    #expect(score.correctAtFirst == 3 && score.updated == 5)
    #expect(score.wrongToRight == 2 && score.rightToRight == 1)
    #expect(score.rightToWrong == 1 && score.wrongToWrong == 1)
    #expect(score.falseAlarms == 3)
    #expect(score.accuracy == 0.5 && score.directAccuracy == 0.125)
    #expect(score.updateFrequency == 0.625 && score.updateContribution == 0.375)
  }

  @Test("cells, seen, unseen, all and the published totals are pooled counts")
  func pooled() {
    let results = [
      result([true]), result([false]), result([true], unseen), result([false], left),
    ]
    let scores = Scores(results, cells: [Sample.seen, unseen, left, Cell(name: "", isSeen: true)])
    #expect(scores.cells.map(\.cell.name) == ["l3-4d2", "hard", "hardest"])
    #expect(scores.seen.accuracy == 0.5 && scores.unseen.accuracy == 0.5)
    #expect(scores.all.count == 4 && scores.all.correct == 2)
    #expect(scores.publishedUnseen.accuracy == 1 && scores.publishedAll.count == 3)
    #expect(scores == Scores(results, cells: [Sample.seen, unseen, left]))
    #expect(Score([]).accuracy == 0)
  }

  @Test("a trajectory's attempts are marked by their answers")
  func trajectory() {
    let result = QuestionResult(TrainingMixTests.edited, task: Sample.task)
    #expect(result.attempts == [false, true])
    #expect(result.id == "sample" && result.cell == Sample.seen)
  }

  @Test(
    "Wilson's interval is that of the tables",
    arguments: [
      // Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I.
      (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611),
      (1, 29, 0.0061, 0.1718),
    ])
  func wilson(part: Int, count: Int, low: Double, high: Double) {
    let interval = wilsonInterval(part, of: count)
    #expect(abs(interval.lowerBound - low) < 0.00005)
    #expect(abs(interval.upperBound - high) < 0.00005)
  }

  @Test("no question says nothing, and the interval never leaves 0 to 1")
  func wilsonEdges() {
    #expect(wilsonInterval(0, of: 0) == 0...1)
    for count in 1...40 {
      for part in 0...count {
        let interval = wilsonInterval(part, of: count)
        let share = Double(part) / Double(count)
        #expect(interval.lowerBound >= 0 && interval.upperBound <= 1)
        #expect(interval.lowerBound <= share + 1e-15 && interval.upperBound >= share - 1e-15)
      }
    }
  }

  @Test("a paired difference counts the changes, and its interval is near the normal one")
  func paired() {
    // 300 questions: 40 gained, 10 lost; the difference has a standard error of
    // sqrt(50 - 30 * 30 / 300) / 300 = 0.0229.
    let first = (0..<300).map { $0 < 10 || (50..<150).contains($0) }
    let second = (0..<300).map { (10..<150).contains($0) }
    let random = RandomStream(seed: 1, "difference")
    let paired = PairedDifference(first, second, random: random)
    #expect(paired.onlyFirst == 10 && paired.onlySecond == 40)
    #expect(paired.difference == 0.1)
    #expect(abs(paired.interval.lowerBound - (0.1 - 1.96 * 0.0229)) < 0.006)
    #expect(abs(paired.interval.upperBound - (0.1 + 1.96 * 0.0229)) < 0.006)
    #expect(PairedDifference(first, second, random: random) == paired)
    #expect(PairedDifference(first, first, random: random).interval == 0...0)
    #expect(PairedDifference([], [], random: random).interval == 0...0)
  }
}
