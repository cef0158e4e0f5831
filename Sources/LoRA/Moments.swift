import QuantKernels

/// AdamW's two moments of one parameter matrix: running means of the gradient and of its square.
enum Moments {
  case full(first: Matrix, second: Matrix)
  case eightBit(EightBitMoments)

  /// Moments of 0 for a matrix of parameters.
  init(of values: Matrix, _ optimizer: TrainingOptions.Optimizer) {
    switch optimizer {
    case .adamw:
      self = .full(
        first: Matrix(rows: values.rows, columns: values.columns),
        second: Matrix(rows: values.rows, columns: values.columns))
    case .adamw8bit: self = .eightBit(EightBitMoments(count: values.rows * values.columns))
    }
  }

  /// One step of a matrix of parameters.
  func apply(_ step: AdamWStep, gradient: Matrix, to values: Matrix) {
    switch self {
    case .full(let first, let second):
      step.apply(gradient: gradient, first: first, second: second, to: values)
    case .eightBit(let moments): step.apply(gradient: gradient, moments: moments, to: values)
    }
  }

  /// Puts them under a name into a file.
  func write(_ name: String, to file: inout SafetensorsWriter) {
    switch self {
    case .full(let first, let second):
      for (moment, matrix) in [("first", first), ("second", second)] {
        file.add("\(name).\(moment)", shape: [matrix.rows, matrix.columns], values: matrix.values)
      }
    case .eightBit(let moments):
      for (moment, blocks) in [("first", moments.first), ("second", moments.second)] {
        file.add("\(name).\(moment).codes", count: blocks.codes.count, codes: blocks.codes)
        file.add(
          "\(name).\(moment).scales", shape: [blocks.scales.count], values: blocks.scales)
      }
    }
  }

  /// Reads what `write` wrote, as something that puts it in place; nil where the file has nothing of that name and shape.
  func read(_ name: String, from file: SafetensorsFile) -> (() -> Void)? {
    switch self {
    case .full(let first, let second):
      func saved(_ moment: String, _ own: Matrix) -> Matrix? {
        guard let tensor = file.tensor("\(name).\(moment)"),
          tensor.shape == [own.rows, own.columns], let values = file.floats(tensor)
        else { return nil }
        return Matrix(rows: own.rows, columns: own.columns, values: values)
      }
      guard let savedFirst = saved("first", first), let savedSecond = saved("second", second)
      else { return nil }
      return {
        first.copy(from: savedFirst)
        second.copy(from: savedSecond)
      }
    case .eightBit(let moments):
      func saved(
        _ moment: String, _ own: EightBitMoments.Blocks
      ) -> EightBitMoments.Blocks? {
        guard let tensor = file.tensor("\(name).\(moment).codes"),
          let scaleTensor = file.tensor("\(name).\(moment).scales"),
          let codes = file.codes(tensor), let scales = file.floats(scaleTensor),
          codes.count == own.codes.count, scales.count == own.scales.count
        else { return nil }
        return .init(codes: codes, scales: scales)
      }
      guard let first = saved("first", moments.first), let second = saved("second", moments.second)
      else { return nil }
      return { moments.restore(first: first, second: second) }
    }
  }
}
