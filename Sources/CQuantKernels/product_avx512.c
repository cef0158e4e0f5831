// The products for AVX-512 with VNNI: the 16 rows of a panel are the 16 lanes of a register.
//
// Weights of a block are unpacked once and meet every token of the tile; a token costs 8 `vpdpbusd`
// (unsigned weights by signed inputs, exact in 32 bits), a conversion, a product and a fused add.
// Each tile is written for any number of tokens and compiled for 1 to 8, so that sums stay in
// registers.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c"))), \
    apply_to = function)

#include "quantize.h"
#include "unpack.h"

#define inlined static inline __attribute__((always_inline))

inlined __m512i four_inputs(const int8_t *quants) {
  int32_t word;
  memcpy(&word, quants, sizeof word);
  return _mm512_set1_epi32(word);
}

inlined __m512 half_scales(const uint16_t *scale) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)scale));
}

inlined void store(const qk_output *out, size_t n, const __m512 *acc) {
  const __mmask16 lanes = (__mmask16)((1u << out->rows) - 1);
  const __m512 scale = _mm512_set1_ps(out->scale);
  for (size_t t = 0; t < n; t++) {
    float *y = out->y + t * out->stride;
    __m512 result = out->adding
        ? _mm512_fmadd_ps(scale, acc[t], _mm512_maskz_loadu_ps(lanes, y))
        : _mm512_mul_ps(scale, acc[t]);
    _mm512_mask_storeu_ps(y, lanes, result);
  }
}

/// Adds a block's products to the running sums; q[i] holds four inputs' weights of each row,
/// unsigned.
inlined void add_block(
    size_t n, const __m512i q[8], __m512 wscale, const qk_input_block *x, bool offset_128,
    __m512 *acc) {
  __m512i sum[QK_TILE];
  for (size_t t = 0; t < n; t++)
    sum[t] = _mm512_set1_epi32(offset_128 ? x[t].start_q8_0 : x[t].start_q4_0);
  for (size_t i = 0; i < 8; i++)
    for (size_t t = 0; t < n; t++)
      sum[t] = _mm512_dpbusd_epi32(sum[t], q[i], four_inputs(x[t].quants + 4 * i));
  for (size_t t = 0; t < n; t++)
    acc[t] = _mm512_fmadd_ps(
        _mm512_cvtepi32_ps(sum[t]), _mm512_mul_ps(wscale, _mm512_set1_ps(x[t].scale)), acc[t]);
}

inlined void tile_q8_0(
    size_t n, size_t columns, const void *panel, const void *inputs, size_t stride,
    const qk_output *out) {
  (void)stride;
  const qk_panel_q8_0 *w = panel;
  const qk_input_block *x = inputs;
  __m512 acc[QK_TILE];
  for (size_t t = 0; t < n; t++) acc[t] = _mm512_setzero_ps();
  for (size_t b = 0; b < columns / QK_BLOCK; b++, w++, x += n) {
    __m512i q[8];
    for (size_t i = 0; i < 8; i++) q[i] = _mm512_loadu_si512(w->quants[i]);
    add_block(n, q, half_scales(w->scale), x, true, acc);
  }
  store(out, n, acc);
}

inlined void tile_q4_0(
    size_t n, size_t columns, const void *panel, const void *inputs, size_t stride,
    const qk_output *out) {
  (void)stride;
  const qk_panel_q4_0 *w = panel;
  const qk_input_block *x = inputs;
  const __m512i low = _mm512_set1_epi8(15);
  __m512 acc[QK_TILE];
  for (size_t t = 0; t < n; t++) acc[t] = _mm512_setzero_ps();
  for (size_t b = 0; b < columns / QK_BLOCK; b++, w++, x += n) {
    __m512i q[8];
    for (size_t i = 0; i < 4; i++) {
      __m512i pairs = _mm512_loadu_si512(w->quants[i]);
      q[i] = _mm512_and_si512(pairs, low);
      q[i + 4] = _mm512_and_si512(_mm512_srli_epi16(pairs, 4), low);
    }
    add_block(n, q, half_scales(w->scale), x, false, acc);
  }
  store(out, n, acc);
}

/// The 16 weights of input k, as floats.
inlined __m512 weights(qk_format format, const void *panel, size_t k) {
  if (format == qk_f32) return _mm512_loadu_ps((const float *)panel + k * QK_PANEL);
  const uint16_t *values = (const uint16_t *)panel + k * QK_PANEL;
  if (format == qk_f16) return half_scales(values);
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)values));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

inlined void tile_float(
    qk_format format, size_t n, size_t columns, const void *panel, const void *inputs,
    size_t stride, const qk_output *out) {
  const float *x = inputs;
  __m512 acc[QK_TILE];
  for (size_t t = 0; t < n; t++) acc[t] = _mm512_setzero_ps();
  for (size_t k = 0; k < columns; k++) {
    __m512 w = weights(format, panel, k);
    for (size_t t = 0; t < n; t++)
      acc[t] = _mm512_fmadd_ps(w, _mm512_set1_ps(x[t * stride + k]), acc[t]);
  }
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

QK_FOR_TOKENS(tile_f32, avx512)
QK_FOR_TOKENS(tile_f16, avx512)
QK_FOR_TOKENS(tile_bf16, avx512)
QK_FOR_TOKENS(tile_q8_0, avx512)
QK_FOR_TOKENS(tile_q4_0, avx512)

#pragma clang attribute pop

const qk_kernels qk_kernels_avx512 = {
  .tile = {
    [qk_f32] = tile_f32_avx512,
    [qk_f16] = tile_f16_avx512,
    [qk_bf16] = tile_bf16_avx512,
    [qk_q8_0] = tile_q8_0_avx512,
    [qk_q4_0] = tile_q4_0_avx512,
  },
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
};
#endif
