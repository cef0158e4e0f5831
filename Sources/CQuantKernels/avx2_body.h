// The products in registers of 8 rows, two to a panel; the files that include this one say which
// instructions there are.
//
// Sums of integers and of floats do not fit 16 registers together; the compiler keeps the floats in memory, which
// hides behind the integer operations of a block.
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target(AVX2_TARGET))), apply_to = function)

#include "layout.h"
#include "quantize.h"
#include "round.h"
#include "unpack.h"

#define LANES 8
#define PASS_TOKENS QK_TILE
#define HAS_DOT AVX2_HAS_VNNI
#include "blocks_body.h"

/// The floats of eight halves.
inlined __m256 eight_halves(const void *halves) {
  return _mm256_cvtph_ps(_mm_loadu_si128(halves));
}

inlined floats floats_of_halves(const uint8_t *halves) { return eight_halves(halves); }

inlined bytes look_up(bytes codes) {
  const __m128i values = _mm_loadu_si128((const __m128i *)qk_codes);
  return (bytes)_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(values), (__m256i)codes);
}

static void store(const qk_output *out, size_t count, size_t n, floats acc[][REGISTERS]) {
  const __m256 scale = _mm256_set1_ps(out->scale);
  for (size_t r = 0; r < count; r++) {
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i lanes = _mm256_cmpgt_epi32(_mm256_set1_epi32((int)out->rows - 8 * (int)r), lane);
    for (size_t t = 0; t < n; t++) {
      float *y = out->y + t * out->stride + 8 * r;
      __m256 result = out->adding ? _mm256_fmadd_ps(scale, acc[t][r], _mm256_maskload_ps(y, lanes))
                                  : _mm256_mul_ps(scale, acc[t][r]);
      _mm256_maskstore_ps(y, lanes, result);
    }
  }
}

inlined bool stays_packed(qk_layout l) {
  (void)l;
  return false;
}

/// Sums of more tokens do not fit the registers, except where words are weighed one after another.
inlined size_t together(qk_layout l) { return l.low == 8 ? QK_TILE : 4; }

inlined size_t sharing_tokens(qk_layout l) {
  if (l.low == 8) return SIZE_MAX;
  return l.high || l.coded ? 5 : QK_TILE + 1;
}

inlined bool spreads(qk_layout l) { return !AVX2_HAS_VNNI && l.high; }

inlined ints dot_pairs(ints sum, ints words, ints inputs) {
  return sum + (ints)_mm256_madd_epi16((__m256i)words, (__m256i)inputs);
}

#if AVX2_HAS_VNNI
/// More do not fit the registers.
inlined size_t chains_of(qk_layout l) {
  (void)l;
  return 1;
}

inlined ints dot(ints sum, ints words, ints inputs) {
  return (ints)_mm256_dpbusd_avx_epi32((__m256i)sum, (__m256i)words, (__m256i)inputs);
}
#else
inlined ints pair_products(ints words, ints inputs) {
  return (ints)_mm256_maddubs_epi16((__m256i)words, (__m256i)inputs);
}

inlined ints with_signs(ints inputs, ints weights) {
  return (ints)_mm256_sign_epi8((__m256i)inputs, (__m256i)weights);
}
#endif

/// The weights of input k and rows 8 * half ..< 8 * half + 8, as floats.
inlined __m256 weights(qk_format format, const void *panel, size_t k, size_t half) {
  if (format == qk_f32) return _mm256_loadu_ps((const float *)panel + k * QK_PANEL + 8 * half);
  const uint16_t *values = (const uint16_t *)panel + k * QK_PANEL;
  if (format == qk_f16) return eight_halves(values + 8 * half);
  __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(values + 8 * half)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}

/// Up to four tokens: two registers of weights, an input and eight sums fit.
inlined void add_floats(
    qk_format format, size_t n, size_t columns, const void *panel, const float *x,
    size_t stride, floats acc[][2]) {
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
  floats acc[QK_TILE][2];
  const size_t first = n < 4 ? n : 4;
  add_floats(format, first, columns, panel, x, stride, acc);
  if (n > 4)
    add_floats(format, n - 4, columns, panel, (const float *)x + 4 * stride, stride, acc + 4);
  store(out, 2, n, acc);
}

#define FLOATS(format) QK_FOR_TOKENS(format, tile_float, tile_##format)
QK_FLOATS(FLOATS)

#define QUANTIZED(format) BLOCKS(format, REGISTERS, tile_##format)
QK_QUANTIZED(QUANTIZED)

#include "bytes_body.h"

#if !AVX2_HAS_VNNI
#include "spread_body.h"
QK_HIGH(MANY)
#endif

#pragma clang attribute pop

const qk_kernels AVX2_TABLE = {
  .tile = {QK_FLOATS(QK_TILE_ENTRY) QK_QUANTIZED(QK_TILE_ENTRY)},
#if !AVX2_HAS_VNNI
  .many = {QK_HIGH(QK_MANY_ENTRY)},
#endif
  .sharing_tokens = sharing_tokens_of,
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
  .factors = QK_FACTORS(tile_f32, NULL, byte_tile, NULL),
  .turn = turn,
};
#endif
