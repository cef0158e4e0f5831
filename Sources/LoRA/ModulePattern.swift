import Boundary
public import Llama

/// Numbers of single modules, as PEFT's `rank_pattern` and `alpha_pattern` give them.
public struct ModulePattern: Sendable {
  /// In order; the first that names a module counts for it.
  public let entries: [(name: String, value: Double)]

  public init(_ entries: [(name: String, value: Double)] = []) { self.entries = entries }

  /// The number of a site, if one is given.
  public subscript(site: ProjectionSite) -> Double? {
    entries.first { site.isNamed($0.name) }?.value
  }
}

extension ProjectionSite {
  /// The site of a layer's number as text and a module in Hugging Face's words; nil where a model of so
  /// many layers has none.
  init?(layer text: some StringProtocol, module: String, of layers: Int) {
    guard let layer = Int(text), "\(layer)" == text, (0..<layers).contains(layer),
      let projection = Projection.allCases.first(where: { $0.peftName == module })
    else { return nil }
    self.init(layer: layer, projection: projection)
  }

  /// The module's path in Hugging Face checkpoints.
  var modulePath: String { "model.layers.\(layer).\(projection.peftName)" }

  /// Whether `name` is the path in Hugging Face's or GGUF's words, or the end of it behind a dot.
  public func isNamed(_ name: String) -> Bool {
    [modulePath, description].contains { $0 == name || $0.hasSuffix(".\(name)") }
  }
}
