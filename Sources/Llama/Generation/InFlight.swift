import Boundary
import QuantKernels

/// A sequence of a generator between its first pass and its last.
struct InFlight {
  /// The number of its request.
  let index: Int
  /// The number of its stack of updates.
  let adapter: Int
  /// The prompt and what has been generated.
  var tokens: [Int]
  let promptCount: Int
  /// Tokens at most, the prompt's included.
  let limit: Int
  /// A text that ends it.
  let stop: String?
  let sampler: Sampler
  var stream: RandomStream
  /// Tokens whose keys and values are stored.
  var stored = 0
  /// Those of them whose pages the pool remembers, in whole pages.
  var remembered = 0
  var table: [Int32] = []
  /// Pages it may grow to.
  let reserved: Int
  var lookup = PromptLookup()

  init(index: Int, _ request: GenerationRequest, limit: Int, vocabularySize: Int, reserved: Int) {
    self.index = index
    adapter = request.adapter
    stop = request.stop
    self.limit = limit
    self.reserved = reserved
    tokens = request.tokens
    promptCount = request.tokens.count
    sampler = Sampler(request.options, vocabularySize: vocabularySize)
    stream = request.stream
  }

  /// Whether all but the newest token is stored: it decides a token in every pass.
  var isGenerating: Bool { stored + 1 == tokens.count && stored > 0 }

  /// Takes over the pages that hold its beginning already.
  mutating func shareBeginning(from pool: inout PagePool) {
    // At least the last token of the prompt is computed, for its logits.
    table = pool.shareBeginning(of: tokens.dropLast(), adapter: adapter)
    stored = table.count * KeyValueStore.pageLength
    remembered = stored
  }

  /// Makes its full pages known to others.
  mutating func remember(in pool: inout PagePool) {
    let length = KeyValueStore.pageLength
    while remembered + length <= stored {
      pool.remember(
        table[...(remembered / length)], tokens: tokens[remembered..<remembered + length],
        adapter: adapter)
      remembered += length
    }
  }
}
