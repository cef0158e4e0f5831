import Boundary

/// The texts of one iteration, balanced for each task by itself, so that none is crowded out by another one's
/// (docs/tripost.md, 6.3, 9.7).
struct TaskMixes {
  private let names: [String]
  private var mixes: [TrainingMix]

  init(of course: Course, options: TrainingMix.Options) {
    names = course.taskNames
    mixes = names.map { _ in TrainingMix(options: options) }
  }

  /// Texts so far, without ground truth.
  var count: Int { mixes.reduce(0) { $0 + $1.count } }

  /// The counts of all tasks together.
  var counts: TrainingMix.Counts {
    mixes.reduce(into: TrainingMix.Counts()) { sum, mix in
      sum.improvements += mix.counts.improvements
      sum.others += mix.counts.others
      sum.groundTruths += mix.counts.groundTruths
      sum.tooLong += mix.counts.tooLong
    }
  }

  /// The facts of a mix, those of several tasks one by one as well.
  var facts: JSONObject {
    var facts = counts.facts
    guard names.count > 1 else { return facts }
    var parts = JSONObject()
    for (name, mix) in zip(names, mixes) { parts[name] = .object(mix.counts.facts) }
    facts["tasks"] = .object(parts)
    return facts
  }

  /// Adds what a pass gave; `random` makes the numbers of a task.
  mutating func add(
    _ pass: [Trajectory], random: (_ task: String) -> RandomStream, length: (String) -> Int
  ) {
    for (index, name) in names.enumerated() {
      var random = random(name)
      mixes[index].add(
        pass.filter { $0.question.cell.task == name }, random: &random, length: length)
    }
  }

  /// The texts to train on, those of several tasks in one random order.
  mutating func texts(
    withGroundTruthOf course: Course, random: (_ task: String) -> RandomStream,
    length: (String) -> Int
  ) -> [TrainingText] {
    var texts: [TrainingText] = []
    for (index, name) in names.enumerated() {
      guard let task = course.tasks[name] else { continue }
      var random = random(name)
      texts += mixes[index].texts(
        withGroundTruthOf: course.training.filter { $0.cell.task == name }, task: task,
        random: &random, length: length)
    }
    guard names.count > 1 else { return texts }
    var random = random(names.joined(separator: "+"))
    random.shuffle(&texts)
    return texts
  }
}

extension TrainingMix.Counts {
  fileprivate var facts: JSONObject {
    [
      "texts": .integer(Int64(total)), "improved": .integer(Int64(improvements)),
      "correct": .integer(Int64(others)), "ground_truth": .integer(Int64(groundTruths)),
      "too_long": .integer(Int64(tooLong)), "p": .number(share),
    ]
  }
}
