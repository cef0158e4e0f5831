import Boundary
import TestSupport
import Testing

@testable import LoRA

/// What TensorBoard makes of the event files: `scripts/check-tensorboard`.
@Suite("Training log")
struct TrainingLogTests {
  static func step(_ number: Int) -> StepReport {
    StepReport(
      step: number, steps: 9, epoch: Double(number) / 3, loss: 1 / Double(number),
      gradientNorm: 0.5, learningRate: 1e-4, tokens: 100, targets: 60)
  }

  static let all: Set<TrainingLog.Format> = [.csv, .tensorboard]

  /// Logs these steps with an evaluation after each second one.
  static func log(_ path: String, _ steps: ClosedRange<Int>, upTo step: Int = 0) throws {
    let log = try TrainingLog(path, formats: all, upTo: step, time: 1_700_000_000)
    try log.record(data: ["rows": 3])
    for number in steps {
      try log.record(
        Self.step(number), clock: ["time": .number(Double(number)), "tokens_per_s": 9])
      if number.isMultiple(of: 2) {
        try log.record(
          EvaluationReport(step: number, loss: 2, isBest: true), clock: ["time": 5])
      }
    }
    try log.sync()
  }

  static func files(_ path: String) throws -> [[UInt8]] {
    try ["metrics.jsonl", "metrics.csv", "tensorboard/events.out.tfevents.1700000000.tripost"]
      .map { try Files.read("\(path)/\($0)") }
  }

  @Test("a log that was cut anywhere and gone on with from a step is the log of one go")
  func resumed() throws {
    try Scratch.folder { path in
      try Files.createDirectory("\(path)/whole")
      try Self.log("\(path)/whole", 1...9)
      let expected = try Self.files("\(path)/whole")
      for (stop, checkpoint, cut) in [(7, 6, 0), (5, 2, 11), (3, 0, 1)] {
        let folder = "\(path)/\(stop)"
        try Files.createDirectory(folder)
        try Self.log(folder, 1...stop)
        for name in ["metrics.jsonl", "metrics.csv"] {
          try Files.truncate("\(folder)/\(name)", to: Files.size("\(folder)/\(name)") - cut)
        }
        try Self.log(folder, checkpoint + 1...9, upTo: checkpoint)
        #expect(try Self.files(folder) == expected)
      }
    }
  }

  @Test("lines and rows say what happened")
  func contents() throws {
    try Scratch.folder { path in
      try Self.log(path, 1...2)
      let lines = try JSONLines.read("\(path)/metrics.jsonl")
      #expect(lines.map { $0["event"] } == ["data", "step", "step", "evaluation"])
      #expect(lines[3]["eval_loss"] == 2.0 && lines[3]["best"] == true)
      #expect(lines[1]["clock"]?["tokens_per_s"] == 9)
      let rows = try Files.readText("\(path)/metrics.csv").split(separator: "\n")
      #expect(
        rows == [
          "step,epoch,loss,learning_rate,grad_norm,tokens,targets,eval_loss,time,tokens_per_s",
          "1,0.3333333333333333,1.0,0.0001,0.5,100,60,,1.0,9",
          "2,0.6666666666666666,0.5,0.0001,0.5,100,60,,2.0,9", "2,,,,,,,2.0,5,",
        ])
    }
  }

  @Test("only what is asked for is written")
  func formats() throws {
    try Scratch.folder { path in
      _ = try TrainingLog(path, formats: [], upTo: 0, time: 0)
      #expect(try Files.list(path) == ["metrics.jsonl"])
    }
  }

  @Test("CRC-32C has the values of RFC 3720, appendix B.4")
  func checksum() {
    #expect(EventFile.crc32c([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
    #expect(EventFile.crc32c([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
    #expect(EventFile.crc32c((0..<32).map { $0 }) == 0x46DD_794E)
    #expect(EventFile.crc32c(Array("123456789".utf8)) == 0xE306_9283)
  }

  @Test("a record is framed by its length and two checksums")
  func record() {
    let bytes = EventFile.scalars([("a", 1)], step: 300, time: 2)
    let length = Int(bytes[0])
    #expect(bytes.count == 8 + 4 + length + 4)
    let data = Array(bytes[12..<12 + length])
    // wall_time 2.0; step 300; summary of one value: tag "a", simple_value 1.0.
    #expect(
      data == [0x09, 0, 0, 0, 0, 0, 0, 0, 0x40, 0x10, 0xAC, 0x02, 0x2A, 0x0A, 0x0A, 0x08]
        + [0x0A, 0x01, 0x61, 0x15, 0, 0, 0x80, 0x3F])
    var sum: [UInt8] = []
    appendLittleEndian(EventFile.maskedCRC(data), to: &sum)
    #expect(Array(bytes.suffix(4)) == sum)
  }
}
