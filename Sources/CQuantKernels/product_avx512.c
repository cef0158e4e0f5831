// The products for AVX-512 with VNNI: the 16 rows of a panel are the 16 lanes of a register.
//
// Weights of a block are unpacked once and meet every token of the tile; a token costs 8 `vpdpbusd`
// (unsigned weights by signed inputs, exact in 32 bits), a conversion, a product and a fused add.
// A core that does two of these a cycle loads inputs no faster: with more than a few tokens two
// panels share each load. Each tile is written for any number of tokens and compiled for each, so
// that sums stay in registers.
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

inlined void store(const qk_output *out, size_t count, size_t n, __m512 acc[][QK_TILE]) {
  const __m512 scale = _mm512_set1_ps(out->scale);
  for (size_t p = 0; p < count; p++) {
    const size_t rows = at_most(out->rows - p * QK_PANEL, QK_PANEL);
    const __mmask16 lanes = (__mmask16)((1u << rows) - 1);
    for (size_t t = 0; t < n; t++) {
      float *y = out->y + t * out->stride + p * QK_PANEL;
      __m512 result = out->adding
          ? _mm512_fmadd_ps(scale, acc[p][t], _mm512_maskz_loadu_ps(lanes, y))
          : _mm512_mul_ps(scale, acc[p][t]);
      _mm512_mask_storeu_ps(y, lanes, result);
    }
  }
}

inlined size_t block_bytes(qk_format format) {
  return format == qk_q8_0 ? sizeof(qk_panel_q8_0) : sizeof(qk_panel_q4_0);
}

/// The 16 rows' weights of inputs 4 * i ..< 4 * i + 4 of a block, unsigned.
inlined __m512i block_weights(qk_format format, const void *block, size_t i) {
  if (format == qk_q8_0) return _mm512_loadu_si512(((const qk_panel_q8_0 *)block)->quants[i]);
  const __m512i pairs = _mm512_loadu_si512(((const qk_panel_q4_0 *)block)->quants[i % 4]);
  return _mm512_and_si512(i < 4 ? pairs : _mm512_srli_epi16(pairs, 4), _mm512_set1_epi8(15));
}

/// The products of `count` neighbouring panels and n tokens of a tile of `stride`.
inlined void tile_blocks(
    qk_format format, size_t count, size_t n, size_t columns, const void *panels,
    const qk_input_block *x, size_t stride, const qk_output *out) {
  const size_t blocks = columns / QK_BLOCK, bytes = block_bytes(format);
  const char *w[2] = {panels, (const char *)panels + blocks * bytes};
  __m512 acc[2][QK_TILE];
  for (size_t p = 0; p < count; p++)
    for (size_t t = 0; t < n; t++) acc[p][t] = _mm512_setzero_ps();
  for (size_t b = 0; b < blocks; b++, x += stride) {
    __m512i sum[2][QK_TILE];
    for (size_t t = 0; t < n; t++)
      for (size_t p = 0; p < count; p++)
        sum[p][t] = _mm512_set1_epi32(format == qk_q8_0 ? x[t].start_q8_0 : x[t].start_q4_0);
    for (size_t i = 0; i < 8; i++) {
      __m512i q[2];
      for (size_t p = 0; p < count; p++) q[p] = block_weights(format, w[p], i);
      for (size_t t = 0; t < n; t++) {
        const __m512i input = four_inputs(x[t].quants + 4 * i);
        for (size_t p = 0; p < count; p++) sum[p][t] = _mm512_dpbusd_epi32(sum[p][t], q[p], input);
      }
    }
    for (size_t p = 0; p < count; p++) {
      const __m512 wscale = half_scales((const uint16_t *)w[p]);  // both formats begin with them
      for (size_t t = 0; t < n; t++)
        acc[p][t] = _mm512_fmadd_ps(
            _mm512_cvtepi32_ps(sum[p][t]), _mm512_mul_ps(wscale, _mm512_set1_ps(x[t].scale)),
            acc[p][t]);
      w[p] += bytes;
    }
  }
  store(out, count, n, acc);
}

inlined void tile_q8_0(
    size_t n, size_t columns, const void *panel, const void *x, size_t stride,
    const qk_output *out) {
  (void)stride;
  tile_blocks(qk_q8_0, 1, n, columns, panel, x, n, out);
}

