// The element-wise steps of training, written once and compiled for each instruction set by the
// files that include this one after `steps_body.h`, whose `exp` and `join` it uses.

/// With s = 1 / sqrt(mean(x^2) + epsilon):  dx += s w dy - x s^3 mean(w dy x).
static void STEPS(rms_norm_backward)(
    size_t n, const float *restrict dy, const float *restrict x, const float *restrict weight,
    float epsilon, float *restrict dx) {
  float square[16] = {0}, product[16] = {0};
  size_t whole = n & ~(size_t)15;
  for (size_t i = 0; i < whole; i += 16)
    for (int l = 0; l < 16; l++) {
      square[l] = fmaf(x[i + l], x[i + l], square[l]);
      product[l] = fmaf(dy[i + l] * weight[i + l], x[i + l], product[l]);
    }
  for (size_t i = whole; i < n; i++) {
    square[i - whole] = fmaf(x[i], x[i], square[i - whole]);
    product[i - whole] = fmaf(dy[i] * weight[i], x[i], product[i - whole]);
  }
  float scale = 1.0f / sqrtf(STEPS(join)(square) / (float)n + epsilon);
  float along = STEPS(join)(product) / (float)n * scale * scale * scale;
  for (size_t i = 0; i < n; i++) dx[i] += fmaf(-along, x[i], dy[i] * weight[i] * scale);
}

/// With s = sigmoid(gate):  dup = dy gate s,  dgate = dy up s (1 + gate (1 - s)).
static void STEPS(swiglu_backward)(
    size_t n, const float *restrict dy, const float *restrict gate, const float *restrict up,
    float *restrict dgate, float *restrict dup) {
  for (size_t i = 0; i < n; i++) {
    float s = 1.0f / (1.0f + STEPS(exp)(-gate[i]));
    dup[i] = dy[i] * gate[i] * s;
    dgate[i] = dy[i] * up[i] * s * fmaf(gate[i], 1.0f - s, 1.0f);
  }
}

/// With p = softmax(scale scores):  dscores = scale p (dp - sum of p dp).
static void STEPS(softmax_backward)(
    size_t valid, size_t n, float scale, float *restrict scores, float *restrict dp) {
  for (size_t i = 0; i < valid; i++) scores[i] *= scale;
  float sum = STEPS(exp_sum)(valid, scores, STEPS(maximum)(valid, scores), scores);
  float share = 1.0f / sum, lane[16] = {0};
  size_t whole = valid & ~(size_t)15;
  for (size_t i = 0; i < whole; i += 16)
    for (int l = 0; l < 16; l++) {
      scores[i + l] *= share;
      lane[l] = fmaf(scores[i + l], dp[i + l], lane[l]);
    }
  for (size_t i = whole; i < valid; i++) {
    scores[i] *= share;
    lane[i - whole] = fmaf(scores[i], dp[i], lane[i - whole]);
  }
  float mean = STEPS(join)(lane);
  for (size_t i = 0; i < valid; i++) dp[i] = scores[i] * (dp[i] - mean) * scale;
  for (size_t i = valid; i < n; i++) scores[i] = dp[i] = 0.0f;
}

static void STEPS(cross_entropy)(
    size_t n, size_t target, float coefficient, float *logits, float *top, float *sum) {
  *top = STEPS(maximum)(n, logits);
  *sum = STEPS(exp_sum)(n, logits, *top, logits);
  float share = coefficient / *sum;
  for (size_t i = 0; i < n; i++) logits[i] *= share;
  logits[target] -= coefficient;
}

/// Loshchilov and Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2; epsilon is
/// added to the corrected root, as PyTorch does.
static void STEPS(adamw)(
    size_t n, const qk_adamw *step, const float *restrict gradient, float *restrict first,
    float *restrict second, float *restrict values) {
  const qk_adamw a = *step;
  for (size_t i = 0; i < n; i++) {
    float g = gradient[i] * a.clip;
    float m = fmaf(g - first[i], a.first_blend, first[i]);
    float v = fmaf(second[i], a.second_keep, g * g * a.second_blend);
    first[i] = m;
    second[i] = v;
    values[i] = values[i] * a.keep - a.step * m / fmaf(sqrtf(v), a.inverse_root, a.epsilon);
  }
}

static double STEPS(squared_sum)(size_t n, const float *x) {
  double lane[8] = {0};
  size_t whole = n & ~(size_t)7;
  for (size_t i = 0; i < whole; i += 8)
    for (int l = 0; l < 8; l++) lane[l] += (double)x[i + l] * (double)x[i + l];
  for (size_t i = whole; i < n; i++) lane[i - whole] += (double)x[i] * (double)x[i];
  return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/// The bits are the finalizer of SplitMix64 (Steele et al. 2014) on a Weyl sequence.
static void STEPS(dropout)(
    size_t n, uint64_t key, uint64_t start, uint32_t threshold, float scale,
    const float *restrict x, float *restrict y) {
  for (size_t i = 0; i < n; i++) {
    uint64_t z = key + (start + i) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    uint32_t bits = (uint32_t)((z ^ (z >> 31)) >> 40);
    y[i] = bits >= threshold ? x[i] * scale : 0.0f;
  }
}

static void STEPS(to_bf16)(size_t n, const float *restrict x, uint16_t *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] = qk_float_to_bf16(x[i]);
}

static void STEPS(from_bf16)(size_t n, const uint16_t *restrict x, float *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] = qk_bf16_to_float(x[i]);
}

static void STEPS(round_bf16)(size_t n, float *x) {
  for (size_t i = 0; i < n; i++) x[i] = qk_bf16_to_float(qk_float_to_bf16(x[i]));
}

static const qk_training STEPS(training_table) = {
    .rms_norm_backward = STEPS(rms_norm_backward),
    .swiglu_backward = STEPS(swiglu_backward),
    .softmax_backward = STEPS(softmax_backward),
    .cross_entropy = STEPS(cross_entropy),
    .adamw = STEPS(adamw),
    .squared_sum = STEPS(squared_sum),
    .dropout = STEPS(dropout),
    .to_bf16 = STEPS(to_bf16),
    .from_bf16 = STEPS(from_bf16),
    .round_bf16 = STEPS(round_bf16),
};
