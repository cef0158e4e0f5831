import TestSupport
import Testing

@testable import Boundary

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite("A file of rows that work can go on with")
struct ResumableRowsTests {
  static let count = 7
  static let origin: JSONObject = ["seed": 1, "model": "a"]
  /// The order in which the rows come to be made.
  static let order = [2, 0, 1, 6, 4, 3, 5]

  static func row(_ number: Int) -> JSONObject {
    ["number": .integer(Int64(number)), "text": .string("row \(number) é \"\u{7}\n")]
  }

  static func text(_ numbers: some Sequence<Int>) -> String {
    numbers.map { JSONValue.object(row($0)).serialized + "\n" }.joined()
  }

  /// Makes what is missing, in `order`; `limit` rows at most.
  static func work(
    _ path: String, isOrdered: Bool = true, origin: JSONObject = origin, isResuming: Bool = true,
    limit: Int = .max
  ) throws {
    let rows = try ResumableRows(
      path, count: count, isOrdered: isOrdered, origin: origin, isResuming: isResuming)
    let missing = Set(rows.missing)
    let open = order.filter(missing.contains)
    for number in open.prefix(limit) { try rows.add(row(number), number: number) }
    try rows.sync()
    if open.count <= limit { try rows.finish() }
  }

  @Test("rows appear in their order as soon as those before them are there")
  func ordered() throws {
    let folder = TemporaryFolder()
    let path = folder["out"]
    for (made, there) in [(1, 0), (2, 1), (3, 3), (5, 3), (6, 5)] {
      try? Files.remove(path)
      try? Files.remove(path + ".journal")
      try Self.work(path, isResuming: false, limit: made)
      #expect(try Files.readText(path) == Self.text(0..<there))
    }
    try Self.work(path)
    #expect(try Files.readText(path) == Self.text(0..<Self.count))
    #expect(try Files.readText(path + ".journal").split(separator: "\n").count == 1)
  }

  @Test("without an order rows appear as they are made")
  func unordered() throws {
    let folder = TemporaryFolder()
    try Self.work(folder["out"], isOrdered: false, limit: 4)
    #expect(try Files.readText(folder["out"]) == Self.text(Self.order.prefix(4)))
    try Self.work(folder["out"], isOrdered: false)
    #expect(try Files.readText(folder["out"]) == Self.text(Self.order))
  }

  @Test("RUN-16: where nothing is missing nothing changes")
  func finished() throws {
    let folder = TemporaryFolder()
    try Self.work(folder["out"])
    let rows = try ResumableRows(
      folder["out"], count: Self.count, isOrdered: true, origin: Self.origin, isResuming: true)
    #expect(rows.missing.isEmpty)
    try rows.finish()
    #expect(try Files.readText(folder["out"]) == Self.text(0..<Self.count))
  }

  @Test(
    "RUN-01: stopped at any file operation, it ends with the same bytes", arguments: [true, false])
  func everyOperation(isOrdered: Bool) throws {
    let counter = FileFaults()
    let whole = TemporaryFolder()
    try FileFaults.$current.withValue(counter) {
      try Self.work(whole["out"], isOrdered: isOrdered)
    }
    let expected = try Files.readText(whole["out"])
    #expect(counter.operations > 20)
    for operation in 1...counter.operations {
      let folder = TemporaryFolder()
      FileFaults.$current.withValue(FileFaults(.error(EIO), from: operation)) {
        _ = try? Self.work(folder["out"], isOrdered: isOrdered)
      }
      try Self.work(folder["out"], isOrdered: isOrdered)
      #expect(try Files.readText(folder["out"]) == expected, "operation \(operation)")
    }
  }

  @Test("RUN-11: a torn line of the journal or the file is mended, wherever it is torn")
  func torn() throws {
    let folder = TemporaryFolder()
    try Self.work(folder["out"], limit: 3)
    let journal = try Files.read(folder["out.journal"])
    let lastLine = journal.dropLast().lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    for end in lastLine..<journal.count {
      folder.write(Array(journal[..<end]), to: "out.journal")
      folder.write("{\"torn", to: "out")
      try Self.work(folder["out"])
      #expect(try Files.readText(folder["out"]) == Self.text(0..<Self.count))
    }
    // Killed while the very first line was written.
    for end in [0, 10] {
      folder.write(Array(journal[..<end]), to: "out.journal")
      try Self.work(folder["out"])
      #expect(try Files.readText(folder["out"]) == Self.text(0..<Self.count))
    }
  }

  @Test("RUN-12: a damaged line of the journal is refused by its number")
  func damaged() throws {
    let folder = TemporaryFolder()
    try Self.work(folder["out"], limit: 3)
    var journal = try Files.read(folder["out.journal"])
    let second = try #require(journal.firstIndex(of: 0x0A)) + 20
    journal[second] ^= 1
    folder.write(journal, to: "out.journal")
    let error = #expect(throws: InputError.self) { try Self.work(folder["out"]) }
    #expect(error?.rule.code == "RUN-12" && error?.place.line == 2)
  }

  @Test("RUN-09: rows made from something else are not mixed with new ones, finished or not")
  func otherOrigin() throws {
    for limit in [3, .max] {
      let folder = TemporaryFolder()
      try Self.work(folder["out"], limit: limit)
      let before = try Files.readText(folder["out"])
      for other: JSONObject in [
        ["seed": 2, "model": "a"], ["seed": 1], ["seed": 1, "model": nil],
      ] {
        let error = #expect(throws: InputError.self) {
          try Self.work(folder["out"], origin: other)
        }
        #expect(error?.rule.code == "RUN-09" && error?.exit == .mismatch)
      }
      #expect(try Files.readText(folder["out"]) == before)
    }
  }

  @Test("RUN-02: two do not work on one file; the first goes on")
  func inUse() throws {
    let folder = TemporaryFolder()
    func open() throws -> ResumableRows {
      try ResumableRows(
        folder["out"], count: 2, isOrdered: true, origin: ["seed": 1], isResuming: true)
    }
    let rows = try open()
    try rows.add(["text": "a"], number: 0)
    let error = #expect(throws: InputError.self) { try open() }
    #expect(error?.rule.code == "RUN-02" && error?.exit == .busy)
    try rows.add(["text": "b"], number: 1)
    try rows.finish()
    #expect(try JSONLines.read(folder["out"]).count == 2)
  }

  @Test("RUN-17: a file that is there is not written over")
  func existing() throws {
    let folder = TemporaryFolder()
    folder.write("mine", to: "letter")
    for isResuming in [false, true] {
      let error = #expect(throws: InputError.self) {
        try Self.work(folder["letter"], isResuming: isResuming)
      }
      #expect(error?.rule.code == "RUN-17" && error?.exit == .inputOutput)
    }
    #expect(folder.names == ["letter"])
    try Self.work(folder["out"])
    let error = #expect(throws: InputError.self) {
      try Self.work(folder["out"], isResuming: false)
    }
    #expect(error?.rule.code == "RUN-17")
  }
}
