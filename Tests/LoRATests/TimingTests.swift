import GGUF
import Llama
import QuantKernels
import Testing

@testable import LoRA

@Suite("The least time of a training step")
struct TimingTests {
  // 8, 4 and 2 operations a second in int8, bf16 and f32.
  @Test(
    "2 operations a weight and token in each direction, at the peak of what they multiply",
    arguments: [
      (TensorType.q8_0, 4.0 as Double?, 2 / 8.0 + 2 / 4.0), (.q8_0, nil, 2 / 8.0 + 2 / 2.0),
      (.f32, 4, 2 / 2.0 + 2 / 2.0),
    ])
  func seconds(type: TensorType, bfloat16: Double?, ofWeight: Double) throws {
    let (model, _) = try TinyModel(seed: 3).load(type)
    let shape = model.configuration
    var weights = model.tokenizer.vocabularySize * shape.width
    for projection in Projection.allCases {
      let (outputs, inputs) = shape.dimensions(of: projection)
      weights += shape.layers * outputs * inputs
    }
    let limits = MachineLimits(reading: 1, int8: 8, bfloat16: bfloat16, float: 2)
    #expect(Trainer.leastSecondsPerToken(model, limits) == Double(weights) * ofWeight)
    let scalar = MachineLimits(reading: 1, int8: nil, bfloat16: nil, float: nil)
    #expect(Trainer.leastSecondsPerToken(model, scalar) == nil)
  }

  @Test("gradients in int8 count at its peak, but for the output's weights")
  func int8() throws {
    let (model, _) = try TinyModel(seed: 3).load(.q8_0)
    let limits = MachineLimits(reading: 1, int8: 8, bfloat16: 4, float: 2)
    let (output, all) = (model.weights.output, model.weights.matrices)
    let weights = all.reduce(0) { $0 + $1.rows * $1.columns }
    let seconds = Trainer.leastSecondsPerToken(model, limits, in: .int8)
    #expect(
      seconds == Double(weights) * 4 / 8 + Double(output.rows * output.columns) * (2 / 4 - 2 / 8.0))
  }
}
