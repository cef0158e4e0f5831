import CQuantKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Kernels {
  /// The training steps for the instruction set in use.
  static var training: qk_training {
    switch instructionSet {
    case .avx512bw, .avx512: qk_training_avx512().pointee
    case .avx2, .avxvnni: qk_training_avx2().pointee
    case .scalar, .neon: qk_training_scalar().pointee
    }
  }
}

/// The backward pass of `rmsNorm`: adds the gradient at its input to `dx`.
///
/// With s = 1/√(mean(x²) + ε):  dx += s·w·dy − x·s³·mean(w·dy·x).
///
/// - Parameters:
///   - dy: The gradient at the output; `[rows, columns]`.
///   - x: The input of the forward pass; `[rows, columns]`.
///   - weight: `[columns]`, frozen.
///   - epsilon: As in the forward pass.
///   - dx: `[rows, columns]`.
public func rmsNormBackward(
  _ dy: Matrix, x: Matrix, weight: [Float], epsilon: Float, addingTo dx: Matrix
) {
  let columns = x.columns
  precondition(weight.count == columns && dy.columns == columns && dx.columns == columns)
  precondition(dy.rows == x.rows && dx.rows == x.rows, "shapes differ")
  let steps = Kernels.training
  weight.withUnsafeBufferPointer { weight in
    forEachRowBlock(rows: x.rows, columns: columns) { rows in
      for row in rows {
        let at = row * columns
        steps.rms_norm_backward(
          columns, dy.base + at, x.base + at, weight.baseAddress, epsilon, dx.base + at)
      }
    }
  }
}

/// The backward pass of `swiGLU`.
///
/// With s = sigmoid(gate), dUp = dy·gate·s and
/// dGate = dy·up·s·(1 + gate·(1 − s)). All `[rows, columns]`; the results are resized.
public func swiGLUBackward(
  _ dy: Matrix, gate: Matrix, up: Matrix, dGate: Matrix, dUp: Matrix
) {
  let columns = gate.columns
  precondition(dy.rows == gate.rows && up.rows == gate.rows, "shapes differ")
  precondition(dy.columns == columns && up.columns == columns, "shapes differ")
  dGate.resize(rows: gate.rows)
  dUp.resize(rows: gate.rows)
  let steps = Kernels.training
  forEachRowBlock(rows: gate.rows, columns: columns) { rows in
    let at = rows.lowerBound * columns
    steps.swiglu_backward(
      rows.count * columns, dy.base + at, gate.base + at, up.base + at, dGate.base + at,
      dUp.base + at)
  }
}

/// Cross-entropy of each row against its target, and its gradient.
///
/// - Parameters:
///   - logits: `[rows, vocabulary]`; on return the gradient coefficient · (softmax − one at the
///     target).
///   - targets: One id a row.
///   - coefficients: What each row's cross-entropy is multiplied by in the loss.
/// - Returns: Each row's cross-entropy, not multiplied, in nats.
public func crossEntropy(
  _ logits: Matrix, targets: [Int], coefficients: [Float]
) -> [Double] {
  precondition(targets.count == logits.rows && coefficients.count == logits.rows)
  precondition(targets.allSatisfy { (0..<logits.columns).contains($0) }, "target outside the row")
  let columns = logits.columns
  let steps = Kernels.training
  return [Double](unsafeUninitializedCapacity: logits.rows) { losses, count in
    let losses = UncheckedSendable(value: losses)
    forEachRowBlock(rows: logits.rows, columns: columns) { rows in
      for row in rows {
        let x = logits.base + row * columns
        let chosen = x[targets[row]]
        var top: Float = 0
        var sum: Float = 0
        steps.cross_entropy(columns, targets[row], coefficients[row], x, &top, &sum)
        losses.value.baseAddress?.advanced(by: row).initialize(
          to: log(Double(sum)) + Double(top) - Double(chosen))
      }
    }
    count = logits.rows
  }
}

/// The sum of squares of all elements, in double precision, blocks of 16,384 elements in order.
public func squaredSum(_ x: Matrix) -> Double {
  let (count, steps) = (x.rows * x.columns, Kernels.training)
  var sum = 0.0
  for start in stride(from: 0, to: count, by: 16_384) {
    sum += steps.squared_sum(min(16_384, count - start), x.base + start)
  }
  return sum
}

