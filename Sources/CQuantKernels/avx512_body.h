// The products for AVX-512, where the 16 rows of a panel are the 16 lanes of a register; the files that include
// this one say which instructions there are.
//
// With VNNI a token costs a panel 8 `vpdpbusd` a block (unsigned weights by signed inputs, exact in 32 bits), and a
// conversion and a fused add for a scale of its own, or for each of a K format's scale bytes a product and a sum. A core
// that does two of these a cycle loads inputs no faster: with more than a few tokens two panels share each load.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c" AVX512_MORE))), \
    apply_to = function)

#include "avx512_store.h"
#include "layout.h"
#include "quantize.h"
#include "round.h"
#include "unpack.h"

#define LANES 16
#define HAS_DOT AVX512_HAS_VNNI
#define PASS_TOKENS 4
#include "blocks_body.h"

inlined __m512 sixteen_halves(const void *halves) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(halves));
}

inlined floats floats_of_halves(const uint8_t *halves) { return sixteen_halves(halves); }

inlined bytes look_up(bytes codes) {
  const __m128i values = _mm_loadu_si128((const __m128i *)qk_codes);
  return (bytes)_mm512_shuffle_epi8(_mm512_broadcast_i32x4(values), (__m512i)codes);
}

/// With VNNI nibbles are unpacked as fast as bytes are loaded; without it the pipes are busy.
inlined bool stays_packed(qk_layout l) {
  return AVX512_HAS_VNNI && l.low == 4 && !l.high && !l.coded;
}

inlined size_t together(qk_layout l) {
  (void)l;
  return PASS_TOKENS;
}

inlined size_t sharing_tokens(qk_layout l) {
  if (!AVX512_HAS_VNNI) return l.low == 8 ? SIZE_MAX : l.high || l.coded ? 5 : QK_TILE + 1;
  if (stays_packed(l) || l.low == 8) return l.blocks > 1 ? QK_MANY : SIZE_MAX;
  return QK_TILE + 1;
}

/// With registers for all sums of a tile, spread inputs only cost loads.
inlined bool spreads(qk_layout l) {
  (void)l;
  return false;
}

#if AVX512_HAS_VNNI
inlined ints dot(ints sum, ints words, ints inputs) {
  return (ints)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)words, (__m512i)inputs);
}

/// A `vpdpbusd` takes four cycles, in which two pipes begin eight: no fewer than the outputs of a pass.
inlined size_t chains_of(qk_layout l) { return l.groups == 1 ? 2 : 1; }

inlined ints dot_pairs(ints sum, ints words, ints inputs) {
  return (ints)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)words, (__m512i)inputs);
}
#else
inlined ints dot_pairs(ints sum, ints words, ints inputs) {
  return sum + (ints)_mm512_madd_epi16((__m512i)words, (__m512i)inputs);
}

inlined ints pair_products(ints words, ints inputs) {
  return (ints)_mm512_maddubs_epi16((__m512i)words, (__m512i)inputs);
}

inlined ints with_signs(ints inputs, ints weights) {
  return (ints)_mm512_mask_sub_epi8(
      (__m512i)inputs, _mm512_movepi8_mask((__m512i)weights), _mm512_setzero_si512(), (__m512i)inputs);
}
#endif

/// The 16 weights of input k, as floats.
inlined __m512 weights(qk_format format, const void *panel, size_t k) {
  if (format == qk_f32) return _mm512_loadu_ps((const float *)panel + k * QK_PANEL);
  const uint16_t *values = (const uint16_t *)panel + k * QK_PANEL;
  if (format == qk_f16) return sixteen_halves(values);
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)values));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

/// Adds input k's products by the inputs of n rows.
inlined void add_input(
    qk_format format, size_t count, size_t n, const void *panels, size_t bytes,
    const float *const *rows, size_t k, __m512 acc[][2]) {
  __m512 w[2];
  for (size_t p = 0; p < count; p++) w[p] = weights(format, (const char *)panels + p * bytes, k);
  for (size_t t = 0; t < n; t++) {
    const __m512 input = _mm512_set1_ps(rows[t][k]);
    for (size_t p = 0; p < count; p++) acc[t][p] = _mm512_fmadd_ps(w[p], input, acc[t][p]);
  }
}

/// The products of `count` neighbouring panels and n tokens.
inlined void tile_floats(
    qk_format format, size_t count, size_t n, size_t columns, const void *panels,
    const float *x, size_t stride, const qk_output *out) {
  const size_t bytes = columns * QK_PANEL * (format == qk_f32 ? 4 : 2);
  __m512 acc[QK_TILE][2];
  for (size_t p = 0; p < count; p++)
    for (size_t t = 0; t < n; t++) acc[t][p] = _mm512_setzero_ps();
  // Pointers that the compiler cannot work out anew for each input, and four inputs a round: on Skylake the
  // arithmetic of addresses takes turns on a pipe that the products need (by a tenth).
  const float *rows[QK_TILE];
  for (size_t t = 0; t < n; t++) {
    rows[t] = x + t * stride;
    __asm__("" : "+r"(rows[t]));
  }
  size_t k = 0;
  for (; k + 4 <= columns; k += 4)
#pragma clang loop unroll(full)
    for (size_t j = 0; j < 4; j++) add_input(format, count, n, panels, bytes, rows, k + j, acc);
  for (; k < columns; k++) add_input(format, count, n, panels, bytes, rows, k, acc);
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

#define QUANTIZED(format)                                                                     \
  BLOCKS(format, 1, tile_##format)                                                            \
  BLOCKS(format, 2, pair_##format)
QK_QUANTIZED(QUANTIZED)

#include "bytes_body.h"

#pragma clang attribute pop

const qk_kernels AVX512_TABLE = {
  .tile = {QK_FLOATS(QK_TILE_ENTRY) QK_QUANTIZED(QK_TILE_ENTRY)},
  .pair = {QK_FLOATS(QK_PAIR_ENTRY) QK_QUANTIZED(QK_PAIR_ENTRY)},
  .sharing_tokens = sharing_tokens_of,
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
  .factors = QK_FACTORS(tile_f32, pair_f32, byte_tile, byte_pair),
  .turn = turn,
};
#endif
