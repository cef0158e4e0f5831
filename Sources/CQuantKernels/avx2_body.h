// The products in registers of 8 rows, two to a panel; the files that include this one say which
// instructions there are.
//
// Running sums of a whole tile do not fit 16 registers; the compiler keeps some in memory, which
// hides behind the integer operations of a block.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target(AVX2_TARGET))), apply_to = function)

#include "layout.h"
#include "quantize.h"
#include "unpack.h"

inlined __m256i four_inputs(const int8_t *quants) {
  int32_t word;
  memcpy(&word, quants, sizeof word);
  return _mm256_set1_epi32(word);
}

/// The floats of eight halves, those of rows 8 * half ..< 8 * half + 8 of a panel.
inlined __m256 eight_halves(const void *halves, size_t half) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)halves + half));
}

/// The halves that a record begins with, times a block's bytes where the format has them.
inlined __m256 side_floats(
    qk_layout l, const uint8_t *halves, const uint8_t *bytes, size_t half) {
  const __m256 floats = eight_halves(halves, half);
  if (l.blocks == 1) return floats;
  const __m128i eight = _mm_loadl_epi64((const __m128i *)(bytes + 8 * half));
  return _mm256_mul_ps(floats, _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(eight)));
}

/// Word i of each row's stored bits, in the place of bits `to ..< to + bits` of its values.
inlined __m256i stored_bits(
    const uint8_t *lines, unsigned bits, size_t i, unsigned to, size_t half) {
  const __m256i line =
      _mm256_loadu_si256((const __m256i *)(lines + i % bits * QK_LINE + 32 * half));
  if (bits == 8) return line;
  const unsigned from = bits * (unsigned)(i / bits);
  const __m256i moved =
      from < to ? _mm256_slli_epi16(line, to - from) : _mm256_srli_epi16(line, from - to);
  return _mm256_and_si256(moved, _mm256_set1_epi8((char)(((1 << bits) - 1) << to)));
}

/// Eight rows' weights of inputs 4 * i ..< 4 * i + 4 of a block, unsigned.
inlined __m256i block_weights(qk_layout l, const uint8_t *block, size_t i, size_t half) {
  __m256i q = stored_bits(low_of(l, block), l.low, i, 0, half);
  if (l.high) q = _mm256_or_si256(q, stored_bits(high_of(l, block), l.high, i, l.low, half));
  if (l.lift) q = _mm256_add_epi8(q, _mm256_set1_epi8((char)l.lift));
  if (!l.coded) return q;
  const __m128i codes = _mm_loadu_si128((const __m128i *)qk_codes);
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(codes), q);
}

static void store(const qk_output *out, size_t n, __m256 acc[][2]) {
  const __m256 scale = _mm256_set1_ps(out->scale);
  for (size_t half = 0; half < 2; half++) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i lanes =
        _mm256_cmpgt_epi32(_mm256_set1_epi32((int)out->rows - 8 * (int)half), lane);
    for (size_t t = 0; t < n; t++) {
      float *y = out->y + t * out->stride + 8 * half;
      __m256 result = out->adding
          ? _mm256_fmadd_ps(scale, acc[t][half], _mm256_maskload_ps(y, lanes))
          : _mm256_mul_ps(scale, acc[t][half]);
      _mm256_maskstore_ps(y, lanes, result);
    }
  }
}

inlined __m256 add_sum(__m256i sum, __m256 wscale, const qk_input_block *x, __m256 acc) {
  return _mm256_fmadd_ps(
      _mm256_cvtepi32_ps(sum), _mm256_mul_ps(wscale, _mm256_set1_ps(x->scale)), acc);
}

#if AVX2_HAS_VNNI
/// Unsigned weights by signed inputs, exact in 32 bits; the start cancels the weights' offset.
inlined void add_group(
    qk_layout l, size_t n, size_t half, size_t g, const uint8_t *block, __m256 wscale,
    const qk_input_block *x, __m256 acc[][2]) {
  const size_t words = 8 / l.groups;
  __m256i sum[QK_TILE];
  for (size_t t = 0; t < n; t++) sum[t] = _mm256_set1_epi32(start_of(l, &x[t], g));
  for (size_t i = g * words; i < (g + 1) * words; i++) {
    const __m256i q = block_weights(l, block, i, half);
    for (size_t t = 0; t < n; t++)
      sum[t] = _mm256_dpbusd_avx_epi32(sum[t], q, four_inputs(x[t].quants + 4 * i));
  }
  for (size_t t = 0; t < n; t++) acc[t][half] = add_sum(sum[t], wscale, &x[t], acc[t][half]);
}
#else
// `maddubs` adds neighbouring products in 16 bits and saturates there, so each way says why its sums
// fit.

/// Unsigned magnitudes times inputs that take the weight's sign: a pair is at most 2 * 128 * 127 =
/// 32512.
inlined void add_bytes(
    qk_layout l, size_t n, size_t half, const uint8_t *block, __m256 wscale,
    const qk_input_block *x, __m256 acc[][2]) {
  const __m256i ones = _mm256_set1_epi16(1), offset = _mm256_set1_epi8((char)0x80);
  __m256i sum[QK_TILE];
  for (size_t t = 0; t < n; t++) sum[t] = _mm256_setzero_si256();
  for (size_t i = 0; i < 8; i++) {
    const __m256i q = _mm256_xor_si256(block_weights(l, block, i, half), offset);
    const __m256i magnitude = _mm256_abs_epi8(q);
    for (size_t t = 0; t < n; t++) {
      __m256i input = _mm256_sign_epi8(four_inputs(x[t].quants + 4 * i), q);
      __m256i pairs = _mm256_maddubs_epi16(magnitude, input);
      sum[t] = _mm256_add_epi32(sum[t], _mm256_madd_epi16(pairs, ones));
    }
  }
  for (size_t t = 0; t < n; t++) acc[t][half] = add_sum(sum[t], wscale, &x[t], acc[t][half]);
}

