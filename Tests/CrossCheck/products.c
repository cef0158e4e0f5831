// Compares every instruction set of the machine it runs on with the reference, bit for bit.
//
// The Swift tests do the same and more; this one needs only a C compiler, so that kernels for
// another processor can be checked in an emulator (scripts/check-neon).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CQuantKernels.h"

static uint64_t state = 88172645463325252u;

static uint64_t draw(void) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

static float draw_float(void) { return (float)(draw() % 2000001) / 500000 - 2; }

static float *draw_floats(size_t count) {
  float *values = malloc(count * sizeof *values);
  for (size_t i = 0; i < count; i++) values[i] = draw_float();
  return values;
}

/// Inputs of which every fourth run of 32 is as large as they come, all of one sign: sums of 16 bits hold no more.
static float *draw_inputs(size_t count) {
  float *values = draw_floats(count);
  for (size_t i = 0; i < count; i += QK_BLOCK) {
    const uint64_t kind = draw() % 8;
    for (size_t k = i; kind < 2 && k < i + QK_BLOCK && k < count; k++) values[k] = kind ? 2 : -2;
  }
  return values;
}

/// Inputs of a block in a file.
static size_t block_inputs(qk_format format) {
  return !qk_is_quantized(format) ? 1 : format >= qk_q2_k ? 256 : QK_BLOCK;
}

/// Whether byte `at` of a file's block is the upper byte of a half, or of a float value.
static bool is_exponent(qk_format format, size_t at) {
  switch (format) {
    case qk_f32: return at == 3;
    case qk_q4_1:
    case qk_q5_1:
    case qk_q4_k:
    case qk_q5_k: return at == 1 || at == 3;
    case qk_q2_k: return at == 81 || at == 83;
    case qk_q3_k: return at == 109;
    case qk_q6_k: return at == 209;
    default: return at == 1;
  }
}

/// Packed random weights; exponents are kept small, and every fourth block has one extreme value.
static void *draw_weights(qk_format format, size_t rows, size_t columns) {
  const size_t panels = (rows + QK_PANEL - 1) / QK_PANEL;
  const size_t bytes = qk_row_bytes(format, columns) * rows;
  const size_t step = qk_row_bytes(format, block_inputs(format));
  unsigned char *source = malloc(bytes);
  for (size_t at = 0; at < bytes; at += step) {
    const unsigned char same = draw() % 2 ? 0x80 : 0xff;
    const bool extreme = qk_is_quantized(format) && draw() % 4 == 0;
    for (size_t i = 0; i < step; i++) {
      source[at + i] = extreme ? same : (unsigned char)draw();
      if (is_exponent(format, i)) source[at + i] = (source[at + i] & 0x83) | 0x38;
    }
  }
  void *packed = calloc(panels, qk_panel_bytes(format, columns));
  qk_pack(format, rows, columns, source, 0, panels, packed);
  free(source);
  return packed;
}

/// y, with one float after its end, as the set computes it.
static float *product(qk_product p, qk_instruction_set set, const float *x) {
  const size_t blocks = p.columns / QK_BLOCK;
  qk_input_block *tiles = calloc(p.tokens * blocks + 1, sizeof *tiles);
  for (size_t t = 0; qk_is_quantized(p.format) && t < p.tokens; t += QK_TILE)
    qk_quantize_tile(
        set, qk_input_run(p.format), blocks, p.tokens - t < QK_TILE ? p.tokens - t : QK_TILE,
        x + t * p.columns, p.columns, tiles + t * blocks);
  p.set = set;
  p.x = qk_is_quantized(p.format) ? (const void *)tiles : x;
  float *y = calloc(p.tokens * p.rows + 1, sizeof *y);
  p.y = y;
  for (size_t i = 0; i < qk_product_chunks(&p); i++) qk_product_run(&p, i);
  free(tiles);
  return y;
}

static float *transposed(qk_transposed p, qk_instruction_set set) {
  float *dx = calloc(p.tokens * p.columns + 1, sizeof *dx);
  p.set = set;
  p.dx = dx;
  p.parts = calloc(p.tokens * qk_transposed_width(p.rows) + 1, sizeof *p.parts);
  for (size_t i = 0; i < qk_transposed_parts(&p); i++) qk_transposed_split(&p, i);
  for (size_t i = 0; i < qk_transposed_chunks(&p); i++) qk_transposed_run(&p, i);
  free(p.parts);
  return dx;
}

static int differ(float *a, float *b, size_t count) {
  const int result = memcmp(a, b, (count + 1) * sizeof *a) != 0;
  free(a);
  free(b);
  return result;
}

static int check(
    qk_instruction_set set, qk_format format, size_t rows, size_t columns, size_t tokens) {
  void *w = draw_weights(format, rows, columns);
  float *x = draw_inputs(tokens * columns), *dy = draw_floats(tokens * rows);
  qk_product forward = {
    .format = format, .rows = rows, .columns = columns, .panels = w, .tokens = tokens,
    .scale = draw_float(), .adding = draw() % 2,
  };
  qk_transposed back = {
    .format = format, .rows = rows, .columns = columns, .panels = w, .tokens = tokens, .dy = dy,
    .scale = draw_float(), .adding = draw() % 2, .operations = draw() % qk_operations_count,
  };
  const int failures =
      differ(product(forward, qk_scalar, x), product(forward, set, x), tokens * rows) +
      differ(transposed(back, qk_scalar), transposed(back, set), tokens * columns);
  if (failures)
    printf("%d: format %d, %zu by %zu, %zu tokens\n", set, format, rows, columns, tokens);
  free(w);
  free(x);
  free(dy);
  return failures;
}

int main(void) {
  static const size_t float_widths[3] = {1, 31, 172}, blocks[3] = {1, 3, 8};
  int failures = 0, checks = 0;
  for (qk_instruction_set set = qk_avx2; set <= qk_neon; set++)
    for (qk_format format = 0; qk_available(set) && format < qk_format_count; format++)
      for (size_t rows = 1; rows <= 50; rows += 7)
        for (size_t c = 0; c < 3; c++)
          for (size_t tokens = 1; tokens <= 17; tokens++, checks++)
            failures += check(
                set, format, rows,
                qk_is_quantized(format) ? blocks[c] * block_inputs(format) : float_widths[c],
                tokens);
  // Several chunks of panels and of tokens.
  for (qk_instruction_set set = qk_avx2; set <= qk_neon; set++)
    for (qk_format format = 0; qk_available(set) && format < qk_format_count; format++, checks++)
      failures += check(set, format, 301, 2 * 256, 77);
  // Inputs of more than 4 MB, from which on chunks come in another order.
  for (qk_instruction_set set = qk_avx2; set <= qk_neon; set++)
    for (qk_format format = qk_q8_0; qk_available(set) && format < qk_format_count; format++, checks++)
      failures += check(set, format, 50, 4096, 520);
  printf("%d checks, %d failures\n", checks, failures);
  return failures > 0 || checks == 0;
}
