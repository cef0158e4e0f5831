// The products of bytes (bytes.h) for the sets of blocks_body.h.
#pragma once
#include "blocks_body.h"
#include "bytes.h"

/// Tokens whose sums fit the registers.
enum { BYTE_TOKENS = LANES == 16 ? QK_TILE : 4 };

/// Adds each lane's four products of weights up to 127, whose neighbours fit 16 bits, by signed inputs.
inlined ints add_four(ints sum, ints weights, ints inputs) {
#if HAS_DOT
  return dot(sum, weights, inputs);
#else
  return dot_pairs(sum, pair_products(weights, inputs), ints_of(0x10001));
#endif
}

/// Up to BYTE_TOKENS tokens.
inlined void multiply_bytes(
    size_t count, size_t n, size_t words, const void *panels, const void *x, size_t stride,
    floats acc[][REGISTERS]) {
  const uint8_t *lanes[REGISTERS];
  for (size_t r = 0; r < count; r++)
    lanes[r] = (const uint8_t *)panels + panel_of(r) * (words + 1) * QK_LINE + 4 * lane_of(r);
  ints sums[BYTE_TOKENS][REGISTERS];
  for (size_t t = 0; t < n; t++)
    for (size_t r = 0; r < count; r++) sums[t][r] = ints_of(byte_row_of(x, stride, t)->start);
  for (size_t k = 0; k < words; k++) {
    ints weights[REGISTERS];
    for (size_t r = 0; r < count; r++) memcpy(&weights[r], lanes[r] + (k + 1) * QK_LINE, sizeof weights[r]);
    for (size_t t = 0; t < n; t++) {
      const int32_t *inputs = (const int32_t *)(byte_row_of(x, stride, t) + 1);
      for (size_t r = 0; r < count; r++) sums[t][r] = add_four(sums[t][r], weights[r], ints_of(inputs[k]));
    }
  }
  for (size_t r = 0; r < count; r++) {
    floats scale;
    memcpy(&scale, lanes[r], sizeof scale);
    for (size_t t = 0; t < n; t++)
      acc[t][r] = __builtin_convertvector(sums[t][r], floats) * (scale * byte_row_of(x, stride, t)->scale);
  }
}

inlined void tile_of_bytes(
    size_t count, size_t n, size_t words, const void *panels, const void *x, size_t stride,
    const qk_output *out) {
  floats acc[QK_TILE][REGISTERS];
  const size_t first = at_most(n, BYTE_TOKENS);
  multiply_bytes(count, first, words, panels, x, stride, acc);
  if (n > first)
    multiply_bytes(count, n - first, words, panels, byte_row_of(x, stride, first), stride, acc + first);
  store(out, count, n, acc);
}

inlined void tile_one_of_bytes(
    qk_format format, size_t n, size_t words, const void *panel, const void *x, size_t stride,
    const qk_output *out) {
  (void)format;
  tile_of_bytes(QK_PANEL / LANES, n, words, panel, x, stride, out);
}

inlined void tile_two_of_bytes(
    qk_format format, size_t n, size_t words, const void *panels, const void *x, size_t stride,
    const qk_output *out) {
  (void)format;
  tile_of_bytes(REGISTERS, n, words, panels, x, stride, out);
}

QK_FOR_TOKENS(q8_0, tile_one_of_bytes, byte_tile)
#if LANES == 16
QK_FOR_TOKENS(q8_0, tile_two_of_bytes, byte_pair)
#endif
