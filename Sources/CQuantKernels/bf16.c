// Products of bfloat16 pairs for AVX-512 BF16 (Cooper Lake, Sapphire Rapids, Zen 4 and later).
//
// `vdpbf16ps` adds the odd product to the sum, then the even one, each with one rounding; subnormals
// count as 0. Other instruction sets do the same with fused multiply-adds (round.h).
//
// A pair is a word, its first value the low half.
#include "kernels.h"

#if defined(__x86_64__)
#include <string.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), \
    apply_to = function)

#include "avx512_store.h"

inlined __m512i words_of(const float *x) {
  return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x)));
}

static void pair_row(size_t n, size_t depth, const float *from, void *row) {
  for (size_t i = 0; i < depth; i += 16) {
    const __mmask16 lanes = i + 16 <= n ? 0xffff : i < n ? (__mmask16)((1u << (n - i)) - 1) : 0;
    const __m256i values = (__m256i)_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(lanes, from + i));
    _mm256_storeu_si256((__m256i *)((uint16_t *)row + i), values);
  }
}

static void pair_panels(size_t count, size_t depth, float *panels) {
  for (size_t i = 0; i < count * depth / 2; i++) {
    const __m512i even = words_of(panels + 2 * i * QK_PANEL);
    const __m512i odd = words_of(panels + (2 * i + 1) * QK_PANEL);
    _mm512_storeu_si512(panels + i * QK_PANEL, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
  }
}

inlined void tile_words(
    size_t count, size_t n, size_t columns, const void *panels, const void *x, size_t stride,
    const qk_output *out) {
  const uint32_t *words = x;
  __m512 acc[QK_TILE][2];
  for (size_t p = 0; p < count; p++)
    for (size_t t = 0; t < n; t++) acc[t][p] = _mm512_setzero_ps();
  for (size_t k = 0; k < columns; k++) {
    __m512bh w[2];
    for (size_t p = 0; p < count; p++)
      w[p] = (__m512bh)_mm512_loadu_si512((const char *)panels + (p * columns + k) * 64);
    for (size_t t = 0; t < n; t++) {
      const __m512bh input = (__m512bh)_mm512_set1_epi32((int)words[t * stride + k]);
      for (size_t p = 0; p < count; p++) acc[t][p] = _mm512_dpbf16_ps(acc[t][p], w[p], input);
    }
  }
  store(out, count, n, acc);
}

inlined void tile_one(
    qk_format format, size_t n, size_t columns, const void *panel, const void *x, size_t stride,
    const qk_output *out) {
  (void)format;
  tile_words(1, n, columns, panel, x, stride, out);
}

inlined void tile_two(
    qk_format format, size_t n, size_t columns, const void *panels, const void *x, size_t stride,
    const qk_output *out) {
  (void)format;
  tile_words(2, n, columns, panels, x, stride, out);
}

QK_FOR_TOKENS(bf16, tile_one, tile)
QK_FOR_TOKENS(bf16, tile_two, pair)

#pragma clang attribute pop

const qk_factors *qk_pair_factors(qk_instruction_set set) {
  static const qk_factors factors = {
    .numbers = 2, .lay_row = pair_row, .lay_panels = pair_panels, .tile = tile, .pair = pair,
  };
  return set == qk_avx512 && __builtin_cpu_supports("avx512bf16") ? &factors : NULL;
}
#else
const qk_factors *qk_pair_factors(qk_instruction_set set) {
  (void)set;
  return NULL;
}
#endif
