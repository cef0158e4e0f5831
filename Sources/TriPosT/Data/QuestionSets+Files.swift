// Where a run's questions come from: the task itself, or files; and what may not be tested on
// (docs/tripost.md, 9.6).

import Boundary

extension QuestionSets {
  /// Makes the sets of a configuration.
  ///
  /// - Parameters:
  ///   - task: Makes the sets that no file is named for.
  ///   - data: Names the files.
  ///   - notes: Gets how many rows and test questions were left out.
  /// - Throws: `InputError` when a file cannot be used, or nothing is left to test on.
  init<Task: GeneratedTask>(
    of task: Task, _ data: RunConfiguration.DataSettings, notes: inout [String]
  ) throws {
    self = try task.questions(seed: UInt64(data.seed))
    for (use, paths) in [
      (QuestionUse.training, data.trainingFiles), (.validation, data.validationFiles),
      (.test, data.testFiles),
    ] where !paths.isEmpty {
      self[use] = []
      for path in paths {
        let file = try QuestionFile(path, for: use, of: task)
        for question in file.questions {
          self[use].append(question.with(id: "\(use.rawValue)-\(self[use].count)"))
        }
        if let first = file.rejects.first {
          notes.append(
            "\(path): left out \(file.rejects.count) rows; the first is row \(first.place): "
              + first.reason)
        }
      }
    }
    try removeOverlap(task, isAllowed: data.testOnTraining, notes: &notes)
  }

  /// Takes the test questions out that training or validation has, in whatever order of options or
  /// words.
  private mutating func removeOverlap<Task: GeneratedTask>(
    _ task: Task, isAllowed: Bool, notes: inout [String]
  ) throws {
    let known = Set((training + validation).map(task.identity))
    let free = test.filter { !known.contains(task.identity(of: $0)) }
    let overlap = test.count - free.count
    guard overlap > 0 else { return }
    let share = "\(overlap) of \(test.count) test questions are in the training data"
    if isAllowed {
      notes.append("\(share), and tested all the same: data.test_on_training is true")
      return
    }
    guard !free.isEmpty else {
      throw InputError(
        .onlyOverlap, at: .init(field: "data.test_files"), found: share,
        hints: ["data.test_on_training: true tests on them all the same"])
    }
    notes.append("\(share) and were left out of the test")
    test = free
  }
}
