import Boundary
import GGUF
import Llama
import QuantKernels
import Testing

@testable import LoRA

@Suite("Training below a ceiling on memory")
struct TrainingMemoryTests {
  @Test("more memory keeps more layers; SYS-09 where none fits")
  func ceilings() throws {
    let (model, _) = try TinyModel(seed: 3).load(.q8_0)
    let adapter = GradientTests.adapter(model.configuration)
    let rows = [10, 60, 30].map { count in
      TrainingRow(
        id: "\(count)", tokens: (0..<count).map { 3 + $0 % 20 },
        weights: Array(repeating: 1, count: count))
    }
    var options = TrainingOptions()
    options.batch = 2
    func kept(_ ceiling: Int) throws -> Int {
      try options.keptLayers(below: ceiling, model, adapter, rows: rows)
    }
    // The two longest rows make the largest pass.
    let need = TrainingMemory(model, adapter, options, tokens: 90)
    let least = Processors.memory + need.optimizer + need.pass
    // Memory of the process moves a little beside.
    #expect(try kept(least + (64 << 20)) > (32 << 20) / need.keptLayer)
    #expect(try kept(least + (256 << 20)) > kept(least + (128 << 20)))
    let error = #expect(throws: InputError.self) { try kept(least / 2) }
    #expect(error?.rule.code == "SYS-09" && error?.exit == .memory)
    #expect(error?.description.contains("enough for 90 tokens at once") == true)
  }

  @Test("rounded activations take half of the memory of floats")
  func rounding() throws {
    let adapter = GradientTests.adapter(try TinyModel(seed: 3).load().model.configuration)
    func layer(_ type: TensorType) throws -> Int {
      let model = try TinyModel(seed: 3).load(type).model
      return TrainingMemory(model, adapter, TrainingOptions(), tokens: 100).keptLayer
    }
    #expect(try layer(.f32) == 2 * layer(.q8_0))
  }
}
