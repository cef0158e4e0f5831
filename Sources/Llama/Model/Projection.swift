/// One of the seven weight matrices of a layer that adapters may change.
public enum Projection: String, CaseIterable, Sendable {
  case query = "attn_q"
  case key = "attn_k"
  case value = "attn_v"
  case attentionOutput = "attn_output"
  case gate = "ffn_gate"
  case up = "ffn_up"
  case down = "ffn_down"

  /// The module's name in Hugging Face checkpoints and PEFT adapters.
  public var peftName: String {
    switch self {
    case .query: "self_attn.q_proj"
    case .key: "self_attn.k_proj"
    case .value: "self_attn.v_proj"
    case .attentionOutput: "self_attn.o_proj"
    case .gate: "mlp.gate_proj"
    case .up: "mlp.up_proj"
    case .down: "mlp.down_proj"
    }
  }

  /// The projection of a name in GGUF's or Hugging Face's words: `attn_q`, `q_proj` or `self_attn.q_proj`.
  public init?(named name: String) {
    let found = Self.allCases.first {
      $0.rawValue == name || $0.peftName == name || $0.peftName.hasSuffix(".\(name)")
    }
    guard let found else { return nil }
    self = found
  }
}

/// A projection of a given layer.
public struct ProjectionSite: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let layer: Int
  public let projection: Projection

  public init(layer: Int, projection: Projection) {
    self.layer = layer
    self.projection = projection
  }

  /// The tensor's name in a GGUF file, without `.weight`.
  public var description: String { "blk.\(layer).\(projection.rawValue)" }

  /// Layer by layer, and within a layer in the order in which a forward pass uses them.
  public static func < (a: Self, b: Self) -> Bool {
    if a.layer != b.layer { return a.layer < b.layer }
    let order = Projection.allCases
    return order.firstIndex(of: a.projection) ?? 0 < order.firstIndex(of: b.projection) ?? 0
  }
}
