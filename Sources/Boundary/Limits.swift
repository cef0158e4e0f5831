/// How much of anything is accepted from outside; the reasons are in `docs/bad-inputs.md`.
public enum Limits {
  // GGUF
  public static let metadataKeys = 65_536
  /// Bytes; the format's own rule.
  public static let metadataKeyLength = 65_535
  public static let tensors = 262_144
  /// Bytes; the format's own rule.
  public static let tensorNameLength = 64
  public static let dimensions = 4
  /// Bytes.
  public static let metadataString = 16 << 20
  public static let metadataArray = 16_777_216
  public static let metadataArrayNesting = 4
  /// Bytes; a power of two.
  public static let alignment = 8...1_048_576
  public static let vocabulary = 2...4_194_304
  /// Bytes.
  public static let tokenText = 64 << 10
  public static let layers = 1_024

  // Text
  /// Bytes of one text that is made into tokens.
  public static let text = 64 << 20
  /// Bytes, and never more than the file has after the length.
  public static let safetensorsHeader = 100_000_000
  public static let jsonNesting = 64
  /// Bytes.
  public static let jsonLine = 16 << 20
  /// Bytes of a JSON file of questions.
  public static let questionFile = 256 << 20
  /// Bytes.
  public static let configuration = 1 << 20
  public static let configurationNodes = 10_000
  public static let configurationNesting = 32
  /// Bytes, after decompression.
  public static let endpointReply = 8 << 20
  /// Bytes.
  public static let scriptReply = 8 << 20
}
