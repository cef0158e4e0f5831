import Boundary
import Llama
import TestSupport
import Testing

@testable import TriPosT

/// A prompt that is cut into other pieces than the same text in training is one that a model cannot go on from.
@Suite(
  "The shipped model's tokenizer",
  .enabled(if: Files.exists(SharedData.shippedModel), "needs models/tripost-6m-q8_0.gguf"))
struct ShippedTokenizerTests {
  @Test("prompts end where pieces of the whole text end", arguments: Course.names)
  func prompts(name: String) throws {
    let tokenizer = try LlamaModel(SharedData.shippedModel).tokenizer
    let course = try Course(RunConfiguration(yaml: nil, overrides: [.init("task", name)]))
    for question in course.training.prefix(20) {
      let rationale = TrainingText(rationaleOf: question, task: course.task(of: question))
      let text = try #require(rationale).segments.map(\.text).joined()
      let solved = tokenizer.encode(text, addingBOS: true)
      #expect(solved.starts(with: tokenizer.encode(question.prompt, addingBOS: true)))
      let asked = tokenizer.encode(text + "\nFeedback:", addingBOS: true)
      for feedback in ["Step (1) to step (3) are correct.", "In step (1) the part", "The part"] {
        let judged = tokenizer.encode("\(text)\nFeedback: \(feedback)", addingBOS: true)
        #expect(judged.starts(with: asked))
      }
    }
  }
}
