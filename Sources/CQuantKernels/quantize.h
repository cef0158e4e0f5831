// Rows of floats to blocks of 32 int8 values with a scale (contract: qk_quantize_tile).
//
// Vectors of the compiler's own kind; each kernel file compiles them for its instruction set. |x| is
// compared as an integer, which orders floats as their magnitudes do and puts infinities and NaN
// above every number.
#pragma once
#include <math.h>
#include <string.h>

#include "half.h"
#include "kernels.h"

typedef float quantize_floats __attribute__((vector_size(64)));
typedef int32_t quantize_ints __attribute__((vector_size(64)));
typedef int8_t quantize_bytes __attribute__((vector_size(16)));

static inline void quantize_block(const float *restrict x, qk_input_block *restrict block) {
  quantize_floats values[2];
  memcpy(values, x, sizeof values);
  const quantize_ints magnitudes = __builtin_elementwise_max(
      (quantize_ints)values[0] & 0x7fffffff, (quantize_ints)values[1] & 0x7fffffff);
  const int32_t largest = __builtin_reduce_max(magnitudes);
  const float top = qk_float_from_bits((uint32_t)largest);
  if (largest >= 0x7f800000 || top < 0x1p-100f) {
    memset(block, 0, sizeof *block);
    block->scale = largest >= 0x7f800000 ? NAN : 0.0f;
    block->sum = block->half_sum[0] = block->half_sum[1] = block->scale;
    return;
  }
  // |x| * (127 / top) is at most 127 and a few units in the last place, so nothing rounds to 128.
  // Adding 1.5 * 2^23 rounds to an integer, half to even, which the sum's last bits then are.
  const float rounder = 0x1.8p23f, inverse = 127.0f / top;
  int32_t sum[2];
  for (int half = 0; half < 2; half++) {
    const quantize_ints q =
        (quantize_ints)(values[half] * inverse + rounder) - (int32_t)qk_bits_of_float(rounder);
    const quantize_bytes bytes = __builtin_convertvector(q, quantize_bytes);
    memcpy(block->quants + 16 * half, &bytes, sizeof bytes);
    sum[half] = __builtin_reduce_add(q);
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
