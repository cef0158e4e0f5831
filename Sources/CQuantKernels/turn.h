// Transposed floats, in vectors of the compiler's own kind: each kernel file compiles them for its
// instruction set.
#pragma once
#include <string.h>

#include "kernels.h"

typedef float floats_16 __attribute__((vector_size(64)));

/// Four rounds of interleaving the first half of the vectors with the second transpose 16 by 16.
static inline void transpose(floats_16 square[QK_PANEL]) {
  for (int round = 0; round < 4; round++) {
    floats_16 mixed[QK_PANEL];
    for (int i = 0; i < 8; i++) {
      mixed[2 * i] = __builtin_shufflevector(
          square[i], square[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
      mixed[2 * i + 1] = __builtin_shufflevector(
          square[i], square[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    }
    memcpy(square, mixed, sizeof mixed);
  }
}

/// to[k][t] = from[t][k] for `rows` rows t of `columns` numbers k, each row so many floats after the
/// one before.
static void turn(
    size_t rows, size_t columns, const float *from, size_t stride, float *to, size_t to_stride) {
  for (size_t t = 0; t < rows; t += QK_PANEL)
    for (size_t k = 0; k < columns; k += QK_PANEL) {
      const size_t height = at_most(rows - t, QK_PANEL), width = at_most(columns - k, QK_PANEL);
      if (height == QK_PANEL && width == QK_PANEL) {
        floats_16 square[QK_PANEL];
        for (size_t i = 0; i < QK_PANEL; i++)
          memcpy(&square[i], from + (t + i) * stride + k, sizeof square[i]);
        transpose(square);
        for (size_t i = 0; i < QK_PANEL; i++)
          memcpy(to + (k + i) * to_stride + t, &square[i], sizeof square[i]);
      } else {
        for (size_t i = 0; i < height; i++)
          for (size_t j = 0; j < width; j++)
            to[(k + j) * to_stride + t + i] = from[(t + i) * stride + k + j];
      }
    }
}
