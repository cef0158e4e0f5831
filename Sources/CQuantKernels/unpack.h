// A panel's weights as floats, turned for the transposed product: as exact as qk_unpack_row, since
// the product of a half (11 bits), a byte scale and a value fits a float.
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
#include "layout.h"
#include "turn.h"

typedef uint32_t words_4 __attribute__((vector_size(16)));

/// Stored bits of 16 inputs of row r, from input 16 * half on: four words of the lines.
inlined words_4 word_bits(const uint8_t *lines, unsigned bits, size_t r, size_t half) {
  uint32_t word[4], shift[4];
  for (unsigned k = 0; k < 4; k++) {
    const unsigned i = 4 * (unsigned)half + k;
    memcpy(&word[k], lines + i % bits * QK_LINE + 4 * r, 4);
    shift[k] = bits * (i / bits);
  }
  const words_4 words = {word[0], word[1], word[2], word[3]};
  const words_4 shifts = {shift[0], shift[1], shift[2], shift[3]};
  return words >> shifts & 0x01010101u * ((1u << bits) - 1);
}

inlined bytes_16 stored_values(qk_layout l, const uint8_t *block, size_t r, size_t half) {
  words_4 values = word_bits(low_of(l, block), l.low, r, half);
  if (l.high) values |= word_bits(high_of(l, block), l.high, r, half) << l.low;
  bytes_16 bytes = (bytes_16)values;
  for (int i = 0; l.coded && i < 16; i++) bytes[i] = qk_codes[bytes[i]];
  return bytes;
}

inlined void unpack_block(
    qk_layout l, const uint8_t *record, size_t j, float *out, size_t height) {
  const uint8_t *block = block_of(l, record, j);
  float scale[2][QK_PANEL], minimum[2][QK_PANEL];
  for (size_t g = 0; g < l.groups; g++)
    for (size_t r = 0; r < QK_PANEL; r++) {
      scale[g][r] = weight_scale(l, record, block, g, r);
      minimum[g][r] = weight_minimum(l, record, block, g, r);
    }
  for (size_t r = 0; r < QK_PANEL; r++) {
    const bytes_16 values[2] = {stored_values(l, block, r, 0), stored_values(l, block, r, 1)};
    for (size_t half = 0; half < 2; half++) {
      const size_t g = l.groups == 1 ? 0 : half;
      floats_16 floats = __builtin_convertvector(values[half], floats_16);
      floats = (floats - (float)(l.offset - l.lift)) * scale[g][r];
      if (l.minimum) floats += minimum[g][r];
      memcpy(out + (half * height + r) * QK_PANEL, &floats, sizeof floats);
    }
  }
}

/// Blocks `first ..< first + count` of a panel.
inlined void unpack_blocks(
    qk_format format, const uint8_t *panel, size_t first, size_t count, float *out,
    size_t height) {
  const qk_layout l = qk_layouts[format];
  for (size_t b = first; b < first + count; b++, out += 2 * height * QK_PANEL)
    unpack_block(l, panel + b / l.blocks * record_bytes(l), b % l.blocks, out, height);
}

/// One input's weights in all 16 rows, for the float formats.
inlined void unpack_lanes(qk_format format, const void *panel, size_t k, floats_16 *lanes) {
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

inlined void unpack_floats(
    qk_format format, const void *panel, size_t first, size_t count, float *out, size_t height) {
  for (size_t k = 0; k < count; k += QK_PANEL, out += height * QK_PANEL) {
    floats_16 square[QK_PANEL] = {0};
    for (size_t i = 0; i < QK_PANEL && k + i < count; i++)
      unpack_lanes(format, panel, first + k + i, &square[i]);
    transpose(square);
    memcpy(out, square, sizeof square);
  }
}

#define UNPACK_CASE(format)                                                                   \
  case qk_##format:                                                                           \
    unpack_blocks(qk_##format, panel, first / QK_BLOCK, count / QK_BLOCK, out, height);       \
    break;

/// Inputs `first ..< first + count` of a panel; where they end inside a group, zeros fill it up.
static void unpack_panel(
    qk_format format, const void *panel, size_t first, size_t count, float *out, size_t height) {
  switch (format) {
    case qk_f32: unpack_floats(qk_f32, panel, first, count, out, height); break;
    case qk_f16: unpack_floats(qk_f16, panel, first, count, out, height); break;
    case qk_bf16: unpack_floats(qk_bf16, panel, first, count, out, height); break;
    QK_QUANTIZED(UNPACK_CASE)
    case qk_format_count: break;
  }
}
