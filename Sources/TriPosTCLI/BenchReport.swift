import Boundary
import Llama
import QuantKernels

/// What one token of a pass costs a model.
struct PassWork {
  /// Of all products: what decoding a token reads.
  let bytes: Int
  /// int8 operations, a multiply-add counting two, without the output matrix.
  let layerOperations: Double
  /// The same of the output matrix, which a prompt needs for its last token alone.
  let outputOperations: Double

  init(_ model: LlamaModel) {
    let weights = model.weights
    let matrices = weights.layers.flatMap { layer in Projection.allCases.map { layer[$0] } }
    func operations(_ matrix: WeightMatrix) -> Double { 2 * Double(matrix.rows * matrix.columns) }
    bytes = weights.byteCount
    layerOperations = matrices.reduce(0) { $0 + operations($1) }
    outputOperations = operations(weights.output)
  }
}

/// What `bench` measured.
struct BenchReport {
  struct Speed {
    let tokens: Int
    /// Tokens a second.
    let rate: Double
  }

  let limits: MachineLimits
  let work: PassWork
  let prefill: Speed
  let decode: Speed
  let batched: [(sequences: Int, speed: Speed)]
  let train: Speed?
  /// Of the time that a training step takes, what its products with weights would take at the machine's peaks.
  let trainShare: Double?

  var json: JSONValue {
    func object(_ speed: Speed, _ share: Double?, of limit: String) -> JSONObject {
      var object: JSONObject = [
        "tokens": .integer(Int64(speed.tokens)), "tokens_per_s": .number(speed.rate),
      ]
      object["share_of_\(limit)"] = share.map { .number($0) }
      return object
    }
    var machine: JSONObject = [
      "cpu": .string(Processors.name), "instruction_set": .string(Kernels.instructionSet.rawValue),
      "threads": .integer(Int64(Kernels.threads)), "read_bytes_per_s": .number(limits.bytesRead),
    ]
    machine["int8_operations_per_s"] = limits.int8Operations.map { .number($0) }
    machine["bf16_operations_per_s"] = limits.bfloat16Operations.map { .number($0) }
    machine["f32_operations_per_s"] = limits.floatOperations.map { .number($0) }
    var result: JSONObject = [
      "prefill": .object(object(prefill, prefillShare, of: "int8_peak")),
      "decode": .object(object(decode, decodeShare, of: "read_bandwidth")),
      "batched": .array(
        batched.map { sequences, speed in
          var batch = object(speed, share(ofBatch: speed), of: "int8_peak")
          batch["batch"] = .integer(Int64(sequences))
          return .object(batch)
        }),
    ]
    if let train {
      var training = object(train, trainShare, of: "peak")
      training["peak_rss_bytes"] = .integer(Int64(Processors.peakMemory))
      result["train"] = .object(training)
    }
    result["machine"] = .object(machine)
    return .object(result)
  }

  var description: String {
    func row(_ name: String, _ speed: Speed, _ share: Double?, _ limit: String) -> String {
      let rate = speed.rate < 100 ? "\((speed.rate * 100).rounded() / 100)" : "\(Int(speed.rate))"
      let part = share.map { "   \(Int(($0 * 100).rounded())) % of \(limit)" } ?? ""
      let gap = String(repeating: " ", count: max(1, 24 - name.count))
      return "\(name)\(gap)\(padded(rate, to: 9)) tokens/s\(part)"
    }
    var lines = [
      "\(Processors.name), \(Kernels.instructionSet.rawValue), \(Kernels.threads) threads",
      "reads \(Int(limits.bytesRead / 1e9)) GB/s" + operations,
      row("prefill \(prefill.tokens)", prefill, prefillShare, "int8"),
      row("decode \(decode.tokens)", decode, decodeShare, "reading"),
    ]
    for (sequences, speed) in batched {
      lines.append(row("decode, \(sequences) sequences", speed, share(ofBatch: speed), "int8"))
    }
    if let train {
      lines.append(row("train \(train.tokens)", train, trainShare, "its products' peak"))
      lines.append("peak memory \(Processors.peakMemory / 1_000_000) MB")
    }
    return lines.joined(separator: "\n")
  }

  private var operations: String {
    let rates = [
      ("int8", limits.int8Operations), ("bf16", limits.bfloat16Operations),
      ("f32", limits.floatOperations),
    ]
    return rates.map { name, rate in rate.map { ", \(name) \(Int($0 / 1e9)) GOP/s" } ?? "" }
      .joined()
  }

  private var prefillShare: Double? {
    let operations =
      work.layerOperations * prefill.rate
      + work.outputOperations * prefill.rate / Double(prefill.tokens)
    return limits.int8Operations.map { operations / $0 }
  }

  private var decodeShare: Double { Double(work.bytes) * decode.rate / limits.bytesRead }

  private func share(ofBatch speed: Speed) -> Double? {
    limits.int8Operations.map { (work.layerOperations + work.outputOperations) * speed.rate / $0 }
  }
}
