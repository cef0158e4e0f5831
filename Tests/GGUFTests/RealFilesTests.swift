import Boundary
import GGUF
import TestSupport
import Testing

@Suite("Files of other programs", .enabled(if: SharedData.isAvailable, "needs ../shared/data"))
struct RealFilesTests {
  @Test(
    "every model and vocabulary opens without a warning",
    arguments: [
      "models/stories260K.gguf", "models/stories260K-f16.gguf", "models/stories260K-q8_0.gguf",
      "models/stories260K-q4_0.gguf", "models/llama-2-tiny-random.gguf",
      "lora/peft-r4-qv/adapter-f32.gguf", "tokenizers/ggml-vocab-llama-spm.gguf",
      "tokenizers/ggml-vocab-llama-bpe.gguf", "tokenizers/ggml-vocab-gpt-2.gguf",
      "tokenizers/ggml-vocab-phi-3.gguf", "tokenizers/ggml-vocab-qwen2.gguf",
      "tokenizers/ggml-vocab-deepseek-coder.gguf",
    ])
  func opens(name: String) throws {
    let file = try GGUFFile(SharedData.url(name))

    #expect(file.warnings == [])
    for tensor in file.tensors { try file.checkFinite(tensor) }
  }
}
