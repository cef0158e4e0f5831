import Boundary
public import QuantKernels

extension InputError.Rule {
  static let cacheTakesHeads = Self("GGUF-M16", exit: .mismatch)
}

extension LlamaConfiguration {
  /// Bytes of the keys and values of `KeyValueStore.pageLength` positions, all layers together.
  public func pageBytes(_ cache: KeyValueTypes) -> Int {
    layers * kvHeads * cache.pageBytes(headSize: headSize)
  }

  /// Refuses a cache whose blocks the model's heads are no multiple of.
  func check(_ cache: KeyValueTypes) throws {
    guard headSize.isMultiple(of: cache.headSizeStep) else {
      throw InputError(
        .cacheTakesHeads, at: .init(field: "cache type"),
        found: "q8_0 for a model whose head size is \(headSize)",
        allowed: "possible; it needs a multiple of \(cache.headSizeStep)",
        hints: ["--cache-type-k f16 --cache-type-v f16 takes every head size"])
    }
  }
}
