public import Boundary

/// The shape as adapters carry it, so that one can be converted without its base.
extension LlamaConfiguration {
  public var json: JSONValue {
    [
      "architecture": .string(architecture), "layers": .integer(Int64(layers)),
      "width": .integer(Int64(width)), "heads": .integer(Int64(heads)),
      "kv_heads": .integer(Int64(kvHeads)), "head_size": .integer(Int64(headSize)),
      "feed_forward": .integer(Int64(feedForward)),
      "context_length": .integer(Int64(contextLength)), "epsilon": .number(Double(epsilon)),
      "rope_base": .number(Double(ropeBase)), "rope_dimensions": .integer(Int64(ropeDimensions)),
      "rope_factor": .number(Double(ropeFactor)),
    ]
  }

  /// The shape that `json` describes; nil when it is none.
  public init?(_ json: JSONValue) {
    func count(_ key: String) -> Int? {
      json[key]?.int.flatMap { (1...1 << 30).contains($0) ? $0 : nil }
    }
    guard let architecture = json["architecture"]?.string,
      Self.architectures.contains(architecture), let layers = count("layers"), layers <= 1024,
      let width = count("width"), let heads = count("heads"), let kvHeads = count("kv_heads"),
      let headSize = count("head_size"), let feedForward = count("feed_forward"),
      let contextLength = count("context_length"), let epsilon = json["epsilon"]?.double,
      let ropeBase = json["rope_base"]?.double, let ropeDimensions = count("rope_dimensions"),
      let ropeFactor = json["rope_factor"]?.double, heads.isMultiple(of: kvHeads),
      headSize.isMultiple(of: 2), heads <= 65_536, headSize <= 65_536
    else { return nil }
    self.init(
      architecture: architecture, layers: layers, width: width, heads: heads, kvHeads: kvHeads,
      headSize: headSize, feedForward: feedForward, contextLength: contextLength,
      epsilon: Float(epsilon), ropeBase: Float(ropeBase), ropeDimensions: ropeDimensions,
      ropeFactor: Float(ropeFactor))
  }

  private init(
    architecture: String, layers: Int, width: Int, heads: Int, kvHeads: Int, headSize: Int,
    feedForward: Int, contextLength: Int, epsilon: Float, ropeBase: Float, ropeDimensions: Int,
    ropeFactor: Float
  ) {
    self.architecture = architecture
    self.layers = layers
    self.width = width
    self.heads = heads
    self.kvHeads = kvHeads
    self.headSize = headSize
    self.feedForward = feedForward
    self.contextLength = contextLength
    self.epsilon = epsilon
    self.ropeBase = ropeBase
    self.ropeDimensions = ropeDimensions
    self.ropeFactor = ropeFactor
  }
}
