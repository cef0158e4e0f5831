// The products for AVX-512 with VNNI: the 16 rows of a panel are the 16 lanes of a register.
//
// Weights of a block are unpacked once and meet every token of the tile; a token costs 8 `vpdpbusd`
// (unsigned weights by signed inputs, exact in 32 bits), and for each scale a conversion, a product
// and a fused add.
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

#include "avx512_store.h"
#include "layout.h"
#include "quantize.h"
#include "unpack.h"

inlined __m512i four_inputs(const int8_t *quants) {
  int32_t word;
  memcpy(&word, quants, sizeof word);
  return _mm512_set1_epi32(word);
}

inlined __m512 sixteen_halves(const void *halves) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(halves));
}

/// The halves that a record begins with, times a block's bytes where the format has them.
inlined __m512 side_floats(qk_layout l, const uint8_t *halves, const uint8_t *bytes) {
  const __m512 floats = sixteen_halves(halves);
  if (l.blocks == 1) return floats;
  const __m512i factors = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)bytes));
  return _mm512_mul_ps(floats, _mm512_cvtepi32_ps(factors));
}

/// Word i of each row's stored bits, in the place of bits `to ..< to + bits` of its values.
inlined __m512i stored_bits(const uint8_t *lines, unsigned bits, size_t i, unsigned to) {
  const __m512i line = _mm512_loadu_si512(lines + i % bits * QK_LINE);
  if (bits == 8) return line;
  const unsigned from = bits * (unsigned)(i / bits);
  const __m512i moved =
      from < to ? _mm512_slli_epi16(line, to - from) : _mm512_srli_epi16(line, from - to);
  return _mm512_and_si512(moved, _mm512_set1_epi8((char)(((1 << bits) - 1) << to)));
}

/// The 16 rows' weights of inputs 4 * i ..< 4 * i + 4 of a block, unsigned.
inlined __m512i block_weights(qk_layout l, const uint8_t *block, size_t i) {
  __m512i q = stored_bits(low_of(l, block), l.low, i, 0);
  if (l.high) q = _mm512_or_si512(q, stored_bits(high_of(l, block), l.high, i, l.low));
  if (l.lift) q = _mm512_add_epi8(q, _mm512_set1_epi8((char)l.lift));
  if (!l.coded) return q;
  const __m128i codes = _mm_loadu_si128((const __m128i *)qk_codes);
  return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(codes), q);
}

/// The products of `count` neighbouring panels and n tokens of a tile of `stride`.
inlined void tile_blocks(
    qk_format format, size_t count, size_t n, size_t columns, const void *panels,
    const qk_input_block *x, size_t stride, const qk_output *out) {
  const qk_layout l = qk_layouts[format];
  const size_t records = columns / (QK_BLOCK * l.blocks), words = 8 / l.groups;
  const uint8_t *w[2] = {panels, (const uint8_t *)panels + records * record_bytes(l)};
  __m512 acc[2][QK_TILE];
  for (size_t p = 0; p < count; p++)
    for (size_t t = 0; t < n; t++) acc[p][t] = _mm512_setzero_ps();
  const char *ahead = out->ahead;
  const size_t lines = qk_fetch_lines(out, records * l.blocks);
  for (size_t b = 0; b < records * l.blocks; b++, x += stride) {
    const size_t j = b % l.blocks;
    qk_fetch(&ahead, lines);
    for (size_t g = 0; g < l.groups; g++) {
      __m512i sum[2][QK_TILE];
      for (size_t t = 0; t < n; t++)
        for (size_t p = 0; p < count; p++) sum[p][t] = _mm512_set1_epi32(start_of(l, &x[t], g));
      for (size_t i = g * words; i < (g + 1) * words; i++) {
        __m512i q[2];
        for (size_t p = 0; p < count; p++) q[p] = block_weights(l, block_of(l, w[p], j), i);
        for (size_t t = 0; t < n; t++) {
          const __m512i input = four_inputs(x[t].quants + 4 * i);
          for (size_t p = 0; p < count; p++)
            sum[p][t] = _mm512_dpbusd_epi32(sum[p][t], q[p], input);
        }
      }
      for (size_t p = 0; p < count; p++) {
        const __m512 wscale = side_floats(l, w[p], scales_of(block_of(l, w[p], j), g));
        for (size_t t = 0; t < n; t++)
          acc[p][t] = _mm512_fmadd_ps(
              _mm512_cvtepi32_ps(sum[p][t]), _mm512_mul_ps(wscale, _mm512_set1_ps(x[t].scale)),
              acc[p][t]);
      }
    }
    for (size_t g = 0; l.minimum && g < l.groups; g++)
      for (size_t p = 0; p < count; p++) {
        const uint8_t *minima = minima_of(l, block_of(l, w[p], j), g);
        const __m512 wmin = side_floats(l, w[p] + 2 * QK_PANEL, minima);
        for (size_t t = 0; t < n; t++)
          acc[p][t] = _mm512_fmadd_ps(wmin, _mm512_set1_ps(sum_of(l, &x[t], g)), acc[p][t]);
      }
    for (size_t p = 0; j + 1 == l.blocks && p < count; p++) w[p] += record_bytes(l);
  }
  store(out, count, n, acc);
}

