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

#include "bytes.h"
#include "layout.h"
#include "quantize.h"
#include "round.h"
#include "unpack.h"

/// Four floats of four halves.
inlined float32x4_t four_halves(const uint16_t *halves) {
  return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(halves)));
}

/// Four rows' scale bytes of a K format's group.
inlined int32x4_t four_scales(const uint8_t *bytes) {
  uint32_t four;
  memcpy(&four, bytes, sizeof four);
  return vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(four)))));
}

/// Word i of four rows' stored bits, in the place of bits `to ..< to + bits` of their values.
inlined uint8x16_t stored_bits(
    const uint8_t *lines, unsigned bits, size_t i, unsigned to, size_t v) {
  const uint8x16_t line = vld1q_u8(lines + i % bits * QK_LINE + 16 * v);
  if (bits == 8) return line;
  const int from = (int)bits * (int)(i / bits);
  const uint8x16_t moved = vshlq_u8(line, vdupq_n_s8((int8_t)((int)to - from)));
  return vandq_u8(moved, vdupq_n_u8((uint8_t)(((1 << bits) - 1) << to)));
}

/// Four rows' weights of inputs 4 * i ..< 4 * i + 4 of a block; bytes become signed, smaller values
/// keep their offset.
inlined int8x16_t block_weights(qk_layout l, const uint8_t *block, size_t i, size_t v) {
  uint8x16_t values = stored_bits(low_of(l, block), l.low, i, 0, v);
  if (l.high) values = vorrq_u8(values, stored_bits(high_of(l, block), l.high, i, l.low, v));
  if (l.lift) values = vaddq_u8(values, vdupq_n_u8(l.lift));
  if (l.coded) values = vqtbl1q_u8(vld1q_u8(qk_codes), values);
  if (l.offset == 128) values = veorq_u8(values, vdupq_n_u8(0x80));
  return vreinterpretq_s8_u8(values);
}

static void store(const qk_output *out, size_t n, float32x4_t acc[][4]) {
  for (size_t t = 0; t < n; t++) {
    float *y = out->y + t * out->stride, sum[QK_PANEL];
    memcpy(sum, acc[t], sizeof sum);
    for (size_t r = 0; r < out->rows; r++)
      y[r] = out->adding ? fmaf(out->scale, sum[r], y[r]) : out->scale * sum[r];
  }
}

inlined void clear(size_t n, float32x4_t acc[][4]) {
  for (size_t t = 0; t < n; t++)
    for (size_t v = 0; v < 4; v++) acc[t][v] = vdupq_n_f32(0);
}

/// Adds the products of four words of each row and 16 inputs.
inlined int32x4_t add_words(int32x4_t sum, const int8x16_t q[4], int8x16_t inputs) {
  sum = vdotq_laneq_s32(sum, q[0], inputs, 0);
  sum = vdotq_laneq_s32(sum, q[1], inputs, 1);
  sum = vdotq_laneq_s32(sum, q[2], inputs, 2);
  return vdotq_laneq_s32(sum, q[3], inputs, 3);
}

/// Adds a group's products of rows 4 * v ..< 4 * v + 4, to the integer sums of a K format's record.
inlined void add_group(
    qk_layout l, size_t n, size_t v, size_t g, const uint8_t *w, const uint8_t *block,
    const qk_input_block *x, int32x4_t part[][4], float32x4_t acc[][4]) {
  const size_t words = 8 / l.groups;
  int8x16_t q[8];
  for (size_t i = 0; i < words; i++) q[i] = block_weights(l, block, g * words + i, v);
  for (size_t t = 0; t < n; t++) {
    const int8_t *inputs = x[t].quants + 4 * g * words;
    int32x4_t sum = vdupq_n_s32(l.offset == 128 ? 0 : start_of(l, &x[t], g));
    for (size_t i = 0; i < words; i += 4) sum = add_words(sum, q + i, vld1q_s8(inputs + 4 * i));
    if (l.blocks > 1) {
      part[t][v] = vmlaq_s32(part[t][v], sum, four_scales(scales_of(block, g) + 4 * v));
    } else {
      const float32x4_t scale = vmulq_n_f32(four_halves((const uint16_t *)w + 4 * v), x[t].scale);
      acc[t][v] = vfmaq_f32(acc[t][v], vcvtq_f32_s32(sum), scale);
    }
  }
}

/// Four rows' bytes as 16 bits each.
inlined int16x4_t four_bytes(const uint8_t *bytes) {
  uint32_t four;
  memcpy(&four, bytes, sizeof four);
  return vreinterpret_s16_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four)))));
}

