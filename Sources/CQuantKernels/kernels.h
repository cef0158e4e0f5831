// What the kernel files share: the shape of a tile, and one table an instruction set.
#pragma once
#include "CQuantKernels.h"

/// For functions of a format or a width that callers give as a constant.
#define inlined static inline __attribute__((always_inline))

/// A vector of the compiler's own kind, for any instruction set.
typedef uint8_t bytes_16 __attribute__((vector_size(16)));

static inline size_t divide_up(size_t a, size_t b) { return (a + b - 1) / b; }

static inline size_t at_most(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t at_least(size_t a, size_t b) { return a > b ? a : b; }

/// Where a tile's results go: y[tokens, stride], the first `rows` lanes of each.
typedef struct {
  float *y;
  size_t stride;
  size_t rows;
  float scale;
  bool adding;
  /// Memory that will be read next and may be fetched meanwhile; it does not change the result.
  const char *ahead;
  size_t ahead_bytes;
} qk_output;

/// The same from token `first` on.
inlined qk_output qk_output_from(const qk_output *out, size_t first) {
  qk_output part = *out;
  part.y += first * out->stride;
  return part;
}

/// Lines to fetch in each of so many steps.
inlined size_t qk_fetch_lines(const qk_output *out, size_t steps) {
  return divide_up(out->ahead_bytes, 64 * at_least(steps, 1));
}

/// The product of one panel and `tokens` rows of x, 1 to QK_TILE of them, or up to QK_MANY from
/// `sharing_tokens` on.
///
/// For a float format x is `[tokens, stride]` floats of which the first `columns` count; for a
/// quantized one tiles `[columns / QK_BLOCK, rows]` of qk_input_block in order, without a stride.
typedef void qk_tile(
    size_t columns, const void *panel, size_t tokens, const void *x, size_t stride,
    const qk_output *out);

/// Panels that a qk_many takes at most.
#define QK_MANY_PANELS 16

/// The product of up to QK_MANY_PANELS neighbouring panels of a quantized format and up to QK_MANY rows of x; what a
/// qk_tile of each panel returns.
typedef void qk_many(
    size_t columns, size_t panel_count, const void *panels, size_t tokens, const void *x,
    const qk_output *out);

/// Rows of x from which products take two panels at a time: an input is loaded once for both.
#define QK_PAIR_TOKENS 4

/// Makes a qk_tile of an inlined function whose first parameters are the format and the number of
/// tokens: compiled for each number, it keeps its running sums in registers.
#define QK_FOR_TOKENS(format, tile, name)                                                     \
  static void name(                                                                           \
      size_t columns, const void *panel, size_t tokens, const void *x, size_t stride,         \
      const qk_output *out) {                                                                 \
    switch (tokens) {                                                                         \
      case 1: tile(qk_##format, 1, columns, panel, x, stride, out); break;                    \
      case 2: tile(qk_##format, 2, columns, panel, x, stride, out); break;                    \
      case 3: tile(qk_##format, 3, columns, panel, x, stride, out); break;                    \
      case 4: tile(qk_##format, 4, columns, panel, x, stride, out); break;                    \
      case 5: tile(qk_##format, 5, columns, panel, x, stride, out); break;                    \
      case 6: tile(qk_##format, 6, columns, panel, x, stride, out); break;                    \
      case 7: tile(qk_##format, 7, columns, panel, x, stride, out); break;                    \
      case 8: tile(qk_##format, 8, columns, panel, x, stride, out); break;                    \
    }                                                                                         \
  }

/// `entry(name)` for each float format and for each quantized one.
#define QK_FLOATS(entry) entry(f32) entry(f16) entry(bf16)
#define QK_QUANTIZED(entry)                                                                   \
  entry(q8_0) entry(q4_0) entry(q4_1) entry(q5_0) entry(q5_1) entry(iq4_nl)                   \
  entry(q2_k) entry(q3_k) entry(q4_k) entry(q5_k) entry(q6_k) entry(iq4_xs)

/// `entry(name)` for each whose values are stored in two parts.
#define QK_HIGH(entry) entry(q5_0) entry(q5_1) entry(q3_k) entry(q5_k) entry(q6_k)

/// A table's factors; bfloat16 is rounded floats.
#define QK_FACTORS(one, two, one_of_bytes, two_of_bytes)                                      \
  {                                                                                           \
    [qk_f32_operations] = {.numbers = 1, .tile = one, .pair = two},                           \
    [qk_bf16_operations] = {                                                                  \
      .numbers = 1, .lay_row = round_row, .lay_panels = round_panels, .tile = one, .pair = two, \
    },                                                                                        \
    [qk_int8_operations] = {                                                                  \
      .numbers = 4, .row_words = 2, .panel_words = 1, .lay_row = byte_row,                    \
      .lay_panels = byte_panels, .tile = one_of_bytes, .pair = two_of_bytes,                  \
    },                                                                                        \
  }

/// Entries of a table of tiles.
#define QK_TILE_ENTRY(format) [qk_##format] = tile_##format,
#define QK_PAIR_ENTRY(format) [qk_##format] = pair_##format,
#define QK_MANY_ENTRY(format) [qk_##format] = many_##format,

/// How a part of the transposed product has its factors, words of one number or several, and what multiplies them:
/// a tile whose columns, and stride, are words.
typedef struct {
  size_t numbers;                 ///< of a word
  size_t row_words, panel_words;  ///< that a row of dy, and a lane of a panel, have besides
  /// n floats, up to QK_PART, and zeros up to `depth` to a row; NULL where words are floats.
  void (*lay_row)(size_t n, size_t depth, const float *from, void *row);
  /// `count` panels of `depth` rows of 16 floats to as many of words, in place; NULL where words are floats.
  void (*lay_panels)(size_t count, size_t depth, float *panels);
  /// For one panel and for two neighbours, which may be NULL.
  qk_tile *tile, *pair;
} qk_factors;

/// The factors of bfloat16 pairs for processors that multiply them, or NULL.
const qk_factors *qk_pair_factors(qk_instruction_set set);

typedef struct {
  qk_tile *tile[qk_format_count];
  /// The same for two neighbouring panels, whose rows `out->rows` counts together; NULL where that
  /// is no faster.
  qk_tile *pair[qk_format_count];
  /// For as many rows of x as want all at once, in place of tiles; NULL where that is no faster.
  qk_many *many[qk_format_count];
  /// Rows of x from which on a quantized format's tiles want as many as there are, SIZE_MAX for never;
  /// NULL where none does.
  size_t (*sharing_tokens)(qk_format format);
  /// quantize.h
  void (*quantize_tile)(
      size_t run, size_t blocks, size_t rows, const float *x, size_t stride, qk_input_block *tile);
  /// unpack.h
  void (*unpack_panel)(
      qk_format format, const void *panel, size_t first, size_t count, float *out, size_t height);
  qk_factors factors[qk_operations_count];
  /// turn.h
  void (*turn)(
      size_t rows, size_t columns, const float *from, size_t stride, float *to, size_t to_stride);
} qk_kernels;

extern const qk_kernels qk_kernels_scalar;
#if defined(__x86_64__)
extern const qk_kernels qk_kernels_avx2;
extern const qk_kernels qk_kernels_avx512bw;
extern const qk_kernels qk_kernels_avxvnni;
extern const qk_kernels qk_kernels_avx512;
#elif defined(__aarch64__)
extern const qk_kernels qk_kernels_neon;
#endif

const qk_kernels *qk_kernels_for(qk_instruction_set set);
