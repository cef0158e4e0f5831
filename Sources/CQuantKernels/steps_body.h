// The element-wise steps, written once and compiled for each instruction set by the file
// that includes this one with STEPS(name) defined. The loops are laid out so that the compiler makes
// vectors of the 16 lanes; the order of operations is the same in every build.

/// exp for x <= 88, within 2 ulp; 0 below -87. Cody-Waite reduction and the Taylor polynomial of
/// degree 7, whose remainder on |r| <= ln(2)/2 is below 6e-9.
static inline float STEPS(exp)(float x) {
  const float rounder = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer, half to even
  float clamped = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  float n = (clamped * 1.44269504088896341f + rounder) - rounder;
  float r = fmaf(n, -0.693359375f, clamped);
  r = fmaf(n, 2.12194440e-4f, r);
  float p = 1.0f / 5040.0f;
  p = fmaf(p, r, 1.0f / 720.0f);
  p = fmaf(p, r, 1.0f / 120.0f);
  p = fmaf(p, r, 1.0f / 24.0f);
  p = fmaf(p, r, 1.0f / 6.0f);
  p = fmaf(p, r, 0.5f);
  p = fmaf(p, r, 1.0f);
  p = fmaf(p, r, 1.0f);
  union { int32_t bits; float value; } power = {.bits = ((int32_t)n + 127) << 23};
  return x < -87.0f ? 0.0f : p * power.value;
}

static inline float STEPS(join)(const float lane[16]) {
  float eight[8], four[4];
  for (int i = 0; i < 8; i++) eight[i] = lane[i] + lane[i + 8];
  for (int i = 0; i < 4; i++) four[i] = eight[i] + eight[i + 4];
  return (four[0] + four[2]) + (four[1] + four[3]);
}

static inline float STEPS(join_maximum)(const float lane[16]) {
  float eight[8], four[4];
  for (int i = 0; i < 8; i++) eight[i] = lane[i] > lane[i + 8] ? lane[i] : lane[i + 8];
  for (int i = 0; i < 4; i++) four[i] = eight[i] > eight[i + 4] ? eight[i] : eight[i + 4];
  const float even = four[0] > four[2] ? four[0] : four[2];
  const float odd = four[1] > four[3] ? four[1] : four[3];
  return even > odd ? even : odd;
}

static void STEPS(rms_norm)(
    size_t n, const float *restrict x, const float *restrict weight, float epsilon,
    float *restrict y) {
  float lane[16] = {0};
  size_t whole = n & ~(size_t)15;
  for (size_t i = 0; i < whole; i += 16)
    for (int l = 0; l < 16; l++) lane[l] = fmaf(x[i + l], x[i + l], lane[l]);
  for (size_t i = whole; i < n; i++) lane[i - whole] = fmaf(x[i], x[i], lane[i - whole]);
  float scale = 1.0f / sqrtf(STEPS(join)(lane) / (float)n + epsilon);
  for (size_t i = 0; i < n; i++) y[i] = x[i] * scale * weight[i];
}

static void STEPS(add)(size_t n, const float *restrict x, float *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] += x[i];
}

static void STEPS(swiglu)(
    size_t n, const float *restrict gate, const float *restrict up, float *restrict y) {
  for (size_t i = 0; i < n; i++) y[i] = gate[i] / (1.0f + STEPS(exp)(-gate[i])) * up[i];
}

static void STEPS(rotate)(
    size_t heads, size_t head_size, size_t pairs, const float *restrict cosine,
    const float *restrict sine, float sign, float *restrict x) {
  for (size_t h = 0; h < heads; h++) {
    float *head = x + h * head_size;
    for (size_t i = 0; i < pairs; i++) {
      float a = head[2 * i], b = head[2 * i + 1], s = sign * sine[i];
      float as = a * s, bs = b * s;
      head[2 * i] = fmaf(a, cosine[i], -bs);
      head[2 * i + 1] = fmaf(b, cosine[i], as);
    }
  }
}

static float STEPS(maximum)(size_t n, const float *x) {
  float lane[16];
  for (int l = 0; l < 16; l++) lane[l] = x[0];
  size_t whole = n & ~(size_t)15;
  for (size_t i = 0; i < whole; i += 16)
    for (int l = 0; l < 16; l++) lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
  for (size_t i = whole; i < n; i++) lane[0] = x[i] > lane[0] ? x[i] : lane[0];
  return STEPS(join_maximum)(lane);
}

static float STEPS(exp_sum)(size_t n, const float *x, float shift, float *y) {
  float lane[16] = {0}, term[16];
  size_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int l = 0; l < 16; l++) term[l] = STEPS(exp)(x[i + l] - shift);
    for (int l = 0; l < 16; l++) lane[l] += term[l];
    if (y)
      for (int l = 0; l < 16; l++) y[i + l] = term[l];
  }
  for (size_t l = 0; i < n; i++, l++) {
    float e = STEPS(exp)(x[i] - shift);
    lane[l] += e;
    if (y) y[i] = e;
  }
  return STEPS(join)(lane);
}

#include "attention_body.h"

static const qk_steps STEPS(table) = {
    .rms_norm = STEPS(rms_norm),
    .add = STEPS(add),
    .swiglu = STEPS(swiglu),
    .rotate = STEPS(rotate),
    .attend = STEPS(attend),
    .maximum = STEPS(maximum),
    .exp_sum = STEPS(exp_sum),
};
