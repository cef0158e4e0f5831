// A panel's weights as floats, turned for the transposed product: exact, since the product of a
// half (11 bits) and a value of at most 8 bits fits a float.
//
// The product that flows back sums over rows, so its panels have inputs for lanes. Groups of 16
// inputs lie one after another, `height` rows of 16 floats each; a panel fills 16 rows of each
// group.
//
// Vectors of the compiler's own kind, so that each kernel file can compile this for its instruction
// set.
#pragma once
#include "half.h"
#include "kernels.h"

typedef uint32_t words_4 __attribute__((vector_size(16)));
typedef uint8_t bytes_16 __attribute__((vector_size(16)));
typedef float floats_16 __attribute__((vector_size(64)));

static inline void unpack_scales(const uint16_t *halves, float *scale) {
  for (int r = 0; r < QK_PANEL; r++) scale[r] = qk_half_to_float(halves[r]);
}

/// Four neighbouring words of row r: 16 bytes.
static inline bytes_16 row_bytes(const uint8_t (*words)[4 * QK_PANEL], size_t r) {
  uint32_t word[4];
  for (size_t i = 0; i < 4; i++) memcpy(&word[i], words[i] + 4 * r, 4);
  return (bytes_16)(words_4){word[0], word[1], word[2], word[3]};
}

static inline void store_values(bytes_16 values, float offset, float scale, float *out) {
  const floats_16 floats = (__builtin_convertvector(values, floats_16) - offset) * scale;
  memcpy(out, &floats, sizeof floats);
}

static inline void unpack_q8_0(
    const qk_panel_q8_0 *panel, size_t blocks, float *out, size_t height) {
  for (size_t b = 0; b < blocks; b++, out += 2 * height * QK_PANEL) {
    float scale[QK_PANEL];
    unpack_scales(panel[b].scale, scale);
    for (size_t r = 0; r < QK_PANEL; r++) {
      float *to = out + r * QK_PANEL;
      store_values(row_bytes(panel[b].quants, r), 128, scale[r], to);
      store_values(row_bytes(panel[b].quants + 4, r), 128, scale[r], to + height * QK_PANEL);
    }
  }
}

static inline void unpack_q4_0(
    const qk_panel_q4_0 *panel, size_t blocks, float *out, size_t height) {
  for (size_t b = 0; b < blocks; b++, out += 2 * height * QK_PANEL) {
    float scale[QK_PANEL];
    unpack_scales(panel[b].scale, scale);
    for (size_t r = 0; r < QK_PANEL; r++) {
      float *to = out + r * QK_PANEL;
      const bytes_16 pairs = row_bytes(panel[b].quants, r);
      store_values(pairs & 15, 8, scale[r], to);
      store_values(pairs >> 4, 8, scale[r], to + height * QK_PANEL);
    }
  }
}

/// One input's weights in all 16 rows, for the float formats.
static inline void unpack_lanes(qk_format format, const void *panel, size_t k, floats_16 *lanes) {
  const uint16_t *words = (const uint16_t *)panel + k * QK_PANEL;
  float values[QK_PANEL];
  if (format == qk_f32)
    memcpy(values, (const float *)panel + k * QK_PANEL, sizeof values);
  else if (format == qk_f16)
    for (int r = 0; r < QK_PANEL; r++) values[r] = qk_half_to_float(words[r]);
  else
    for (int r = 0; r < QK_PANEL; r++) values[r] = qk_bf16_to_float(words[r]);
  memcpy(lanes, values, sizeof values);
}

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

static inline void unpack_floats(
    qk_format format, const void *panel, size_t first, size_t count, float *out, size_t height) {
  for (size_t k = 0; k < count; k += QK_PANEL, out += height * QK_PANEL) {
    floats_16 square[QK_PANEL] = {0};
    for (size_t i = 0; i < QK_PANEL && k + i < count; i++)
      unpack_lanes(format, panel, first + k + i, &square[i]);
    transpose(square);
    memcpy(out, square, sizeof square);
  }
}

/// Inputs `first ..< first + count` of a panel; where they end inside a group, zeros fill it up.
static void unpack_panel(
    qk_format format, const void *panel, size_t first, size_t count, float *out, size_t height) {
  const size_t block = first / QK_BLOCK, blocks = count / QK_BLOCK;
  switch (format) {
    case qk_q8_0: unpack_q8_0((const qk_panel_q8_0 *)panel + block, blocks, out, height); break;
    case qk_q4_0: unpack_q4_0((const qk_panel_q4_0 *)panel + block, blocks, out, height); break;
    case qk_f32: unpack_floats(qk_f32, panel, first, count, out, height); break;
    case qk_f16: unpack_floats(qk_f16, panel, first, count, out, height); break;
    case qk_bf16: unpack_floats(qk_bf16, panel, first, count, out, height); break;
    case qk_format_count: break;
  }
}
