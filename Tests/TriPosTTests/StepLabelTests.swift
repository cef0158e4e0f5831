import Testing
import TriPosT

@Suite("Step labels")
struct StepLabelTests {
  @Test("labels are ordered number by number, and the final response is last")
  func order() throws {
    let texts = ["1", "2", "2.9", "2.10", "3", "9", "10", "Final response"]
    let labels = try texts.map { try #require(StepLabel(parsing: $0)) }
    #expect(labels.sorted() == labels)
    #expect(labels.map(\.description) == texts)
    #expect(!(StepLabel.finalResponse < .finalResponse))
  }

  @Test(
    "what is no label is not read as one",
    arguments: [
      "", ".", "1.", ".1", "1..2", "a", "1a", "-1", "+1", "99999999999999999999",
      "9223372036854775807", "1000000", "١",
    ])
  func refused(text: String) {
    #expect(StepLabel(parsing: text) == nil)
  }

  @Test(
    "the kinds of lines are tried in the order of 2.5",
    arguments: [
      ("Q: (1 + 2) =", LineHeader.question), ("so: FAQ: no", .question), ("Options:", .options),
      ("List: a b", .list), ("(A) 01/02/2003", .option(UInt8(ascii: "A"))),
      ("Updated Answer: Let's", .update), ("Answer: Let's", .answer),
      ("Feedback: Step (1)", .feedback), ("(1) feedback: hm", .feedback),
      ("(final response) So", .finalResponse), ("(1) It is", .step(.number(1))),
      ("(4.2.1) It is", .step(.step([4, 2, 1]))), ("(1.) It is", .unknown), ("", .unknown),
      (" (1) It is", .unknown), ("(٣) It is", .unknown), ("()", .unknown), ("(", .unknown),
      ("(@) x", .unknown), ("(é) x", .unknown),
    ])
  func headers(line: String, header: LineHeader) {
    #expect(LineHeader(line) == header)
  }
}
