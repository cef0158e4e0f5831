// Pairs of bfloat16 as floats, for the transposed product where no instruction multiplies such pairs: rounded,
// and neighbours in turn, since the odd product is added first (bf16.c).
//
// Vectors of the compiler's own kind; each kernel file compiles them for its instruction set.
#pragma once
#include <string.h>

#include "half.h"
#include "kernels.h"
#include "turn.h"

typedef uint32_t words_16 __attribute__((vector_size(64)));

/// The nearest bfloat16, as floats: ties to even, subnormals 0.
inlined void round_lanes(floats_16 *x) {
  const words_16 bits = (words_16)*x;
  const words_16 tiny = (words_16)((bits & 0x7f800000u) == 0);
  const words_16 nan = (words_16)((bits & 0x7fffffffu) > 0x7f800000u);
  const words_16 near = (bits + 0x7fffu + (bits >> 16 & 1u)) & 0xffff0000u;
  *x = (floats_16)((tiny & bits & 0x80000000u) | (nan & bits) | (~(tiny | nan) & near));
}

/// Rows of 16 floats: each takes the place of its neighbour.
static void round_panels(size_t count, size_t depth, float *values) {
  for (size_t r = 0; r < count * depth; r += 2, values += 2 * QK_PANEL) {
    floats_16 row[2];
    memcpy(&row[1], values, sizeof row[1]);
    memcpy(&row[0], values + QK_PANEL, sizeof row[0]);
    for (int i = 0; i < 2; i++) round_lanes(&row[i]);
    memcpy(values, row, sizeof row);
  }
}

/// n floats and zeros up to `depth`, a multiple of 16: each takes the place of its neighbour.
static void round_row(size_t n, size_t depth, const float *from, void *row) {
  for (size_t i = 0; i < depth; i += QK_PANEL) {
    floats_16 values = {0};
    if (i + QK_PANEL <= n) memcpy(&values, from + i, sizeof values);
    else if (i < n) memcpy(&values, from + i, (n - i) * sizeof *from);
    round_lanes(&values);
    values = __builtin_shufflevector(values, values, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    memcpy((float *)row + i, &values, sizeof values);
  }
}
