// Element-wise steps of training, on rows of floats: the backward twins of `qk_steps.h`, and AdamW.
//
// The rules of `qk_steps.h` hold here too: one row alone, sums in 16 lanes joined as a tree, the
// same bits on every instruction set.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// The numbers of one AdamW step that are equal for all parameters (see `adamw`).
typedef struct {
  float clip;            ///< the gradient is multiplied by this first
  float keep;            ///< 1 - learning rate * weight decay
  float first_blend;     ///< 1 - beta 1
  float second_keep;     ///< beta 2
  float second_blend;    ///< 1 - beta 2
  float step;            ///< learning rate / (1 - beta 1^t)
  float inverse_root;    ///< 1 / sqrt(1 - beta 2^t)
  float epsilon;
} qk_adamw;

typedef struct {
  /// dx[n] += the gradient at the input of `rms_norm`, from `dy[n]` at its output.
  void (*rms_norm_backward)(size_t n, const float *dy, const float *x, const float *weight,
                            float epsilon, float *dx);
  /// dgate[n], dup[n] from dy[n] at the output of `swiglu`.
  void (*swiglu_backward)(size_t n, const float *dy, const float *gate, const float *up,
                          float *dgate, float *dup);
  /// One query's row of attention, in place: scores[n] become probabilities, dp[n] (the gradient at
  /// the probabilities) becomes the gradient at the unscaled scores. Keys from `valid` on are not
  /// seen: 0.
  void (*softmax_backward)(size_t valid, size_t n, float scale, float *scores, float *dp);
  /// logits[n] become coefficient * (softmax - one at target); the largest logit and the sum of
  /// exponentials below it are handed out.
  void (*cross_entropy)(size_t n, size_t target, float coefficient, float *logits, float *top,
                        float *sum);
  /// One step on values[n] with gradient[n] and the moments first[n], second[n].
  void (*adamw)(size_t n, const qk_adamw *step, const float *gradient, float *first, float *second,
                float *values);
  /// The sum of squares in double precision, in 8 lanes (element i adds into lane i % 8).
  double (*squared_sum)(size_t n, const float *x);
  /// y[i] = x[i] * scale where the mixed bits of key + (start + i) reach `threshold` (of 2^24),
  /// else 0.
  void (*dropout)(size_t n, uint64_t key, uint64_t start, uint32_t threshold, float scale,
                  const float *x, float *y);
  /// Floats to bfloat16, to nearest, ties to even, and back.
  void (*to_bf16)(size_t n, const float *x, uint16_t *y);
  void (*from_bf16)(size_t n, const uint16_t *x, float *y);
  /// There and back.
  void (*round_bf16)(size_t n, float *x);
} qk_training;

/// The steps for an instruction set; the reference serves where there is no faster twin.
const qk_training *qk_training_scalar(void);
const qk_training *qk_training_avx2(void);
const qk_training *qk_training_avx512(void);
