import Boundary
import Llama

extension Setting {
  /// Every setting, in the order in which `config.yaml` and the documentation show them.
  ///
  /// `profile`, `task`, `method` and `compat.preset` choose defaults for the others, so they are applied before them.
  public static let all: [Setting] = general + practice + judges + learning + compat

  private static let general: [Setting] = [
    choice("profile", \.profile, "the defaults that all other settings start from"),
    text(
      "task", \.task,
      "the task's name: " + Course.names.joined(separator: ", ")
        + "; several joined by +; or a folder with a task of your own (docs/tasks.md)"),
    text("model", \.model, "the base model, a GGUF file", mayChange: true),
    text("output", \.output, "the run folder", mayChange: true),
    choice("method", \.method, "what the student learns from (section 10)"),
    text(
      "control_tokens_from", \.controlTokensFrom,
      "for `method: rationale`: the finished TriPosT run whose training tokens are matched"),
    text(
      "opening_from", \.openingFrom,
      "a finished run with the same opening, which is copied instead of done again",
      mayChange: true),
    integer("iterations", \.iterations, 0...100, "iterations t after the rationale stage"),
    integer("seed", \.seed, 0...Int.max, "all sampling, adapter and order random numbers"),
    integer(
      "threads", \.threads, 0...1024, "threads; 0 is one a physical core", mayChange: true),
    integer(
      "parallel", \.parallel, 1...4096, "sequences generated at a time", mayChange: true),
    integer(
      "memory", \.memory, 0...(1 << 30),
      "MiB that the process may take to generate, with fewer sequences at a time where it is short; 0 is no ceiling",
      mayChange: true),
    list(
      "data.seen", \.data.seen,
      "question shapes to practise, each task's own (section 9)"),
    list("data.unseen", \.data.unseen, "question shapes of the test only"),
    integer(
      "data.training", \.data.training, 1...1_000_000,
      "training questions, spread over the seen shapes"),
    text(
      "data.task_mix", \.data.taskMix,
      "how several tasks share them: `3:1`; unless set, as many as each begins with by itself (9.7)"
    ),
    integer(
      "data.validation", \.data.validation, 0...1_000_000,
      "validation questions, for the loss only"),
    integer("data.test_per_shape", \.data.testPerShape, 1...100_000, "test questions a shape"),
    files(
      "data.training_files", \.data.trainingFiles,
      "files to take training questions from, BIG-Bench-Hard JSON or official JSONL (9.5)"),
    files("data.validation_files", \.data.validationFiles, "the same for validation"),
    files("data.test_files", \.data.testFiles, "the same for the test"),
    flag(
      "data.test_on_training", \.data.testOnTraining,
      "test questions that are in the training data are tested, too (9.6)"),
    integer(
      "data.seed", \.data.seed, 0...Int.max,
      "the questions; not the run's seed, so that runs compare"),
  ]

  private static let practice: [Setting] = [
    number("rollout.temperature", \.rollout.temperature, 0...10, "practice attempts; 0 is greedy"),
    integer(
      "rollout.top_k", \.rollout.topK, 0...Limits.vocabulary.upperBound, "tokens kept; 0 is all"),
    number("rollout.top_p", \.rollout.topP, 0...1, above: true, "probability mass kept"),
    integer(
      "rollout.max_new_tokens", \.rollout.maxNewTokens, 1...1_048_576,
      "tokens of the single generation at t = 1"),
    integer(
      "rollout.passes", \.rollout.passes, 1...1_000,
      "passes over the questions at most, until `mix.max_data_length` is reached"),
    flag(
      "rollout.greedy_after_first", \.rollout.greedyAfterFirst, "practice at t > 1 is greedy (13.9)"
    ),
    integer(
      "samples.count", \.samples.count, 1...1_000,
      "attempts at a question, for methods that learn from right ones alone (10.7)"),
    number("samples.temperature", \.samples.temperature, 0...10, "of these; 0 is greedy"),
    integer("editor.max_updates", \.editor.maxUpdates, 1...100, "repairs of one attempt"),
    integer(
      "editor.max_words", \.editor.maxWords, 1...1_000_000, "words; longer attempts are discarded"),
    number(
      "mix.rho", \.mix.rho, 0...1_000,
      "improved texts for each correct and each ground-truth text; 0 is no balancing"),
    integer(
      "mix.max_data_length", \.mix.maxDataLength, 1...10_000_000,
      "texts from rollouts after which no further pass begins"),
    integer(
      "mix.min_data_length", \.mix.minDataLength, 0...10_000_000,
      "texts below which the run ends early"),
    integer(
      "evaluation.max_generations", \.evaluation.maxGenerations, 1...100,
      "generations of the self-improving loop, also in rollouts at t > 1"),
    integer(
      "evaluation.max_new_tokens", \.evaluation.maxNewTokens, 1...1_048_576,
      "tokens of one generation"),
    integer(
      "evaluation.max_answer_tokens", \.evaluation.maxAnswerTokens, 1...1_048_576,
      "tokens of an answer without steps (10.2)"),
    integer(
      "evaluation.shots", \.evaluation.shots, 0...64,
      "solved examples in the prompts of prompting methods (10.3, 10.5)"),
  ]

