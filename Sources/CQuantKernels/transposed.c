// The transposed product, cut by shape: 64 inputs by up to 256 tokens a chunk.
//
// Weights become floats 256 rows at a time, in panels whose lanes are inputs, on the stack; then
// the float tile multiplies them. A panel (16 KiB) and the tile of dy that it meets (8 KiB) fit a
// core's first-level cache, and the part of dy that all panels of a chunk meet fits the second. It
// does only as one piece: the rows of a wide dy often lie a power of two apart and would share a
// few cache sets.
#include "kernels.h"

enum {
  chunk_inputs = 64,
  chunk_tokens = 256,
};

size_t qk_transposed_chunks(const qk_transposed *p) {
  return divide_up(p->columns, chunk_inputs) * divide_up(p->tokens, chunk_tokens);
}

void qk_transposed_run(const qk_transposed *p, size_t chunk) {
  _Alignas(64) float part[chunk_inputs * QK_PART];
  const qk_kernels *kernels = qk_kernels_for(p->set);
  const size_t across = divide_up(p->columns, chunk_inputs);
  const size_t bytes = qk_panel_bytes(p->format, p->columns);
  const size_t first_input = chunk % across * chunk_inputs;
  const size_t inputs = at_most(p->columns - first_input, chunk_inputs);
  const size_t first_token = chunk / across * chunk_tokens;
  const size_t end_token = first_token + at_most(p->tokens - first_token, chunk_tokens);
  for (size_t row = 0; row < p->rows; row += QK_PART) {
    const size_t rows = at_most(p->rows - row, QK_PART);
    const size_t height = divide_up(rows, QK_PANEL) * QK_PANEL;
    // Two panels are neighbours to the tile only where no row fills up.
    const bool pairs = kernels->pair[qk_f32] && rows == height && p->columns % 32 == 0;
    qk_tile *tile = pairs ? kernels->pair[qk_f32] : kernels->tile[qk_f32];
    const size_t width = pairs ? 2 * QK_PANEL : QK_PANEL;
    for (size_t r = 0; r < rows; r += QK_PANEL)
      kernels->unpack_panel(
          p->format, (const char *)p->panels + (row + r) / QK_PANEL * bytes, first_input, inputs,
          part + r * QK_PANEL, height);
    for (size_t i = 0; i < inputs; i += width)
      for (size_t t = first_token; t < end_token; t += QK_TILE) {
        qk_output out = {
          .y = p->dx + t * p->columns + first_input + i, .stride = p->columns,
          .rows = at_most(inputs - i, width), .scale = 1, .adding = p->adding || row > 0,
        };
        tile(
            rows, part + i * height, at_most(end_token - t, QK_TILE),
            p->dy + row * p->tokens + t * rows, rows, &out);
      }
  }
}
