public import LoRA
public import QuantKernels

/// Everything that decides what a run does; with the seed it fixes every byte of the result.
///
/// The defaults are the `shipped` profile, suited to the small model in `models/`, with what suits the
/// task. Names, ranges and units as a user meets them are in `Setting.all`, one entry a field.
public struct RunConfiguration: Equatable, Sendable {
  /// A named set of defaults that the other settings start from.
  public enum Profile: String, CaseIterable, Sendable {
    /// For the model in `models/`: the defaults of this structure.
    case shipped
    /// The settings of the paper's LLaMA-7B runs with the LoRA defaults of docs/tripost.md, 14.
    case llama7B = "llama_7b"
  }

  /// Which choices of docs/tripost.md, 13 the others start from.
  public enum Preset: String, CaseIterable, Sendable {
    case clean, published
  }

  public var profile = Profile.shipped
  public var task = MultistepArithmetic.name
  public var model = "models/tripost-6m-q8_0.gguf"
  public var output = "runs/shipped"
  public var method = Method.tripost
  public var controlTokensFrom = ""
  public var openingFrom = ""
  public var iterations = 3
  public var seed = 42
  public var threads = 0
  public var parallel = 64
  /// MiB; 0 is no ceiling.
  public var memory = 0
  public var data = DataSettings()
  public var rationale = StageSettings(epochs: 2, learningRate: 2e-4)
  public var rollout = RolloutSettings()
  public var samples = SampleSettings()
  public var editor = EditorSettings()
  public var mix = MixSettings()
  public var feedback = JudgeSettings(temperature: 0, maxTokens: 256)
  public var improvement = JudgeSettings(temperature: 0.7, maxTokens: 2048)
  /// A folder of prompt files; empty for the program's own.
  public var prompts = ""
  public var endpoint = EndpointSettings()
  public var lora = LoRASettings()
  public var train = TrainSettings()
  public var evaluation = EvaluationSettings()
  public var compatPreset = Preset.clean
  public var compat = Compatibility.clean

  /// The `shipped` profile with Multistep Arithmetic.
  public init() { self.init(profile: .shipped) }

  /// The defaults of a profile, a task and a method; of the first task where the name is no task's.
  public init(
    profile: Profile, task: String = MultistepArithmetic.name, method: Method = .tripost
  ) {
    self.profile = profile
    self.task = task
    self.method = method
    let defaults = Course.defaults(of: task) ?? MultistepArithmetic.defaults
    data.seen = defaults.seen
    data.unseen = defaults.unseen
    data.training = profile == .llama7B ? defaults.publishedTraining : defaults.training
    data.validation = defaults.validation
    data.testPerShape = defaults.testPerShape
    editor.maxWords = defaults.maxWords
    mix.maxDataLength = defaults.maxDataLength
    mix.minDataLength = defaults.minDataLength
    rollout.maxNewTokens = defaults.maxNewTokens
    evaluation.maxAnswerTokens = defaults.maxAnswerTokens
    for setting in Setting.all {
      if let value = method.fixed[setting.key] ?? method.defaults[setting.key] {
        setting.set(&self, value)
      }
    }
    guard profile == .llama7B else { return }
    model = ""
    output = ""
    parallel = 16
    rationale.epochs = 5
    train.stage.epochs = 4
    train.maxLength = 1536
  }
}

extension RunConfiguration {
  /// Which questions the task makes, how many, and from which seed (docs/tripost.md, 9).
  ///
  /// The questions do not follow the run's seed, so that runs of several seeds compare on one test set.
  public struct DataSettings: Equatable, Sendable {
    /// Shapes that are practised, such as `l3d22`; see each task's `Shape`.
    public var seen: [String] = []
    /// Shapes that are in the test only.
    public var unseen: [String] = []
    public var training = 0
    /// How several tasks share them, such as "3:1"; empty for as many as each begins with by itself.
    public var taskMix = ""
    public var validation = 0
    public var testPerShape = 0
    /// Files whose questions take the place of the task's own.
    public var trainingFiles: [String] = []
    public var validationFiles: [String] = []
    public var testFiles: [String] = []
    /// All of them.
    var files: [String] { trainingFiles + validationFiles + testFiles }
    /// Test questions that are in the training data are tested, too.
    public var testOnTraining = false
    public var seed = 1
  }

  /// One supervised stage: how long and how fast.
  public struct StageSettings: Equatable, Sendable {
    public var epochs: Int
    public var learningRate: Double
  }

  /// How practice attempts are sampled (docs/tripost.md, 3.1, 3.2).
  public struct RolloutSettings: Equatable, Sendable {
    public var temperature = 1.0
    public var topK = 50
    public var topP = 1.0
    public var maxNewTokens = 512
    public var passes = 5
    /// Greedy practice from t = 2 on, as the published program does (13.9).
    public var greedyAfterFirst = false
  }

  /// How right attempts are sampled for methods that learn from these alone (docs/tripost.md, 10.7).
  public struct SampleSettings: Equatable, Sendable {
    /// Attempts at a question.
    public var count = 5
    public var temperature = 1.0
  }

  /// When an attempt is given up instead of repaired (docs/tripost.md, 3.4, 3.5).
  public struct EditorSettings: Equatable, Sendable {
    public var maxUpdates = 5
    public var maxWords = 512
  }

  /// How improved, correct and ground-truth texts are balanced (docs/tripost.md, 6.3).
  public struct MixSettings: Equatable, Sendable {
    public var rho = 1.5
    public var maxDataLength = 200
    public var minDataLength = 60
  }

  /// The adapter's shape (docs/tripost.md, 14).
  public struct LoRASettings: Equatable, Sendable {
    public var rank = 16
    public var alpha = 32.0
    public var dropout = 0.0
    public var targets = ["all-linear"]
  }

  /// The optimizer, for the rationale stage and every iteration; epochs and rate here are an iteration's.
  public struct TrainSettings: Equatable, Sendable {
    public var stage = StageSettings(epochs: 1, learningRate: 1e-4)
    public var batch = 4
    public var accumulation = 1
    public var warmupRatio = 0.2
    public var schedule = LearningRateSchedule.Shape.linear
    public var weightDecay = 0.0
    public var maxGradNorm = 1.0
    /// As in `TrainingOptions`.
    public var backward: BackwardPrecision?
    public var selfImproveWeight = 1.5
    public var maxLength = 1024
    public var lossNorm = LossNormalization.sequence
    public var checkpointEvery = 50
  }

  /// Self-improving inference at test time (docs/tripost.md, 8.1).
  public struct EvaluationSettings: Equatable, Sendable {
    public var maxGenerations = 3
    public var maxNewTokens = 1024
    public var maxAnswerTokens = 10
    public var shots = 3
  }
}

extension RunConfiguration {
  /// Sets what a preset decides.
  mutating func apply(_ preset: Preset) {
    compatPreset = preset
    compat = preset == .clean ? .clean : .published
    rollout.greedyAfterFirst = preset == .published
  }
}

extension Compatibility.EditScope: CaseIterable {
  public static let allCases: [Self] = [.full, .lastTurn]
}
