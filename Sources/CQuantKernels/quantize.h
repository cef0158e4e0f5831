// Rows of floats to blocks of 32 int8 values, one or more to a scale (contract: qk_quantize_tile).
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

static inline int32_t two_sums(int32_t low, int32_t high) {
  return (int32_t)((uint32_t)(low & 0xffff) | (uint32_t)high << 16);
}

/// The largest |x| of n floats, a multiple of 16, as an integer: from 0x7f800000 on one is not finite.
inlined int32_t largest_magnitude(size_t n, const float *restrict x) {
  quantize_ints magnitudes = {0};
  for (size_t i = 0; i < n; i += 16) {
    quantize_ints values;
    memcpy(&values, x + i, sizeof values);
    magnitudes = __builtin_elementwise_max(magnitudes, values & 0x7fffffff);
  }
  return __builtin_reduce_max(magnitudes);
}

/// The scale of numbers whose largest magnitude this is: NaN where one is not finite, 0 where they count as zeros; else
/// true, and there are bytes to make.
inlined bool find_scale(int32_t largest, float *scale) {
  const float top = qk_float_from_bits((uint32_t)largest);
  *scale = largest >= 0x7f800000 ? NAN : top < 0x1p-100f ? 0.0f : top / 127.0f;
  return largest < 0x7f800000 && top >= 0x1p-100f;
}

/// 16 floats times `inverse` as bytes, which are added to `sums`.
inlined void quantize_lanes(
    const float *restrict x, float inverse, int8_t *restrict bytes, quantize_ints *sums) {
  // |x| * inverse is at most 127 and a few units in the last place, so nothing rounds to 128.
  // Adding 1.5 * 2^23 rounds to an integer, half to even, which the sum's last bits then are.
  const float rounder = 0x1.8p23f;
  quantize_floats values;
  memcpy(&values, x, sizeof values);
  const quantize_ints q = (quantize_ints)(values * inverse + rounder) - (int32_t)qk_bits_of_float(rounder);
  const quantize_bytes narrow = __builtin_convertvector(q, quantize_bytes);
  memcpy(bytes, &narrow, sizeof narrow);
  *sums += q;
}

/// A block of a run with this scale, whose inverse is given too; returns the sum of its quants.
static inline int32_t quantize_block(
    const float *restrict x, float scale, float inverse, qk_input_block *restrict block) {
  int32_t sum[2];
  for (int half = 0; half < 2; half++) {
    quantize_ints sums = {0};
    quantize_lanes(x + 16 * half, inverse, block->quants + 16 * half, &sums);
    sum[half] = __builtin_reduce_add(sums);
    block->start_32[half] = -32 * sum[half];
  }
  const int32_t whole = sum[0] + sum[1];
  block->scale = scale;
  block->sum = scale * (float)whole;
  block->half_sums = two_sums(sum[0], sum[1]);
  block->start_8 = -8 * whole;
  block->start_128 = -128 * whole;
  return whole;
}

/// `run` blocks that share a scale; each lies `step` after the one before.
inlined void quantize_run(
    size_t run, const float *restrict x, qk_input_block *restrict blocks, size_t step) {
  const int32_t largest = largest_magnitude(run * QK_BLOCK, x);
  float scale;
  if (!find_scale(largest, &scale)) {
    for (size_t b = 0; b < run; b++) {
      memset(&blocks[b * step], 0, sizeof blocks[0]);
      blocks[b * step].scale = blocks[b * step].sum = scale;
    }
    return;
  }
  const float inverse = 127.0f / qk_float_from_bits((uint32_t)largest);
  int32_t next = 0;
  for (size_t b = run; b-- > 0;) {
    const int32_t sum = quantize_block(x + b * QK_BLOCK, scale, inverse, &blocks[b * step]);
    blocks[b * step].sums = two_sums(sum, next);
    next = sum;
  }
}

static inline void quantize_tile(
    size_t run, size_t blocks, size_t rows, const float *x, size_t stride, qk_input_block *tile) {
  for (size_t t = 0; t < rows; t++)
    for (size_t b = 0; b < blocks; b += run) {
      const float *from = x + t * stride + b * QK_BLOCK;
      if (run == 1) quantize_run(1, from, &tile[b * rows + t], rows);
      else quantize_run(8, from, &tile[b * rows + t], rows);
    }
}
