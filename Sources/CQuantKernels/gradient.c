// The gradient of a skinny weight, cut by shape: 256 columns of b by all of a's a chunk.
//
// 64 columns of up to 256 tokens of b are laid out as panels whose lanes are columns, on the stack,
// and the float tile multiplies them by rows of the transposed a.
#include <string.h>

#include "kernels.h"

enum { chunk_columns = 256, block_columns = 64, most_few = 128 };

size_t qk_gradient_chunks(const qk_gradient *p) { return divide_up(p->columns, chunk_columns); }

/// Rows `first ..< first + tokens` of a, columns `from ..< from + few`, as `[few, QK_PART]`.
static void turn(const qk_gradient *p, size_t first, size_t tokens, size_t from, size_t few, float *out) {
  for (size_t t = 0; t < tokens; t++) {
    const float *row = p->a + (first + t) * p->few + from;
    for (size_t i = 0; i < few; i++) out[i * QK_PART + t] = row[i];
  }
}

/// Groups of 16 of the columns `from ..< from + columns` of b, `tokens` rows of 16 floats each.
static void lay_out(const qk_gradient *p, size_t first, size_t tokens, size_t from, size_t columns, float *panels) {
  for (size_t k = 0; k < columns; k += QK_PANEL) {
    const size_t lanes = at_most(columns - k, QK_PANEL);
    float *to = panels + k * tokens;
    if (lanes < QK_PANEL) memset(to, 0, tokens * QK_PANEL * sizeof *to);
    const float *b = p->b + first * p->columns + from + k;
    // A size that the compiler knows is copied without a call.
    if (lanes == QK_PANEL)
      for (size_t t = 0; t < tokens; t++) memcpy(to + t * QK_PANEL, b + t * p->columns, QK_PANEL * sizeof *to);
    else
      for (size_t t = 0; t < tokens; t++) memcpy(to + t * QK_PANEL, b + t * p->columns, lanes * sizeof *to);
  }
}

/// Adds the sums of one tile, `[rows, columns]`, to c.
static void add(const qk_gradient *p, size_t row, size_t rows, size_t column, size_t columns, const float *sums) {
  const size_t along = p->turned ? 1 : p->columns, across = p->turned ? p->few : 1;
  for (size_t i = 0; i < rows; i++)
    for (size_t k = 0; k < columns; k++) {
      float *c = p->c + (row + i) * along + (column + k) * across;
      *c = *c + p->scale * sums[i * block_columns + k];
    }
}

void qk_gradient_run(const qk_gradient *p, size_t chunk) {
  _Alignas(64) float panels[block_columns * QK_PART], turned[most_few * QK_PART];
  _Alignas(64) float sums[QK_TILE * block_columns];
  const qk_kernels *kernels = qk_kernels_for(p->set);
  const bool pairs = kernels->pair[qk_f32];
  qk_tile *tile = pairs ? kernels->pair[qk_f32] : kernels->tile[qk_f32];
  const size_t width = pairs ? 2 * QK_PANEL : QK_PANEL;
  const size_t from = chunk * chunk_columns, end = from + at_most(p->columns - from, chunk_columns);
  for (size_t first = 0; first < p->tokens; first += QK_PART) {
    const size_t tokens = at_most(p->tokens - first, QK_PART);
    for (size_t row = 0; row < p->few; row += most_few) {
      const size_t few = at_most(p->few - row, most_few);
      turn(p, first, tokens, row, few, turned);
      for (size_t k = from; k < end; k += block_columns) {
        const size_t columns = at_most(end - k, block_columns);
        lay_out(p, first, tokens, k, columns, panels);
        if (pairs && columns % width > 0 && columns % width <= QK_PANEL)
          memset(panels + divide_up(columns, QK_PANEL) * QK_PANEL * tokens, 0, tokens * QK_PANEL * sizeof *panels);
        for (size_t i = 0; i < few; i += QK_TILE) {
          const size_t rows = at_most(few - i, QK_TILE);
          for (size_t l = 0; l < columns; l += width) {
            qk_output out = {.y = sums + l, .stride = block_columns, .rows = width, .scale = 1, .adding = false};
            tile(tokens, panels + l * tokens, rows, turned + i * QK_PART, QK_PART, &out);
          }
          add(p, row + i, rows, k, columns, sums);
        }
      }
    }
  }
}