inlined void tile_panel(
    qk_format format, size_t n, size_t columns, const void *panel, const void *x, size_t stride,
    const qk_output *out) {
  (void)stride;
  tile_blocks(format, 1, n, columns, panel, x, n, out);
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

inlined void tile_pair(
    qk_format format, size_t columns, const void *panels, size_t tokens,
    const qk_input_block *x, const qk_output *out) {
  size_t first = 0;
  while (first < tokens) {
    const size_t n = tokens - first <= 4 ? tokens - first : tokens == 5 ? 3 : 4;
    qk_output part = *out;
    part.y += first * out->stride;
    part.ahead_bytes = out->ahead_bytes / tokens * n;
    part.ahead += out->ahead_bytes / tokens * first;
    half_pair(format, columns, panels, n, x + first, tokens, &part);
    first += n;
  }
}

/// The 16 weights of input k, as floats.
inlined __m512 weights(qk_format format, const void *panel, size_t k) {
  if (format == qk_f32) return _mm512_loadu_ps((const float *)panel + k * QK_PANEL);
  const uint16_t *values = (const uint16_t *)panel + k * QK_PANEL;
  if (format == qk_f16) return sixteen_halves(values);
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

inlined void tile_float(
    qk_format format, size_t n, size_t columns, const void *panel, const void *x, size_t stride,
    const qk_output *out) {
  tile_floats(format, 1, n, columns, panel, x, stride, out);
}

inlined void pair_float(
    qk_format format, size_t n, size_t columns, const void *panels, const void *x,
    size_t stride, const qk_output *out) {
  tile_floats(format, 2, n, columns, panels, x, stride, out);
}

#define FLOATS(format)                                                                        \
  QK_FOR_TOKENS(format, tile_float, tile_##format)                                            \
  QK_FOR_TOKENS(format, pair_float, pair_##format)
QK_FLOATS(FLOATS)

#define BLOCKS(format)                                                                        \
  QK_FOR_TOKENS(format, tile_panel, tile_##format)                                            \
  static void pair_##format(                                                                  \
      size_t columns, const void *panels, size_t tokens, const void *x, size_t stride,        \
      const qk_output *out) {                                                                 \
    (void)stride;                                                                             \
    tile_pair(qk_##format, columns, panels, tokens, x, out);                                  \
  }
QK_QUANTIZED(BLOCKS)

#pragma clang attribute pop

const qk_kernels qk_kernels_avx512 = {
  .tile = {QK_FLOATS(QK_TILE_ENTRY) QK_QUANTIZED(QK_TILE_ENTRY)},
  .pair = {QK_FLOATS(QK_PAIR_ENTRY) QK_QUANTIZED(QK_PAIR_ENTRY)},
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
};
#endif
