// How tiles of AVX-512 hand out their sums.
#pragma once
#include <immintrin.h>

#include "kernels.h"

/// Sums of `count` neighbouring panels and n tokens.
inlined void store(const qk_output *out, size_t count, size_t n, __m512 acc[][2]) {
  const __m512 scale = _mm512_set1_ps(out->scale);
  for (size_t p = 0; p < count; p++) {
    const size_t rows = at_most(out->rows - p * QK_PANEL, QK_PANEL);
    const __mmask16 lanes = (__mmask16)((1u << rows) - 1);
    for (size_t t = 0; t < n; t++) {
      float *y = out->y + t * out->stride + p * QK_PANEL;
      __m512 result = out->adding
          ? _mm512_fmadd_ps(scale, acc[t][p], _mm512_maskz_loadu_ps(lanes, y))
          : _mm512_mul_ps(scale, acc[t][p]);
      _mm512_mask_storeu_ps(y, lanes, result);
    }
  }
}