/// Adds a K format's record to what comes before it; x is at its first block.
inlined void end_record(
    qk_layout l, size_t n, const uint8_t *record, const qk_input_block *x, int32x4_t part[][4],
    float32x4_t acc[][4]) {
  for (size_t v = 0; v < 4; v++)
    for (size_t t = 0; t < n; t++) {
      float32x4_t value =
          vmulq_f32(vcvtq_f32_s32(part[t][v]), four_halves((const uint16_t *)record + 4 * v));
      if (l.minimum) {
        int32x4_t sum = vdupq_n_s32(0);
        for (size_t group = 0; group < 2 * group_pairs(l); group++) {
          const int32_t sums = pair_sums(l, &x[t], n, group / 2);
          const int16x4_t minima = four_bytes(group_minima(l, record, group) + 4 * v);
          sum = vmlal_n_s16(sum, minima, (int16_t)(sums >> group % 2 * 16));
        }
        const float32x4_t factor = four_halves((const uint16_t *)record + QK_PANEL + 4 * v);
        value = vfmaq_f32(value, vcvtq_f32_s32(sum), factor);
      }
      acc[t][v] = vfmaq_n_f32(acc[t][v], value, x[t].scale);
    }
}

inlined void tile_blocks(
    qk_format format, size_t n, size_t columns, const void *panel, const void *inputs,
    size_t stride, const qk_output *out) {
  (void)stride;
  const qk_layout l = qk_layouts[format];
  const uint8_t *w = panel;
  const qk_input_block *x = inputs;
  float32x4_t acc[QK_TILE][4];
  int32x4_t part[QK_TILE][4];
  clear(n, acc);
  for (size_t b = 0; b < columns / QK_BLOCK; b++, x += n) {
    const size_t j = b % l.blocks;
    const uint8_t *block = block_of(l, w, j);
    if (j == 0) memset(part, 0, sizeof part);
    for (size_t v = 0; v < 4; v++) {
      for (size_t g = 0; g < l.groups; g++)
        add_group(l, n, v, g, w, block, x, part, acc);
      if (l.minimum && l.blocks == 1)
        for (size_t t = 0; t < n; t++)
          acc[t][v] = vfmaq_n_f32(
              acc[t][v], four_halves((const uint16_t *)w + QK_PANEL + 4 * v), x[t].sum);
    }
    if (j + 1 < l.blocks) continue;
    if (l.blocks > 1) end_record(l, n, w, x - j * n, part, acc);
    w += record_bytes(l);
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

#define FLOATS(format) QK_FOR_TOKENS(format, tile_float, tile_##format)
QK_FLOATS(FLOATS)

#define BLOCKS(format) QK_FOR_TOKENS(format, tile_blocks, tile_##format)
QK_QUANTIZED(BLOCKS)

/// Up to four tokens, as of floats.
inlined void multiply_bytes(
    size_t n, size_t words, const void *panel, const void *x, size_t stride, float32x4_t acc[][4]) {
  const int8_t *weights = (const int8_t *)panel + QK_LINE;
  int32x4_t sums[4][4];
  for (size_t t = 0; t < n; t++)
    for (size_t v = 0; v < 4; v++) sums[t][v] = vdupq_n_s32(byte_row_of(x, stride, t)->start);
  for (size_t k = 0; k < words; k++)
    for (size_t t = 0; t < n; t++) {
      const int32_t *inputs = (const int32_t *)(byte_row_of(x, stride, t) + 1);
      const int8x16_t input = vreinterpretq_s8_s32(vdupq_n_s32(inputs[k]));
      for (size_t v = 0; v < 4; v++)
        sums[t][v] = vdotq_s32(sums[t][v], vld1q_s8(weights + k * QK_LINE + 16 * v), input);
    }
  for (size_t t = 0; t < n; t++)
    for (size_t v = 0; v < 4; v++) {
      const float32x4_t scale = vmulq_n_f32(vld1q_f32((const float *)panel + 4 * v), byte_row_of(x, stride, t)->scale);
      acc[t][v] = vmulq_f32(vcvtq_f32_s32(sums[t][v]), scale);
    }
}

inlined void tile_of_bytes(
    qk_format format, size_t n, size_t words, const void *panel, const void *x, size_t stride,
    const qk_output *out) {
  (void)format;
  float32x4_t acc[QK_TILE][4];
  const size_t first = at_most(n, 4);
  multiply_bytes(first, words, panel, x, stride, acc);
  if (n > 4) multiply_bytes(n - 4, words, panel, byte_row_of(x, stride, 4), stride, acc + 4);
  store(out, n, acc);
}

QK_FOR_TOKENS(q8_0, tile_of_bytes, byte_tile)

#pragma clang attribute pop

const qk_kernels qk_kernels_neon = {
  .tile = {QK_FLOATS(QK_TILE_ENTRY) QK_QUANTIZED(QK_TILE_ENTRY)},
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
  .factors = QK_FACTORS(tile_f32, NULL, byte_tile, NULL),
  .turn = turn,
};
#endif
