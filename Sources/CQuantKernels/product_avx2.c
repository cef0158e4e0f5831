// The products for AVX2 with FMA: two registers of 8 rows make a panel.
//
// `maddubs` adds neighbouring products in 16 bits and saturates there, so each format says why its
// sums fit. Running sums of a whole tile do not fit 16 registers; the compiler keeps some in
// memory, which hides behind the 30 to 60 integer operations of a block.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)

#include "quantize.h"
#include "unpack.h"

#define inlined static inline __attribute__((always_inline))

inlined __m256i four_inputs(const int8_t *quants) {
  int32_t word;
  memcpy(&word, quants, sizeof word);
  return _mm256_set1_epi32(word);
}

/// Scales of rows 8 * half ..< 8 * half + 8.
inlined __m256 half_scales(const uint16_t *scale, size_t half) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(scale + 8 * half)));
}

inlined __m256i half_quants(const uint8_t *quants, size_t half) {
  return _mm256_loadu_si256((const __m256i *)(quants + 32 * half));
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

/// Unsigned magnitudes times inputs that take the weight's sign: a pair is at most 2 * 128 * 127 =
/// 32512.
inlined void tile_q8_0(
    size_t n, size_t columns, const void *panel, const void *inputs, size_t stride,
    const qk_output *out) {
  (void)stride;
  const qk_panel_q8_0 *w = panel;
  const qk_input_block *x = inputs;
  const __m256i ones = _mm256_set1_epi16(1), offset = _mm256_set1_epi8((char)0x80);
  __m256 acc[QK_TILE][2];
  for (size_t t = 0; t < n; t++) acc[t][0] = acc[t][1] = _mm256_setzero_ps();
  for (size_t b = 0; b < columns / QK_BLOCK; b++, w++, x += n)
    for (size_t half = 0; half < 2; half++) {
      __m256i sum[QK_TILE];
      for (size_t t = 0; t < n; t++) sum[t] = _mm256_setzero_si256();
      for (size_t i = 0; i < 8; i++) {
        const __m256i q = _mm256_xor_si256(half_quants(w->quants[i], half), offset);
        const __m256i magnitude = _mm256_abs_epi8(q);
        for (size_t t = 0; t < n; t++) {
          __m256i input = _mm256_sign_epi8(four_inputs(x[t].quants + 4 * i), q);
          __m256i pairs = _mm256_maddubs_epi16(magnitude, input);
          sum[t] = _mm256_add_epi32(sum[t], _mm256_madd_epi16(pairs, ones));
        }
      }
      const __m256 wscale = half_scales(w->scale, half);
      for (size_t t = 0; t < n; t++) acc[t][half] = add_sum(sum[t], wscale, &x[t], acc[t][half]);
    }
  store(out, n, acc);
}

/// A pair of unsigned nibbles times inputs is at most 2 * 15 * 127 = 3810, so the eight pairs of a
/// block add up in 16 bits: 30480.
inlined void tile_q4_0(
    size_t n, size_t columns, const void *panel, const void *inputs, size_t stride,
    const qk_output *out) {
  (void)stride;
  const qk_panel_q4_0 *w = panel;
  const qk_input_block *x = inputs;
  const __m256i ones = _mm256_set1_epi16(1), low = _mm256_set1_epi8(15);
  __m256 acc[QK_TILE][2];
  for (size_t t = 0; t < n; t++) acc[t][0] = acc[t][1] = _mm256_setzero_ps();
  for (size_t b = 0; b < columns / QK_BLOCK; b++, w++, x += n)
    for (size_t half = 0; half < 2; half++) {
      __m256i q[8];
      for (size_t i = 0; i < 4; i++) {
        const __m256i pairs = half_quants(w->quants[i], half);
        q[i] = _mm256_and_si256(pairs, low);
        q[i + 4] = _mm256_and_si256(_mm256_srli_epi16(pairs, 4), low);
      }
      const __m256 wscale = half_scales(w->scale, half);
      for (size_t t = 0; t < n; t++) {
        __m256i pairs = _mm256_maddubs_epi16(q[0], four_inputs(x[t].quants));
        for (size_t i = 1; i < 8; i++)
          pairs = _mm256_add_epi16(
              pairs, _mm256_maddubs_epi16(q[i], four_inputs(x[t].quants + 4 * i)));
        const __m256i sum = _mm256_add_epi32(
            _mm256_madd_epi16(pairs, ones), _mm256_set1_epi32(x[t].start_q4_0));
        acc[t][half] = add_sum(sum, wscale, &x[t], acc[t][half]);
      }
    }
  store(out, n, acc);
}

/// The weights of input k and rows 8 * half ..< 8 * half + 8, as floats.
inlined __m256 weights(qk_format format, const void *panel, size_t k, size_t half) {
  if (format == qk_f32) return _mm256_loadu_ps((const float *)panel + k * QK_PANEL + 8 * half);
  const uint16_t *values = (const uint16_t *)panel + k * QK_PANEL;
  if (format == qk_f16) return half_scales(values, half);
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

QK_FOR_TOKENS(tile_f32, avx2)
QK_FOR_TOKENS(tile_f16, avx2)
QK_FOR_TOKENS(tile_bf16, avx2)
QK_FOR_TOKENS(tile_q8_0, avx2)
QK_FOR_TOKENS(tile_q4_0, avx2)

#pragma clang attribute pop

const qk_kernels qk_kernels_avx2 = {
  .tile = {
    [qk_f32] = tile_f32_avx2,
    [qk_f16] = tile_f16_avx2,
    [qk_bf16] = tile_bf16_avx2,
    [qk_q8_0] = tile_q8_0_avx2,
    [qk_q4_0] = tile_q4_0_avx2,
  },
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
};
#endif
