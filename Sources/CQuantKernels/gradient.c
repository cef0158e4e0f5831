// The gradient of a skinny weight, cut by shape: 256 columns of b by all of a's a chunk.
//
// 64 columns of up to 256 tokens of b are laid out as panels whose lanes are columns, on the stack,
// and the float tile multiplies them by rows of the transposed a.
#include "float_panels.h"

enum { chunk_columns = 256, block_columns = 64, most_few = 128 };

size_t qk_gradient_chunks(const qk_gradient *p) { return divide_up(p->columns, chunk_columns); }

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
  const size_t from = chunk * chunk_columns, end = from + at_most(p->columns - from, chunk_columns);
  for (size_t first = 0; first < p->tokens; first += QK_PART) {
    const size_t tokens = at_most(p->tokens - first, QK_PART);
    for (size_t row = 0; row < p->few; row += most_few) {
      const size_t few = at_most(p->few - row, most_few);
      kernels->turn(tokens, few, p->a + first * p->few + row, p->few, turned, QK_PART);
      for (size_t k = from; k < end; k += block_columns) {
        const size_t columns = at_most(end - k, block_columns);
        lay_out_columns(p->b + first * p->columns + k, p->columns, tokens, columns, panels);
        for (size_t i = 0; i < few; i += QK_TILE) {
          const size_t rows = at_most(few - i, QK_TILE);
          const qk_output out = {.y = sums, .stride = block_columns, .rows = columns, .scale = 1};
          multiply_panels(kernels, rows, tokens, panels, turned + i * QK_PART, QK_PART, &out);
          add(p, row + i, rows, k, columns, sums);
        }
      }
    }
  }
}
