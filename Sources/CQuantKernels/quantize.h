// Rows of floats to blocks of 32 int8 values with a scale (contract: qk_quantize_tile).
//
// Plain loops that the compiler turns into vectors; each kernel file compiles them for its
// instruction set. |x| is compared as an integer, which orders floats as their magnitudes do and
// puts infinities and NaN above every number.
#pragma once
#include <math.h>
#include <string.h>

#include "half.h"
#include "kernels.h"

static inline void quantize_block(const float *restrict x, qk_input_block *restrict block) {
  int32_t bits[QK_BLOCK], largest = 0;
  memcpy(bits, x, sizeof bits);
  for (int i = 0; i < QK_BLOCK; i++) {
    int32_t magnitude = bits[i] & 0x7fffffff;
    largest = magnitude > largest ? magnitude : largest;
  }
  const float top = qk_float_from_bits((uint32_t)largest);
  if (largest >= 0x7f800000 || top < 0x1p-100f) {
    memset(block, 0, sizeof *block);
    block->scale = largest >= 0x7f800000 ? NAN : 0.0f;
    block->sum = block->half_sum[0] = block->half_sum[1] = block->scale;
    return;
  }
  // |x| * (127 / top) is at most 127 and a few units in the last place, so nothing rounds to 128.
  // Adding and taking away 1.5 * 2^23 rounds to an integer, half to even.
  const float rounder = 0x1.8p23f, inverse = 127.0f / top;
  int32_t sum[2] = {0, 0};
  for (int half = 0; half < 2; half++)
    for (int i = 16 * half; i < 16 * half + 16; i++) {
      int32_t q = (int32_t)((x[i] * inverse + rounder) - rounder);
      block->quants[i] = (int8_t)q;
      sum[half] += q;
    }
  const int32_t whole = sum[0] + sum[1];
  block->scale = top / 127.0f;
  block->sum = block->scale * (float)whole;
  block->start_8 = -8 * whole;
  block->start_128 = -128 * whole;
  for (int half = 0; half < 2; half++) {
    block->half_sum[half] = block->scale * (float)sum[half];
    block->start_32[half] = -32 * sum[half];
  }
}

static inline void quantize_tile(
    size_t blocks, size_t rows, const float *x, size_t stride, qk_input_block *tile) {
  for (size_t t = 0; t < rows; t++)
    for (size_t b = 0; b < blocks; b++)
      quantize_block(x + t * stride + b * QK_BLOCK, &tile[b * rows + t]);
}