/// The sum of squared differences of all elements of two matrices `[rows, columns]`, in double
/// precision, rows in order.
public func squaredDistance(_ x: Matrix, _ y: Matrix) -> Double {
  precondition(x.rows == y.rows && x.columns == y.columns, "shapes differ")
  let columns = x.columns
  let sums = [Double](unsafeUninitializedCapacity: x.rows) { sums, count in
    let sums = UncheckedSendable(value: sums)
    forEachRowBlock(rows: x.rows, columns: columns) { rows in
      for row in rows {
        var sum = 0.0
        for place in row * columns..<(row + 1) * columns {
          let difference = Double(x.base[place]) - Double(y.base[place])
          sum += difference * difference
        }
        sums.value.baseAddress?.advanced(by: row).initialize(to: sum)
      }
    }
    count = x.rows
  }
  return sums.reduce(0, +)
}

/// Zeroes elements by chance and multiplies the others by 1 / (1 − rate).
///
/// Element (row, column) is kept or not as a function of `key` and its index alone.
///
/// - Parameters:
///   - x: `[rows, columns]`.
///   - rate: The share that is zeroed; 0 up to, not including, 1.
///   - key: Names the random numbers.
///   - y: Resized to x's shape; may be x.
public func dropOut(_ x: Matrix, rate: Float, key: UInt64, into y: Matrix) {
  precondition(rate >= 0 && rate < 1 && x.columns == y.columns, "rate \(rate)")
  y.resize(rows: x.rows)
  let (columns, steps) = (x.columns, Kernels.training)
  let threshold = UInt32(rate * 16_777_216)
  forEachRowBlock(rows: x.rows, columns: columns) { rows in
    let at = rows.lowerBound * columns
    steps.dropout(
      rows.count * columns, key, UInt64(at), threshold, 1 / (1 - rate), x.base + at, y.base + at)
  }
}

/// The optimizer AdamW: what is equal for all parameters of one step.
///
/// Source: Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2, with
/// the order of operations of PyTorch's `torch.optim.AdamW`.
public struct AdamWStep {
  private var numbers: qk_adamw

  /// - Parameters:
  ///   - step: Counted from 1.
  ///   - learningRate: Of this step.
  ///   - betas: How much of the moments is kept.
  ///   - epsilon: Added to the root of the second moment.
  ///   - weightDecay: The share of each value, times the rate, that is taken away.
  ///   - clip: What gradients are multiplied by first.
  public init(
    step: Int, learningRate: Double, betas: (Double, Double), epsilon: Double, weightDecay: Double,
    clip: Double
  ) {
    precondition(step > 0, "steps count from 1")
    numbers = qk_adamw(
      clip: Float(clip), keep: Float(1 - learningRate * weightDecay),
      first_blend: Float(1 - betas.0), second_keep: Float(betas.1),
      second_blend: Float(1 - betas.1),
      step: Float(learningRate / (1 - pow(betas.0, Double(step)))),
      inverse_root: Float(1 / (1 - pow(betas.1, Double(step))).squareRoot()),
      epsilon: Float(epsilon))
  }

  /// Changes the values and both moments of one parameter matrix; all of the same shape.
  public func apply(gradient: Matrix, first: Matrix, second: Matrix, to values: Matrix) {
    for other in [gradient, first, second] {
      precondition(other.rows == values.rows && other.columns == values.columns, "shapes differ")
    }
    let columns = values.columns
    forEachRowBlock(rows: values.rows, columns: columns) { block in
      let at = block.lowerBound * columns
      apply(
        count: block.count * columns, gradient: gradient.base + at, first: first.base + at,
        second: second.base + at, to: values.base + at)
    }
  }

  func apply(
    count: Int, gradient: UnsafePointer<Float>, first: UnsafeMutablePointer<Float>,
    second: UnsafeMutablePointer<Float>, to values: UnsafeMutablePointer<Float>
  ) {
    var numbers = numbers
    Kernels.training.adamw(count, &numbers, gradient, first, second, values)
  }
}

/// A value that the caller answers for across threads: here, disjoint rows of one buffer.
struct UncheckedSendable<Value>: @unchecked Sendable {
  let value: Value
}
