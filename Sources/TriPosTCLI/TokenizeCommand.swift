import ArgumentParser
import Boundary
import GGUF
import Llama

/// Prints the tokens of a text.
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Prints the token ids and pieces of a text.",
    discussion: """
      A file with a vocabulary and no weights will do. Pieces are spelt as in the \
      vocabulary: a space is U+2581, a byte is <0x0A>.

      Examples:
        tripost tokenize -m model.gguf -p "Hello world"
        tripost tokenize -m model.gguf -f text.txt --no-bos --json
        tripost tokenize -m model.gguf -p "Hi</s>" --parse-special
      """)

  @OptionGroup var model: ModelOption
  @OptionGroup var text: TextOptions
  @OptionGroup var encoding: EncodingFlags

  @Flag(help: #"Print {"tokens":[…],"pieces":[…]}."#)
  var json = false

  func validate() throws { try text.requireOne() }

  func run() throws {
    let tokenizer = try SentencePieceTokenizer(GGUFFile(model.model))
    let ids = encoding.tokens(try text.bytes(), tokenizer)
    guard !json else {
      return try Console.print(
        ([
          "tokens": .array(ids.map { .integer(Int64($0)) }),
          "pieces": .array(ids.map { .string(tokenizer.piece($0)) }),
        ] as JSONValue).serialized)
    }
    for warning in tokenizer.warnings { Console.warn(warning) }
    guard !ids.isEmpty else { return }
    let width = String(tokenizer.vocabularySize).count
    try Console.print(
      ids.map { "\(padded(String($0), to: width))  \(escaped(tokenizer.piece($0)))" }
        .joined(separator: "\n"))
  }
}

/// A text with spaces in front, up to a width in characters.
func padded(_ text: String, to width: Int) -> String {
  String(repeating: " ", count: max(0, width - text.count)) + text
}
