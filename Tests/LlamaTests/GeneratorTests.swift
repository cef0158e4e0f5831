import Boundary
import Llama
import QuantKernels
import TestSupport
import Testing

@Suite("Batched generation", .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
struct GeneratorTests {
  static let prompts = [
    "Once upon a time", "Once upon a time there was a", "The dog", "Lily and her mom went to the",
    "Once upon a time", "One day, a big red ball rolled down the hill and then it", "",
  ]

  static func requests(_ model: LlamaModel) -> [GenerationRequest] {
    prompts.enumerated().map { index, prompt in
      GenerationRequest(
        tokens: model.tokenizer.encode(prompt, addingBOS: true, parsingSpecial: false),
        maxNewTokens: 20 + 7 * index,
        options: SamplingOptions(temperature: index.isMultiple(of: 2) ? 1 : 0),
        stream: RandomStream(seed: 7, "test", index))
    }
  }

  static func run(
    _ model: LlamaModel, _ requests: [GenerationRequest], parallel: Int
  ) throws -> [Completion] {
    var results: [Int: Completion] = [:]
    try Generator(model, parallel: parallel).generate(requests) { results[$0] = $1 }
    return requests.indices.compactMap { results[$0] }
  }

  @Test(
    "a completion does not depend on its neighbours, on slots or on threads",
    arguments: ["stories260K.gguf", "stories260K-q8_0.gguf", "stories260K-q4_0.gguf"])
  func independent(name: String) throws {
    let model = try LlamaModel(SharedData.url("models/\(name)"))
    let requests = Self.requests(model)
    let together = try Self.run(model, requests, parallel: 32)
    #expect(together.count == requests.count)
    for parallel in [1, 2, 3] {
      let other = try Self.run(model, requests, parallel: parallel)
      #expect(other == together)
    }
    for (index, request) in requests.enumerated() {
      let alone = try Self.run(model, [request], parallel: 1)
      #expect(alone == [together[index]])
    }
  }

  @Test("a text to stop at ends its own completion, at the token that completes it")
  func stop() throws {
    let model = try LlamaModel(SharedData.url("models/stories260K.gguf"))
    var requests = Self.requests(model)
    let whole = try Self.run(model, requests, parallel: 4)
    let text = whole[1].text
    let middle = text.utf8.index(text.utf8.startIndex, offsetBy: text.utf8.count / 2)
    let end = text.utf8.index(middle, offsetBy: 6)
    let stop = String(text[middle..<end])
    requests[1].stop = stop
    requests[3].stop = "no story says this"
    for parallel in [1, 4] {
      let stopped = try Self.run(model, requests, parallel: parallel)
      for index in requests.indices where index != 1 { #expect(stopped[index] == whole[index]) }
      let tokens = stopped[1].tokens
      #expect(whole[1].tokens.starts(with: tokens) && tokens.count < whole[1].tokens.count)
      #expect(stopped[1].finishReason == .endOfText)
      #expect(stopped[1].text.contains(stop))
      #expect(try !model.tokenizer.decode(tokens.dropLast()).contains(stop))
    }
  }

  @Test("samples of one prompt differ by their streams alone")
  func samples() throws {
    let model = try LlamaModel(SharedData.url("models/stories260K.gguf"))
    let tokens = model.tokenizer.encode(
      "Once upon a time, there was a little girl named Lily. She loved to play outside.",
      addingBOS: true, parsingSpecial: false)
    let requests = (0..<6).map { sample in
      GenerationRequest(
        tokens: tokens, maxNewTokens: 24, options: SamplingOptions(temperature: 1),
        stream: RandomStream(seed: 1, "sample", sample % 3))
    }
    let results = try Self.run(model, requests, parallel: 4)
    #expect(Array(results[..<3]) == Array(results[3...]))
    #expect(Set(results.map(\.text)).count == 3)
  }

  /// What a sequence gives when each token is computed and sampled in a pass of its own.
  static func oneByOne(_ model: LlamaModel, _ request: GenerationRequest) throws -> [Int] {
    let shape = model.configuration
    let length = request.tokens.count + request.maxNewTokens
    let pages = (length + KeyValueStore.pageLength - 1) / KeyValueStore.pageLength
    let store = KeyValueStore(
      layers: shape.layers, kvHeads: shape.kvHeads, headSize: shape.headSize, pages: pages)
    let pass = ForwardPass(model)
    let logits = Matrix(rows: 0, columns: model.weights.output.rows)
    let sampler = Sampler(request.options, vocabularySize: model.tokenizer.vocabularySize)
    var stream = request.stream
    var tokens = request.tokens
    for position in 0..<length - 1 {
      var batch = Batch()
      batch.add(
        tokens[position...position], at: position, table: Array(0..<Int32(pages)), outputs: [0])
      pass.run(batch, store: store, logits: logits)
      guard position + 1 >= request.tokens.count else { continue }
      let token = try logits.withRow(0) { try sampler.sample($0, random: &stream) }
      if model.tokenizer.endOfGeneration.contains(token) { break }
      tokens.append(token)
    }
    return Array(tokens[request.tokens.count...])
  }

  @Test("a text that repeats itself is guessed ahead without a change", arguments: [0, 0.5, 1])
  func guesses(temperature: Double) throws {
    let model = try LlamaModel(SharedData.url("models/stories260K.gguf"))
    let text = String(repeating: "One day Lily went to the park with her dog. ", count: 5)
    let tokens = model.tokenizer.encode(text, addingBOS: true, parsingSpecial: false)
    let requests = (0..<4).map { sample in
      GenerationRequest(
        tokens: tokens.dropLast(3 * sample), maxNewTokens: 60 + sample,
        options: SamplingOptions(temperature: temperature),
        stream: RandomStream(seed: 3, "sample", sample))
    }
    var passes = 0
    var results: [Int: [Int]] = [:]
    try Generator(model, parallel: 4).generate(requests, progress: { _ in passes += 1 }) {
      results[$0] = $1.tokens
    }
    for (index, request) in requests.enumerated() {
      let expected = try Self.oneByOne(model, request)
      #expect(results[index] == expected)
    }
    if temperature == 0 { #expect(passes < 62, "some passes give more than a token") }
  }

  @Test("a prompt longer than one pass gives the logits of a prompt in pieces")
  func longPrompt() throws {
    let model = try LlamaModel(SharedData.url("models/stories260K.gguf"), contextLength: 1024)
    let text = String(repeating: "Once upon a time there was a dog. ", count: 60)
    let tokens = Array(
      model.tokenizer.encode(text, addingBOS: true, parsingSpecial: false).prefix(900))
    let whole = Scorer(model).logProbabilities(of: tokens)
    let beginning = Scorer(model).logProbabilities(of: Array(tokens.prefix(300)))
    #expect(Array(whole.prefix(300)) == beginning)
  }

  @Test("a long prompt delays a sequence that generates by pieces, not by its length")
  func longPromptBesideOthers() throws {
    let model = try LlamaModel(SharedData.url("models/stories260K.gguf"), contextLength: 1024)
    func request(_ tokens: Int, new: Int) -> GenerationRequest {
      GenerationRequest(
        tokens: (0..<tokens).map { 3 + $0 * 37 % 500 }, maxNewTokens: new,
        options: .greedy, stream: RandomStream(seed: 0, "long"))
    }
    // The first pass has 512 rows, since nobody waits; 393 of the long prompt are left then.
    let requests = [request(5, new: 40), request(900, new: 1)]
    var passes = 0
    var passesBeforeEnd: [Int: Int] = [:]
    try Generator(model, parallel: 2).generate(requests, progress: { _ in passes += 1 }) {
      index, _ in passesBeforeEnd[index] = passes
    }
    // 393 rows are seven pieces of 64, of which the last ends it.
    #expect(passesBeforeEnd[1] == 7)
  }

  @Test("the limit of new tokens and the context's end both stop with `length`")
  func limits() throws {
    let model = try LlamaModel(SharedData.url("models/stories260K.gguf"), contextLength: 16)
    let request = GenerationRequest(
      tokens: [1, 403, 407, 261, 378], maxNewTokens: 100,
      options: SamplingOptions(temperature: 0), stream: RandomStream(seed: 0, "limit"))
    let results = try Self.run(model, [request], parallel: 1)
    let result = try #require(results.first)
    #expect(result.tokens.count == 11 && result.finishReason == .length)
  }

  @Test("GGUF-M13: a prompt that fills the context is refused")
  func promptTooLong() throws {
    let model = try LlamaModel(SharedData.url("models/stories260K.gguf"), contextLength: 4)
    let request = GenerationRequest(
      tokens: [1, 403, 407, 261, 378], maxNewTokens: 1,
      options: SamplingOptions(temperature: 0), stream: RandomStream(seed: 0, "limit"))
    #expect(throws: InputError.self) { try Self.run(model, [request], parallel: 1) }
  }
}
