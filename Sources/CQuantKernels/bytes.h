// Factors of the transposed product as bytes, four to a word: a row of dy behind its scale and start, weights in panels
// behind the scales of their 16 lanes, q + 64 each, so that every instruction set multiplies unsigned by signed.
//
// Vectors of the compiler's own kind; each kernel file compiles them for its instruction set.
#pragma once
#include <string.h>

#include "kernels.h"
#include "quantize.h"

typedef struct {
  float scale;
  int32_t start;  ///< minus 64 times the sum of the bytes that follow
} byte_row_head;

inlined const byte_row_head *byte_row_of(const void *x, size_t stride, size_t t) {
  return (const byte_row_head *)((const uint32_t *)x + t * stride);
}

static void byte_row(size_t n, size_t depth, const float *from, void *row) {
  float filled[QK_PART];
  const float *values = from;
  if (n < depth) {
    memset(filled, 0, depth * sizeof *filled);
    values = memcpy(filled, from, n * sizeof *from);
  }
  byte_row_head *head = row;
  int8_t *bytes = (int8_t *)(head + 1);
  const int32_t largest = largest_magnitude(depth, values);
  *head = (byte_row_head){0};
  if (!find_scale(largest, &head->scale)) {
    memset(bytes, 0, depth);
    return;
  }
  const float inverse = 127.0f / qk_float_from_bits((uint32_t)largest);
  quantize_ints sums = {0};
  for (size_t i = 0; i < depth; i += 16) quantize_lanes(values + i, inverse, bytes + i, &sums);
  head->start = -64 * __builtin_reduce_add(sums);
}

static void byte_panels(size_t count, size_t depth, float *panels) {
  const float *from = panels;
  float *to = panels;
  for (size_t p = 0; p < count; p++) {
    quantize_ints magnitudes = {0};
    for (size_t r = 0; r < depth; r++) {
      quantize_ints values;
      memcpy(&values, from + r * QK_PANEL, sizeof values);
      magnitudes = __builtin_elementwise_max(magnitudes, values & 0x7fffffff);
    }
    const quantize_ints counts = (quantize_floats)magnitudes >= 0x1p-100f;
    const quantize_floats top = (quantize_floats)magnitudes;
    const quantize_floats scale = (quantize_floats)(counts & (quantize_ints)(top / 63.0f));
    const quantize_floats inverse = (quantize_floats)(counts & (quantize_ints)(63.0f / top));
    for (size_t r = 0; r < depth; r += 4, from += 4 * QK_PANEL) {
      quantize_ints word = {0};
      for (int i = 0; i < 4; i++) {
        quantize_floats values;
        memcpy(&values, from + i * QK_PANEL, sizeof values);
        // The last bits of the sum are the integer (quantize.h).
        const quantize_ints lifted = (quantize_ints)(values * inverse + (0x1.8p23f + 64));
        word |= (lifted & 0x7f) << 8 * i;
      }
      // Behind what has been read: a row for four, and the scales before them.
      memcpy(to + (1 + r / 4) * QK_PANEL, &word, sizeof word);
    }
    memcpy(to, &scale, sizeof scale);
    to += (depth / 4 + 1) * QK_PANEL;
  }
}