inlined void tile_q4_0(
    size_t n, size_t columns, const void *panel, const void *x, size_t stride,
    const qk_output *out) {
  (void)stride;
  tile_blocks(qk_q4_0, 1, n, columns, panel, x, n, out);
}

/// Two panels and up to four tokens: their 8 sums of integers and 8 of floats fit the registers.
inlined void half_pair(
    qk_format format, size_t columns, const void *panels, size_t n, const qk_input_block *x,
    size_t stride, const qk_output *out) {
  switch (n) {
    case 1: tile_blocks(format, 2, 1, columns, panels, x, stride, out); break;
    case 2: tile_blocks(format, 2, 2, columns, panels, x, stride, out); break;
    case 3: tile_blocks(format, 2, 3, columns, panels, x, stride, out); break;
    case 4: tile_blocks(format, 2, 4, columns, panels, x, stride, out); break;
  }
}

inlined void pair_of(
    qk_format format, size_t columns, const void *panels, size_t tokens,
    const qk_input_block *x, const qk_output *out) {
  size_t first = 0;
  while (first < tokens) {
    const size_t n = tokens - first <= 4 ? tokens - first : tokens == 5 ? 3 : 4;
    qk_output part = *out;
    part.y += first * out->stride;
    half_pair(format, columns, panels, n, x + first, tokens, &part);
    first += n;
  }
}

static void pair_q8_0(
    size_t columns, const void *panels, size_t tokens, const void *x, size_t stride,
    const qk_output *out) {
  (void)stride;
  pair_of(qk_q8_0, columns, panels, tokens, x, out);
}

static void pair_q4_0(
    size_t columns, const void *panels, size_t tokens, const void *x, size_t stride,
    const qk_output *out) {
  (void)stride;
  pair_of(qk_q4_0, columns, panels, tokens, x, out);
}

/// The 16 weights of input k, as floats.
inlined __m512 weights(qk_format format, const void *panel, size_t k) {
  if (format == qk_f32) return _mm512_loadu_ps((const float *)panel + k * QK_PANEL);
  const uint16_t *values = (const uint16_t *)panel + k * QK_PANEL;
  if (format == qk_f16) return half_scales(values);
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)values));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

/// The products of `count` neighbouring panels and n tokens.
inlined void tile_floats(
    qk_format format, size_t count, size_t n, size_t columns, const void *panels,
    const float *x, size_t stride, const qk_output *out) {
  const size_t bytes = columns * QK_PANEL * (format == qk_f32 ? 4 : 2);
  __m512 acc[2][QK_TILE];
  for (size_t p = 0; p < count; p++)
    for (size_t t = 0; t < n; t++) acc[p][t] = _mm512_setzero_ps();
  for (size_t k = 0; k < columns; k++) {
    __m512 w[2];
    for (size_t p = 0; p < count; p++)
      w[p] = weights(format, (const char *)panels + p * bytes, k);
    for (size_t t = 0; t < n; t++) {
      const __m512 input = _mm512_set1_ps(x[t * stride + k]);
      for (size_t p = 0; p < count; p++) acc[p][t] = _mm512_fmadd_ps(w[p], input, acc[p][t]);
    }
  }
  store(out, count, n, acc);
}

#define FLOAT_TILES(name)                                                                     \
  inlined void tile_##name(                                                                   \
      size_t n, size_t columns, const void *panel, const void *x, size_t stride,              \
      const qk_output *out) {                                                                 \
    tile_floats(qk_##name, 1, n, columns, panel, x, stride, out);                             \
  }                                                                                           \
  inlined void pair_##name(                                                                   \
      size_t n, size_t columns, const void *panels, const void *x, size_t stride,             \
      const qk_output *out) {                                                                 \
    tile_floats(qk_##name, 2, n, columns, panels, x, stride, out);                            \
  }                                                                                           \
  QK_FOR_TOKENS(tile_##name, avx512)                                                          \
  QK_FOR_TOKENS(pair_##name, avx512)

FLOAT_TILES(f32)
FLOAT_TILES(f16)
FLOAT_TILES(bf16)
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
  .pair = {
    [qk_f32] = pair_f32_avx512,
    [qk_f16] = pair_f16_avx512,
    [qk_bf16] = pair_bf16_avx512,
    [qk_q8_0] = pair_q8_0,
    [qk_q4_0] = pair_q4_0,
  },
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
};
#endif