  private static let learning: [Setting] = [
    integer("lora.rank", \.lora.rank, 1...1024, "rank of the adapter"),
    number(
      "lora.alpha", \.lora.alpha, 0...100_000, above: true, "the update is scaled by alpha / rank"),
    number(
      "lora.dropout", \.lora.dropout, 0...0.9, "share of the adapter's inputs dropped in training"),
    list(
      "lora.targets", \.lora.targets,
      of: ["all-linear"] + Projection.allCases.map(\.rawValue)
        + Projection.allCases.compactMap { $0.peftName.split(separator: ".").last.map(String.init) },
      "projections with an adapter, in GGUF's or Hugging Face's words"),
    integer(
      "rationale.epochs", \.rationale.epochs, 0...10_000,
      "epochs on ground-truth rationales before t = 1"),
    number(
      "rationale.learning_rate", \.rationale.learningRate, 0...1, above: true,
      "peak learning rate of that stage"),
    integer(
      "train.epochs", \.train.stage.epochs, 0...10_000,
      "epochs of each iteration; 0 collects texts and learns nothing"),
    number(
      "train.learning_rate", \.train.stage.learningRate, 0...1, above: true,
      "peak learning rate of each iteration"),
    integer("train.batch", \.train.batch, 1...4096, "rows of a micro-batch"),
    integer("train.accumulation", \.train.accumulation, 1...4096, "micro-batches a step"),
    number(
      "train.warmup_ratio", \.train.warmupRatio, 0...1,
      "share of the steps in which the rate rises from 0"),
    choice("train.schedule", \.train.schedule, "the learning rate after the warm-up"),
    number("train.weight_decay", \.train.weightDecay, 0...1, "AdamW's decay"),
    number(
      "train.max_grad_norm", \.train.maxGradNorm, 0...1_000_000,
      "gradient norm clipped to; 0 is off"),
    choice(
      "train.backward", \.train.backward, orNone: "auto",
      "what gradients are multiplied in; `auto` is f32 for f32 weights and bf16 for others"),
    number(
      "train.self_improve_weight", \.train.selfImproveWeight, 0...100,
      "loss weight w of feedback and update tokens"),
    integer(
      "train.max_length", \.train.maxLength, 8...1_048_576, "tokens; longer rows are left out"),
    choice(
      "train.loss_norm", \.train.lossNorm, "what the weighted sum of cross-entropies is divided by"),
    integer(
      "train.checkpoint_every", \.train.checkpointEvery, 1...1_000_000, "steps between checkpoints"),
  ]

  private static let compat: [Setting] = [
    choice(
      "compat.preset", \.compatPreset,
      "`published` repeats the official program where it and the clean method part ways (section 13)"
    ),
    flag(
      "compat.msa_strict", \.compat.msaStrict,
      "a calculation begins with the group of step 1 (13.14)"),
    flag(
      "compat.ws_strict", \.compat.wsStrict,
      "an order names no word twice, and none from outside its subpart (13.27)"),
    flag(
      "compat.reprompt_with_hint", \.compat.repromptWithHint,
      "further generations see the hint, too (13.10)"),
    choice(
      "compat.edit_scope", \.compat.editScope,
      "what the editor sees at t > 1: all or the last turn (13.11)"),
    flag(
      "compat.exact_part_test", \.compat.exactPartTest,
      "an update may not keep the mistaken part (13.17)"),
    flag(
      "compat.mask_before_start", \.compat.maskBeforeStart,
      "the first attempt of a weighted text is not trained on (13.7)"),
    flag(
      "compat.weigh_closing_turns", \.compat.weighClosingTurns,
      "closing turns of edited texts have the weight w (13.4)"),
    flag(
      "compat.keep_feedback_only", \.compat.keepFeedbackOnly,
      "wrong attempts with feedback but no update are kept (13.26)"),
    flag(
      "compat.drop_before_balance", \.compat.dropBeforeBalance,
      "texts that are too long go before the balancing (13.18)"),
  ]
}
