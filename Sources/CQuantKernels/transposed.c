// The transposed product, cut by shape: 64 inputs by some 256 tokens a chunk.
//
// Weights become floats 256 rows at a time, in panels whose lanes are inputs, on the stack, then the words that are
// multiplied (qk_factors). A panel (16 KiB of floats) and the tile of dy that it meets (8 KiB) fit a
// core's first-level cache, and the part of dy that all panels of a chunk meets fits the second. It
// does only as one piece: the rows of a wide dy often lie a power of two apart and would share a
// few cache sets. For the same reason a chunk's sums lie in one piece, too, until all parts are in them.
//
// Where a word has several rows, a chunk takes twice the tokens.
#include <string.h>

#include "kernels.h"

enum {
  chunk_inputs = 64,
  most_tokens = 768,  // of a chunk
};

static const qk_factors *factors_of(const qk_transposed *p) {
  const qk_factors *pairs = p->operations == qk_bf16_operations ? qk_pair_factors(p->set) : NULL;
  return pairs ? pairs : &qk_kernels_for(p->set)->factors[p->operations];
}

/// Even shares of up to one and a half times as many tokens: a chunk of the few that are left over would
/// turn all weights into floats for them.
static size_t chunk_tokens(const qk_transposed *p) {
  const size_t some = p->operations == qk_f32_operations ? 256 : 512;
  const size_t chunks = at_least((p->tokens + some / 2) / some, 1);
  return at_least(divide_up(divide_up(p->tokens, chunks), QK_TILE), 1) * QK_TILE;
}

/// Rows of the part that begins with `row`, those that fill up its last panel included: zeros.
static size_t depth_of(const qk_transposed *p, size_t row) {
  return divide_up(at_most(p->rows - row, QK_PART), QK_PANEL) * QK_PANEL;
}

/// Words of a part's row of dy.
static size_t row_words(const qk_factors *f, size_t depth) { return depth / f->numbers + f->row_words; }

size_t qk_transposed_width(size_t rows) { return divide_up(rows, QK_PANEL) * QK_PANEL; }

size_t qk_transposed_parts(const qk_transposed *p) { return divide_up(p->rows, QK_PART); }

void qk_transposed_split(const qk_transposed *p, size_t part) {
  const size_t row = part * QK_PART, rows = at_most(p->rows - row, QK_PART);
  const size_t depth = depth_of(p, row);
  const qk_factors *f = factors_of(p);
  for (size_t t = 0; t < p->tokens; t++) {
    const float *from = p->dy + t * p->rows + row;
    float *to = p->parts + row * p->tokens + t * row_words(f, depth);
    if (f->lay_row) {
      f->lay_row(rows, depth, from, to);
    } else {
      memcpy(to, from, rows * sizeof *from);
      memset(to + rows, 0, (depth - rows) * sizeof *from);
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

/// Adds `inputs` inputs, up to chunk_inputs, by tokens `first_token ..< end_token` to `sums[tokens, chunk_inputs]`.
static void run_part(
    const qk_transposed *p, size_t first_input, size_t inputs, size_t first_token, size_t end_token,
    float *sums) {
  _Alignas(64) float part[chunk_inputs * QK_PART];
  const qk_kernels *kernels = qk_kernels_for(p->set);
  const qk_factors *f = factors_of(p);
  const size_t bytes = qk_panel_bytes(p->format, p->columns);
  for (size_t row = 0; row < p->rows; row += QK_PART) {
    const size_t depth = depth_of(p, row);
    for (size_t r = 0; r < depth; r += QK_PANEL)
      kernels->unpack_panel(
          p->format, (const char *)p->panels + (row + r) / QK_PANEL * bytes, first_input, inputs,
          part + r * QK_PANEL, depth);
    if (f->lay_panels) f->lay_panels(divide_up(inputs, QK_PANEL), depth, part);
    const bool pairs = f->pair && inputs % (2 * QK_PANEL) == 0;
    qk_tile *tile = pairs ? f->pair : f->tile;
    const size_t width = pairs ? 2 * QK_PANEL : QK_PANEL, words = depth / f->numbers;
    pieces next = pieces_of(p, row + QK_PART, first_input, inputs);
    const size_t calls = divide_up(inputs, width) * divide_up(end_token - first_token, QK_TILE);
    const size_t lines = divide_up(next.count, calls);
    for (size_t i = 0; i < inputs; i += width)
      for (size_t t = first_token; t < end_token; t += QK_TILE) {
        fetch(&next, lines);
        qk_output out = {
          .y = sums + (t - first_token) * chunk_inputs + i, .stride = chunk_inputs,
          .rows = at_most(inputs - i, width), .scale = p->scale,
          .adding = p->adding || row > 0,
        };
        tile(
            words, part + i * (words + f->panel_words), at_most(end_token - t, QK_TILE),
            p->parts + row * p->tokens + t * row_words(f, depth), row_words(f, depth), &out);
      }
  }
}

void qk_transposed_run(const qk_transposed *product, size_t chunk) {
  _Alignas(64) float sums[most_tokens * chunk_inputs];
  const size_t across = divide_up(product->columns, chunk_inputs), tokens = chunk_tokens(product);
  const size_t input = chunk % across * chunk_inputs, token = chunk / across * tokens;
  const size_t inputs = at_most(product->columns - input, chunk_inputs), bytes = inputs * sizeof *sums;
  const size_t count = at_most(product->tokens - token, tokens);
  float *dx = product->dx + token * product->columns + input;
  for (size_t t = 0; product->adding && t < count; t++)
    memcpy(sums + t * chunk_inputs, dx + t * product->columns, bytes);
  for (const qk_transposed *p = product; p; p = p->then) run_part(p, input, inputs, token, token + count, sums);
  for (size_t t = 0; t < count; t++) memcpy(dx + t * product->columns, sums + t * chunk_inputs, bytes);
}