/// A pair of unsigned values times inputs is at most 2 * 127 times the largest value, so sums of 16
/// bits hold 8 pairs of values up to 15 (30480), 4 up to 31 (31496) and 2 up to 63 (32004).
inlined void add_small(
    qk_layout l, size_t n, size_t half, size_t g, const uint8_t *block, __m256 wscale,
    const qk_input_block *x, __m256 acc[][2]) {
  const __m256i ones = _mm256_set1_epi16(1);
  const size_t words = 8 / l.groups, largest = (1u << (l.low + l.high)) - 1 + l.lift;
  const size_t depth = largest <= 15 ? words : largest <= 31 ? 4 : 2;
  __m256i q[8];
  for (size_t i = 0; i < words; i++) q[i] = block_weights(l, block, g * words + i, half);
  for (size_t t = 0; t < n; t++) {
    const int8_t *inputs = x[t].quants + 4 * g * words;
    __m256i sum = _mm256_set1_epi32(start_of(l, &x[t], g));
    for (size_t first = 0; first < words; first += depth) {
      __m256i pairs = _mm256_maddubs_epi16(q[first], four_inputs(inputs + 4 * first));
      for (size_t i = first + 1; i < first + depth; i++)
        pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(q[i], four_inputs(inputs + 4 * i)));
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
    acc[t][half] = add_sum(sum, wscale, &x[t], acc[t][half]);
  }
}

inlined void add_group(
    qk_layout l, size_t n, size_t half, size_t g, const uint8_t *block, __m256 wscale,
    const qk_input_block *x, __m256 acc[][2]) {
  if (l.offset == 128)
    add_bytes(l, n, half, block, wscale, x, acc);
  else
    add_small(l, n, half, g, block, wscale, x, acc);
}
#endif

inlined void tile_blocks(
    qk_format format, size_t n, size_t columns, const void *panel, const void *inputs,
    size_t stride, const qk_output *out) {
  (void)stride;
  const qk_layout l = qk_layouts[format];
  const uint8_t *w = panel;
  const qk_input_block *x = inputs;
  __m256 acc[QK_TILE][2];
  for (size_t t = 0; t < n; t++) acc[t][0] = acc[t][1] = _mm256_setzero_ps();
  const char *ahead = out->ahead;
  const size_t lines = qk_fetch_lines(out, columns / QK_BLOCK);
  for (size_t b = 0; b < columns / QK_BLOCK; b++, x += n) {
    const size_t j = b % l.blocks;
    qk_fetch(&ahead, lines);
    const uint8_t *block = block_of(l, w, j);
    for (size_t half = 0; half < 2; half++) {
      for (size_t g = 0; g < l.groups; g++) {
        const __m256 wscale = side_floats(l, w, scales_of(block, g), half);
        add_group(l, n, half, g, block, wscale, x, acc);
      }
      for (size_t g = 0; l.minimum && g < l.groups; g++) {
        const __m256 wmin = side_floats(l, w + 2 * QK_PANEL, minima_of(l, block, g), half);
        for (size_t t = 0; t < n; t++)
          acc[t][half] =
              _mm256_fmadd_ps(wmin, _mm256_set1_ps(sum_of(l, &x[t], g)), acc[t][half]);
      }
    }
    if (j + 1 == l.blocks) w += record_bytes(l);
  }
  store(out, n, acc);
}

/// The weights of input k and rows 8 * half ..< 8 * half + 8, as floats.
inlined __m256 weights(qk_format format, const void *panel, size_t k, size_t half) {
  if (format == qk_f32) return _mm256_loadu_ps((const float *)panel + k * QK_PANEL + 8 * half);
  const uint16_t *values = (const uint16_t *)panel + k * QK_PANEL;
  if (format == qk_f16) return eight_halves(values, half);
  __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(values + 8 * half)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

/// Up to four tokens: two registers of weights, an input and eight sums fit.
inlined void add_floats(
    qk_format format, size_t n, size_t columns, const void *panel, const float *x,
    size_t stride, __m256 acc[][2]) {
  for (size_t t = 0; t < n; t++) acc[t][0] = acc[t][1] = _mm256_setzero_ps();
  for (size_t k = 0; k < columns; k++) {
    __m256 first = weights(format, panel, k, 0), second = weights(format, panel, k, 1);
    for (size_t t = 0; t < n; t++) {
      __m256 input = _mm256_set1_ps(x[t * stride + k]);
      acc[t][0] = _mm256_fmadd_ps(first, input, acc[t][0]);
      acc[t][1] = _mm256_fmadd_ps(second, input, acc[t][1]);
    }
  }
}

inlined void tile_float(
    qk_format format, size_t n, size_t columns, const void *panel, const void *x,
    size_t stride, const qk_output *out) {
  __m256 acc[QK_TILE][2];
  const size_t first = n < 4 ? n : 4;
  add_floats(format, first, columns, panel, x, stride, acc);
  if (n > 4)
    add_floats(format, n - 4, columns, panel, (const float *)x + 4 * stride, stride, acc + 4);
  store(out, n, acc);
}

#define FLOATS(format) QK_FOR_TOKENS(format, tile_float, tile_##format)
QK_FLOATS(FLOATS)

#define BLOCKS(format) QK_FOR_TOKENS(format, tile_blocks, tile_##format)
QK_QUANTIZED(BLOCKS)

#pragma clang attribute pop

const qk_kernels AVX2_TABLE = {
  .tile = {QK_FLOATS(QK_TILE_ENTRY) QK_QUANTIZED(QK_TILE_ENTRY)},
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
};
#endif
