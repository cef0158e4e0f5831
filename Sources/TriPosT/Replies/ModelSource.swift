import Boundary
import Llama

/// A second GGUF model that answers requests, many at a time (docs/tripost.md, 4.8).
struct ModelSource: ReplySource {
  let model: LlamaModel
  /// SHA-256 of its file.
  let digest: String
  let parallel: Int
  let memory: Int?

  var name: String { "model \(model.name)" }

  var identity: JSONObject { ["model": .string(digest)] }

  func check() {}

  /// Prompts that leave no room in the context lose their beginning (docs/tripost.md, 5.1).
  func answer(
    _ requests: [ReplyDesk.Open], at desk: ReplyDesk, each: () throws -> Void
  ) throws {
    let generator = try Generator(model, parallel: parallel, memory: memory)
    let generations = requests.map { generation($0.request) }
    try generator.generate(generations, progress: { _ in try each() }) { index, completion in
      var reply = Reply(.text(completion.text))
      reply.promptTokens = generations[index].tokens.count
      reply.completionTokens = completion.tokens.count
      reply.finish = completion.finishReason.rawValue
      try desk.record(reply, to: requests[index])
    }
  }

  private func generation(_ request: ReplyRequest) -> GenerationRequest {
    guard case .prompt(let prompt, let temperature, let maxTokens) = request.content else {
      preconditionFailure("a model is asked with prompts")
    }
    let tokens = model.tokenizer.encode(prompt.text, addingBOS: true)
    // At most half of the context is kept for the reply, or nothing would be left of the prompt.
    let room = model.contextLength - min(maxTokens, model.contextLength / 2)
    var generation = GenerationRequest(
      tokens: tokens.count <= room ? tokens : Array(tokens.suffix(room)), maxNewTokens: maxTokens,
      options: SamplingOptions(temperature: temperature),
      stream: RandomStream(seed: request.seed ?? 0, "reply"))
    generation.stop = Prompt.end
    return generation
  }
}
