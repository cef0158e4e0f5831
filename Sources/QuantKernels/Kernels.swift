import Boundary
import CQuantKernels
import Synchronization

/// Which family of vector instructions the kernels use; all of them return the same bits.
public enum InstructionSet: String, CaseIterable, Sendable {
  case scalar, avx2, avx512bw, avxvnni, avx512, neon

  var code: qk_instruction_set {
    switch self {
    case .scalar: qk_scalar
    case .avx2: qk_avx2
    case .avx512bw: qk_avx512bw
    case .avxvnni: qk_avxvnni
    case .avx512: qk_avx512
    case .neon: qk_neon
    }
  }
}

/// What the kernels run on: an instruction set and a number of threads.
public enum Kernels {
  /// The last of `available`, unless TRIPOST_ISA names another.
  public static var instructionSet: InstructionSet { forced.set ?? chosenSet }

  /// Threads of a parallel region: the physical cores this process may use, unless set.
  ///
  /// A value is cut to 1 ... the processors of the affinity mask.
  public static var threads: Int {
    get { forced.threads ?? threadCount.load(ordering: .relaxed) }
    set { threadCount.store(min(max(1, newValue), Processors.allowed.count), ordering: .relaxed) }
  }

  private static let threadCount = Atomic<Int>(Processors.physicalCores)

  /// The instruction sets this machine runs, from the reference to the fastest.
  package static let available = InstructionSet.allCases.filter { qk_available($0.code) }

  private static let chosenSet: InstructionSet = {
    let named = try? set(named: Processors.environment("TRIPOST_ISA"))
    return named ?? available.last ?? .scalar
  }()

  /// Refuses a TRIPOST_ISA that this machine cannot follow; for programs, before they compute.
  public static func checkEnvironment() throws {
    _ = try set(named: Processors.environment("TRIPOST_ISA"))
  }

  /// The instruction set of a name; nil for no name.
  static func set(named name: String?) throws -> InstructionSet? {
    guard let name else { return nil }
    guard let set = InstructionSet(rawValue: name), available.contains(set) else {
      throw InputError(
        .instructionSetRuns, at: .init(field: "TRIPOST_ISA"), found: "\"\(name)\"",
        allowed: "one of \(available.map(\.rawValue).joined(separator: ", "))")
    }
    return set
  }

  /// What a test asks for in the place of the machine's own; more threads than cores may be asked for.
  @TaskLocal private static var forced: (set: InstructionSet?, threads: Int?) = (nil, nil)

  /// Runs `body` with an instruction set, a number of threads, or both.
  package static func with<R>(
    _ set: InstructionSet? = nil, threads: Int? = nil, _ body: () throws -> R
  ) rethrows -> R {
    try $forced.withValue((set ?? forced.set, threads ?? forced.threads)) { try body() }
  }

  /// The element-wise steps for the instruction set in use.
  static var steps: UnsafePointer<qk_steps> { steps(for: instructionSet) }

  static func steps(for set: InstructionSet) -> UnsafePointer<qk_steps> {
    switch set {
    case .avx512bw, .avx512: qk_steps_avx512()
    case .avx2, .avxvnni: qk_steps_avx2()
    case .scalar, .neon: qk_steps_scalar()
    }
  }
}

extension InputError.Rule {
  static let instructionSetRuns = Self("CFG-18", exit: .usage)
}
