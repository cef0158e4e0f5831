import Boundary
import GGUF
import TestSupport

@testable import QuantKernels

/// `quant-vectors` of the shared data: 16 rows of 256 weights, quantised and dequantised by ggml.
enum QuantVectors {
  static func weights(_ type: TensorType) throws -> WeightMatrix {
    let bytes = try Files.read(SharedData.url("quant-vectors/\(type).bin"))
    return WeightMatrix(type: type, rows: 16, columns: 256, bytes: bytes)
  }

  static func floats(_ name: String, rows: Int, columns: Int) throws -> Matrix {
    let bytes = try Files.read(SharedData.url("quant-vectors/\(name).f32"))
    let values = stride(from: 0, to: bytes.count, by: 4).map { at in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[at + $1]) << (8 * UInt32($1)) })
    }
    return Matrix(rows: rows, columns: columns, values: values)
  }
}
