// The products for AArch64 with dot products (Armv8.2): four registers of 4 rows make a panel.
//
// `sdot` adds four signed products to each lane, exactly. Running sums of a whole tile do not fit
// 32 registers beside the weights; the compiler keeps them in memory, which hides behind the eight
// `sdot` of a block.
#include "kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>
#include <math.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#include "quantize.h"
#include "unpack.h"

#define inlined static inline __attribute__((always_inline))

/// Four floats of four halves.
inlined float32x4_t four_halves(const uint16_t *halves) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves)));
}

static void store(const qk_output *out, size_t n, float32x4_t acc[][4]) {
  for (size_t t = 0; t < n; t++) {
    float *y = out->y + t * out->stride, sum[QK_PANEL];
    memcpy(sum, acc[t], sizeof sum);
    for (size_t r = 0; r < out->rows; r++)
      y[r] = out->adding ? fmaf(out->scale, sum[r], y[r]) : out->scale * sum[r];
  }
}

/// Adds a block's products of rows 4 * v ..< 4 * v + 4; q[i] holds four inputs' weights of each.
inlined void add_block(
    size_t n, size_t v, const int8x16_t q[8], const uint16_t *scale, const qk_input_block *x,
    bool offset_8, float32x4_t acc[][4]) {
  const float32x4_t wscale = four_halves(scale + 4 * v);
  for (size_t t = 0; t < n; t++) {
    const int8x16_t first = vld1q_s8(x[t].quants), second = vld1q_s8(x[t].quants + 16);
    int32x4_t sum = vdupq_n_s32(offset_8 ? x[t].start_q4_0 : 0);
    sum = vdotq_laneq_s32(sum, q[0], first, 0);
    sum = vdotq_laneq_s32(sum, q[1], first, 1);
    sum = vdotq_laneq_s32(sum, q[2], first, 2);
    sum = vdotq_laneq_s32(sum, q[3], first, 3);
    sum = vdotq_laneq_s32(sum, q[4], second, 0);
    sum = vdotq_laneq_s32(sum, q[5], second, 1);
    sum = vdotq_laneq_s32(sum, q[6], second, 2);
    sum = vdotq_laneq_s32(sum, q[7], second, 3);
    acc[t][v] = vfmaq_f32(acc[t][v], vcvtq_f32_s32(sum), vmulq_n_f32(wscale, x[t].scale));
  }
}

inlined void clear(size_t n, float32x4_t acc[][4]) {
  for (size_t t = 0; t < n; t++)
    for (size_t v = 0; v < 4; v++) acc[t][v] = vdupq_n_f32(0);
}

inlined void tile_q8_0(
    size_t n, size_t columns, const void *panel, const void *inputs, size_t stride,
    const qk_output *out) {
  (void)stride;
  const qk_panel_q8_0 *w = panel;
  const qk_input_block *x = inputs;
  const uint8x16_t offset = vdupq_n_u8(0x80);
  float32x4_t acc[QK_TILE][4];
  clear(n, acc);
  for (size_t b = 0; b < columns / QK_BLOCK; b++, w++, x += n)
    for (size_t v = 0; v < 4; v++) {
      int8x16_t q[8];
      for (size_t i = 0; i < 8; i++)
        q[i] = vreinterpretq_s8_u8(veorq_u8(vld1q_u8(w->quants[i] + 16 * v), offset));
      add_block(n, v, q, w->scale, x, false, acc);
    }
  store(out, n, acc);
}

inlined void tile_q4_0(
    size_t n, size_t columns, const void *panel, const void *inputs, size_t stride,
    const qk_output *out) {
  (void)stride;
  const qk_panel_q4_0 *w = panel;
  const qk_input_block *x = inputs;
  float32x4_t acc[QK_TILE][4];
  clear(n, acc);
  for (size_t b = 0; b < columns / QK_BLOCK; b++, w++, x += n)
    for (size_t v = 0; v < 4; v++) {
      int8x16_t q[8];
      for (size_t i = 0; i < 4; i++) {
        const uint8x16_t pairs = vld1q_u8(w->quants[i] + 16 * v);
        q[i] = vreinterpretq_s8_u8(vandq_u8(pairs, vdupq_n_u8(15)));
        q[i + 4] = vreinterpretq_s8_u8(vshrq_n_u8(pairs, 4));
      }
      add_block(n, v, q, w->scale, x, true, acc);
    }
  store(out, n, acc);
}

/// The weights of input k and rows 4 * v ..< 4 * v + 4, as floats.
inlined float32x4_t weights(qk_format format, const void *panel, size_t k, size_t v) {
  if (format == qk_f32) return vld1q_f32((const float *)panel + k * QK_PANEL + 4 * v);
  const uint16_t *values = (const uint16_t *)panel + k * QK_PANEL + 4 * v;
  if (format == qk_f16) return four_halves(values);
  return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(values), 16));
}

/// Up to four tokens: four registers of weights and sixteen sums fit.
inlined void add_floats(
    qk_format format, size_t n, size_t columns, const void *panel, const float *x, size_t stride,
    float32x4_t acc[][4]) {
  clear(n, acc);
  for (size_t k = 0; k < columns; k++) {
    float32x4_t w[4];
    for (size_t v = 0; v < 4; v++) w[v] = weights(format, panel, k, v);
    for (size_t t = 0; t < n; t++)
      for (size_t v = 0; v < 4; v++)
        acc[t][v] = vfmaq_n_f32(acc[t][v], w[v], x[t * stride + k]);
  }
}

inlined void tile_float(
    qk_format format, size_t n, size_t columns, const void *panel, const void *x, size_t stride,
    const qk_output *out) {
  float32x4_t acc[QK_TILE][4];
  const size_t first = at_most(n, 4);
  add_floats(format, first, columns, panel, x, stride, acc);
  if (n > 4)
    add_floats(format, n - 4, columns, panel, (const float *)x + 4 * stride, stride, acc + 4);
  store(out, n, acc);
}

inlined void tile_f32(
    size_t n, size_t columns, const void *panel, const void *x, size_t stride,
    const qk_output *out) {
  tile_float(qk_f32, n, columns, panel, x, stride, out);
}

inlined void tile_f16(
    size_t n, size_t columns, const void *panel, const void *x, size_t stride,
    const qk_output *out) {
  tile_float(qk_f16, n, columns, panel, x, stride, out);
}

inlined void tile_bf16(
    size_t n, size_t columns, const void *panel, const void *x, size_t stride,
    const qk_output *out) {
  tile_float(qk_bf16, n, columns, panel, x, stride, out);
}

QK_FOR_TOKENS(tile_f32, neon)
QK_FOR_TOKENS(tile_f16, neon)
QK_FOR_TOKENS(tile_bf16, neon)
QK_FOR_TOKENS(tile_q8_0, neon)
QK_FOR_TOKENS(tile_q4_0, neon)

#pragma clang attribute pop

const qk_kernels qk_kernels_neon = {
  .tile = {
    [qk_f32] = tile_f32_neon,
    [qk_f16] = tile_f16_neon,
    [qk_bf16] = tile_bf16_neon,
    [qk_q8_0] = tile_q8_0_neon,
    [qk_q4_0] = tile_q4_0_neon,
  },
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
};
#endif
