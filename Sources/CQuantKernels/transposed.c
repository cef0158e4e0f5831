// The transposed product, cut by shape: 64 inputs by some 256 tokens a chunk.
//
// Weights become floats 256 rows at a time, in panels whose lanes are inputs, on the stack; then
// the float tile multiplies them. A panel (16 KiB) and the tile of dy that it meets (8 KiB) fit a
// core's first-level cache, and the part of dy that all panels of a chunk meet fits the second. It
// does only as one piece: the rows of a wide dy often lie a power of two apart and would share a
// few cache sets.
//
// In bfloat16 two rows lie in a lane, and a chunk takes twice the tokens.
#include <string.h>

#include "bf16.h"
#include "half.h"
#include "kernels.h"

enum { chunk_inputs = 64 };

/// Even shares of up to one and a half times as many tokens: a chunk of the few that are left over would
/// turn all weights into floats for them.
static size_t chunk_tokens(const qk_transposed *p) {
  const size_t some = p->bf16 ? 512 : 256;
  const size_t chunks = at_least((p->tokens + some / 2) / some, 1);
  return at_least(divide_up(divide_up(p->tokens, chunks), QK_TILE), 1) * QK_TILE;
}

/// Rows of a part, even ones in bfloat16.
static size_t depth_of(const qk_transposed *p, size_t row) {
  const size_t rows = at_most(p->rows - row, QK_PART);
  return p->bf16 ? (rows + 1) / 2 * 2 : rows;
}

size_t qk_transposed_width(size_t rows) { return (rows + 1) / 2 * 2; }

size_t qk_transposed_parts(const qk_transposed *p) { return divide_up(p->rows, QK_PART); }

void qk_transposed_split(const qk_transposed *p, size_t part) {
  const size_t row = part * QK_PART, rows = at_most(p->rows - row, QK_PART);
  const size_t depth = depth_of(p, row);
  const qk_pair_kernels *native = p->bf16 ? qk_pair_kernels_for(p->set) : NULL;
  for (size_t t = 0; t < p->tokens; t++) {
    const float *from = p->dy + t * p->rows + row;
    if (native) {
      uint32_t *to = (uint32_t *)p->parts + (row * p->tokens + t * depth) / 2;
      native->round_row(rows, from, to);
    } else if (p->bf16) {
      qk_kernels_for(p->set)->round_row(rows, from, p->parts + row * p->tokens + t * depth);
    } else {
      memcpy(p->parts + row * p->tokens + t * depth, from, rows * sizeof *from);
    }
  }
}

size_t qk_transposed_chunks(const qk_transposed *p) {
  return divide_up(p->columns, chunk_inputs) * divide_up(p->tokens, chunk_tokens(p));
}

/// The lines of the next part's weights, to be fetched meanwhile: each panel has so few of a chunk's
/// inputs in a row that the processor sees no pattern.
typedef struct {
  const char *start;                 ///< in the first panel; records that blocks share begin before it
  size_t panel_bytes, lines, count;  ///< of a panel's piece, and of all
  size_t panel, line;                ///< next
} pieces;

static pieces pieces_of(const qk_transposed *p, size_t row, size_t first_input, size_t inputs) {
  if (row >= p->rows || !qk_is_quantized(p->format)) return (pieces){0};
  const size_t bytes = qk_panel_bytes(p->format, p->columns), block = bytes / (p->columns / QK_BLOCK);
  const size_t lines = divide_up(block * divide_up(inputs, QK_BLOCK), 64) + 1;
  return (pieces){
    .start = (const char *)p->panels + row / QK_PANEL * bytes + first_input / QK_BLOCK * block,
    .panel_bytes = bytes, .lines = lines,
    .count = lines * divide_up(at_most(p->rows - row, QK_PART), QK_PANEL),
  };
}

static void fetch(pieces *p, size_t lines) {
  for (; lines > 0 && p->count > 0; lines--, p->count--) {
    __builtin_prefetch(p->start + p->panel * p->panel_bytes + p->line * 64, 0, 2);
    if (++p->line == p->lines) p->line = 0, p->panel++;
  }
}

/// `inputs` inputs, up to chunk_inputs, by tokens `first_token ..< end_token`.
static void run_part(
    const qk_transposed *p, size_t first_input, size_t inputs, size_t first_token, size_t end_token) {
  _Alignas(64) float part[chunk_inputs * QK_PART];
  const qk_kernels *kernels = qk_kernels_for(p->set);
  const qk_pair_kernels *native = p->bf16 ? qk_pair_kernels_for(p->set) : NULL;
  const size_t bytes = qk_panel_bytes(p->format, p->columns);
  for (size_t row = 0; row < p->rows; row += QK_PART) {
    const size_t rows = at_most(p->rows - row, QK_PART), depth = depth_of(p, row);
    const size_t height = divide_up(rows, QK_PANEL) * QK_PANEL;
    for (size_t r = 0; r < rows; r += QK_PANEL)
      kernels->unpack_panel(
          p->format, (const char *)p->panels + (row + r) / QK_PANEL * bytes, first_input, inputs,
          part + r * QK_PANEL, height);
    const size_t groups = divide_up(inputs, QK_PANEL);
    if (native) native->pair_rows(groups * height / 2, part);
    else if (p->bf16) kernels->round_rows(groups * height, part);
    // Two panels are neighbours to the tile only where no row fills up.
    const bool pairs = (native || kernels->pair[qk_f32]) && depth == height && p->columns % 32 == 0;
    qk_tile *tile = native ? (pairs ? native->pair : native->tile)
                           : (pairs ? kernels->pair[qk_f32] : kernels->tile[qk_f32]);
    const size_t width = pairs ? 2 * QK_PANEL : QK_PANEL, words = native ? 2 : 1;
    pieces next = pieces_of(p, row + QK_PART, first_input, inputs);
    const size_t calls = divide_up(inputs, width) * divide_up(end_token - first_token, QK_TILE);
    const size_t lines = divide_up(next.count, calls);
    for (size_t i = 0; i < inputs; i += width)
      for (size_t t = first_token; t < end_token; t += QK_TILE) {
        fetch(&next, lines);
        qk_output out = {
          .y = p->dx + t * p->columns + first_input + i, .stride = p->columns,
          .rows = at_most(inputs - i, width), .scale = p->scale,
          .adding = p->adding || row > 0,
        };
        tile(
            depth / words, part + i * (height / words), at_most(end_token - t, QK_TILE),
            p->parts + (row * p->tokens + t * depth) / words, depth / words, &out);
      }
  }
}

void qk_transposed_run(const qk_transposed *product, size_t chunk) {
  const size_t across = divide_up(product->columns, chunk_inputs), tokens = chunk_tokens(product);
  const size_t input = chunk % across * chunk_inputs, token = chunk / across * tokens;
  const size_t inputs = at_most(product->columns - input, chunk_inputs);
  const size_t end = token + at_most(product->tokens - token, tokens);
  for (const qk_transposed *p = product; p; p = p->then) run_part(p, input, inputs, token, end);
}
