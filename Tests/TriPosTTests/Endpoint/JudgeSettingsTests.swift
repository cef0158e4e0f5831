import Boundary
import TestSupport
import Testing

@testable import TriPosT

@Suite("Settings of critics and improvers")
struct JudgeSettingsTests {
  private func codes(_ yaml: String) -> [String] {
    do {
      _ = try RunConfiguration(yaml: yaml)
      return []
    } catch let error as ConfigurationProblems {
      #expect(error.exit == .configuration)
      #expect(!error.description.contains("hunter2"))
      return error.problems.map(\.rule.code)
    } catch {
      return ["\(error)"]
    }
  }

  private let whole = """
    feedback:
      kind: endpoint
    endpoint:
      model: m
    """

  @Test("a whole configuration is taken, and reads back")
  func readsBack() throws {
    let configuration = try RunConfiguration(
      yaml: whole + "\n  url: http://localhost:8080\n  fields: [stop, max_completion_tokens]\n")
    #expect(configuration.feedback.kind == .endpoint)
    #expect(configuration.improvement.kind == .script)
    #expect(configuration.improvement.temperature == 0.7)
    #expect(try RunConfiguration(yaml: configuration.yaml) == configuration)
  }

  @Test("CFG-06: each kind needs what it works with")
  func needs() {
    #expect(codes(whole) == ["CFG-06"])
    #expect(codes("feedback: {kind: model}") == ["CFG-06"])
    #expect(codes("improvement: {kind: program, program: \" \"}") == ["CFG-06"])
    #expect(codes("endpoint: {fields: [max_tokens, max_completion_tokens]}") == ["CFG-06"])
  }

  @Test("EP-25: a ceiling on money needs prices")
  func price() {
    #expect(codes(whole + "\n  url: http://localhost\n  max_cost: 5\n") == ["EP-25"])
    #expect(codes(whole + "\n  url: http://localhost\n  max_cost: 5\n  input_price: 1\n") == [])
  }

  @Test("EP-27: plain http stays on this machine unless it is allowed")
  func insecure() {
    #expect(codes(whole + "\n  url: http://10.0.0.1\n") == ["EP-27"])
    #expect(codes(whole + "\n  url: http://10.0.0.1\n  allow_insecure: true\n") == [])
    #expect(codes(whole + "\n  url: https://10.0.0.1\n") == [])
  }

  @Test("EP-28: an address with a password is refused, and not shown")
  func password() {
    #expect(codes(whole + "\n  url: https://me:hunter2@host\n") == ["EP-28"])
  }

  @Test("CFG-11: a key in the place of a variable's name is refused, and not shown")
  func keyInPlaceOfName() {
    for text in ["hunter2-hunter2", "\"hunter2 x\"", "9hunter2"] {
      #expect(codes(whole + "\n  url: http://localhost\n  api_key_env: \(text)\n") == ["CFG-11"])
    }
  }

  @Test("CFG-12: a variable without a usable value is refused by its name")
  func variable() throws {
    for value in [nil, "", "hunter2\n", "hünter2", "hunter2 "] {
      let error = try refusal { _ = try APIKey(variable: "MY_KEY") { _ in value } }
      #expect(error?.rule.code == "CFG-12")
      #expect(error?.description.contains("MY_KEY") == true)
      #expect(error?.description.contains("nter2") == false)
    }
    let key = try APIKey(variable: "MY_KEY") { _ in "hunter2" }
    #expect("\(key)" == "***" && String(reflecting: key) == "***")
    var dumped = ""
    dump(key, to: &dumped)
    #expect(!dumped.contains("hunter2"))
  }
}
