import Testing
import TriPosT

@Suite("The evaluator of arithmetic")
struct ArithmeticTests {
  static let expressions: [(text: String, value: Int64)] = [
    ("0", 0), ("54", 54), ("-4", -4), ("--5", 5), ("+5", 5), ("-+-5", 5), ("2 - -3", 5),
    ("2--3", 5), ("3 + -4 * 2 - 1", -6), ("8 - 5 - 2", 1), ("2 * 3 * -4", -24), ("-2 * 3", -6),
    ("(1)", 1), ("-(3 - 5)", 2), ("2 * -(1 + 1)", -4), (" ( 3 )\t+ 1 ", 4),
    ("1 - (2 - (3 - (4 - 5)))", 3), ("9223372036854775807", .max),
    (String(repeating: "(", count: 40) + "7" + String(repeating: ")", count: 40), 7),
    (String(repeating: "-", count: 40) + "7", 7),
  ]

  @Test("what is an expression has its value", arguments: expressions)
  func values(text: String, value: Int64) {
    #expect(Arithmetic.value(of: text) == value)
  }

  @Test(
    "anything else has none",
    arguments: [
      "", " ", "()", "2(3)", "(2)(3)", "(2)3", "2 3", "05", "00", "-05", "1 +", "* 2", "1 * * 2",
      "1 ** 2", "1 / 2", "1.0", "(1", "1)", ")1(", "((1)", "A", "1 + A", "٣", "1 + (", "(-)", "=",
      "1e3", "0x1", "1_0", "\u{2212}1", "9223372036854775808", "9223372036854775807 + 1",
      "3037000500 * 3037000500", "-9223372036854775807 - 2",
    ])
  func invalid(text: String) {
    #expect(Arithmetic.value(of: text) == nil)
  }

  @Test("hostile depth and length cost no stack")
  func deep() {
    let count = 20_000
    let open = String(repeating: "(", count: count)
    let close = String(repeating: ")", count: count)
    #expect(Arithmetic.value(of: open + "7" + close) == 7)
    #expect(Arithmetic.value(of: open) == nil)
    #expect(Arithmetic.value(of: String(repeating: "1+", count: count) + "1") == Int64(count + 1))
    #expect(Arithmetic.value(of: String(repeating: "-", count: count) + "1") == 1)
  }

  @Test(
    "brackets go around every operation, by precedence and from the left",
    arguments: [
      ("(3 + -4 * 2 - 1)", "((3 + (-4 * 2)) - 1)"), ("(1 - -3 + 0)", "((1 - -3) + 0)"),
      ("(0 * -2 * -2 - 0)", "(((0 * -2) * -2) - 0)"), ("(2)", "2"),
      ("((1 + 2) * 3)", "((1 + 2) * 3)"), ("(1 + 2 * (3 - 4))", "(1 + (2 * (3 - 4)))"),
    ])
  func bracketed(text: String, expected: String) {
    #expect(Arithmetic(parsing: text)?.fullyBracketed == expected)
  }

  @Test(
    "a sign before a bracket or a sign cannot be written with its number",
    arguments: ["-(3)", "--3", "-(1 + 2)"])
  func unbracketable(text: String) throws {
    let isNumber = text == "-(3)"
    let bracketed = try #require(Arithmetic(parsing: text)).fullyBracketed
    #expect(bracketed == (isNumber ? "-3" : nil))
  }

  @Test("innermost brackets are replaced left to right, wherever they occur")
  func reductions() {
    #expect(
      Arithmetic.reductions(of: "(((9 - 5) - 7) + (0 * -5))")
        == ["((4 - 7) + (0 * -5))", "((4 - 7) + 0)", "(-3 + 0)", "-3"])
    #expect(Arithmetic.reductions(of: "((1 + 2) * (1 + 2))") == ["(3 * 3)", "(3 * 3)", "9"])
    #expect(Arithmetic.reductions(of: "7") == [])
    #expect(Arithmetic.reductions(of: "(x)") == nil)
    #expect(Arithmetic.reductions(of: "(1") == nil)
  }

  @Test(
    "the last number keeps its sign",
    arguments: [("= (-5 - 1) = -6.", -6), ("3-6", -6), ("5", 5), ("a 12 b", 12), ("--7", -7)])
  func lastNumber(text: String, value: Int64) {
    #expect(Arithmetic.lastNumber(in: text) == value)
    #expect(Arithmetic.lastNumber(in: "none") == nil)
    #expect(Arithmetic.lastNumber(in: "99999999999999999999") == nil)
  }
}
