// Products of packed weight matrices with rows of floats, and the threads they run on.
//
// Weights `[rows, columns]` are packed once into panels of 16 rows: a vector register's lanes are
// the rows of a panel, so no sum ever crosses lanes. The last panel is filled up with rows of
// zeros.
//
// The contract of y[t][r] = sum over k of w[r][k] * x[t][k], in every tile, on every instruction
// set:
//
//     floats      acc = fmaf(w[k], x[k], acc), k ascending
//     quantized   blocks of 32 ascending; acc = fmaf((float)isum, wscale * xscale, acc), then, where
//                 the format has minima, acc = fmaf(wmin, xsum, acc)
//     K formats   records of 256 ascending; part = (float)iscaled * wscale, then, where the format has
//                 minima, part = fmaf((float)imin, wmin, part); and acc = fmaf(part, xscale, acc)
//     the result  y = scale * acc,  or when adding  y = fmaf(scale, acc, y)
//
// where acc starts at 0. A quantized weight is wscale * q, or wscale * q + wmin, q being a small
// integer; isum is the exact integer sum of a block's q times the quants of x, and xsum is xscale times the
// sum of the block's quants, rounded once. A K format's record has one wscale and one wmin, and bytes that
// multiply them for each group: a block, or in some formats half of one. Its 256 inputs share one xscale, as
// in llama.cpp, so all its sums are of integers: iscaled is the exact sum over the groups of the scale's byte
// times the sum of q times the quants, below 2^27, and imin that of the minimum's byte times the sum of
// the quants. Halves and bfloat16 become floats exactly. An output's bits depend on its row of weights and its
// row of x alone.
//
// No function here allocates, reads a file or fails. Shapes are trusted: the caller has checked
// them.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qk_steps.h"
#include "qk_training.h"

/// Rows of a panel; lanes of a vector of floats.
#define QK_PANEL 16
/// Inputs that share a scale in the quantized formats.
#define QK_BLOCK 32
/// Rows of x that a tile takes at most.
#define QK_TILE 8
/// Rows of x that a call of a kernel takes at most: tiles in order.
#define QK_MANY 64
/// Rows of w that the transposed product takes together.
#define QK_PART 256

typedef enum {
  qk_f32, qk_f16, qk_bf16,
  qk_q8_0, qk_q4_0, qk_q4_1, qk_q5_0, qk_q5_1, qk_iq4_nl,
  qk_q2_k, qk_q3_k, qk_q4_k, qk_q5_k, qk_q6_k, qk_iq4_xs,
  qk_format_count
} qk_format;

/// Whether products take x in quantized blocks; the float formats come first.
static inline bool qk_is_quantized(qk_format format) { return format > qk_bf16; }

typedef enum { qk_scalar, qk_avx2, qk_avx512bw, qk_avxvnni, qk_avx512, qk_neon } qk_instruction_set;

/// Whether this machine runs an instruction set.
bool qk_available(qk_instruction_set set);

/// What products multiply and add.
typedef enum { qk_int8_operations, qk_bf16_operations, qk_f32_operations } qk_operations;
enum { qk_operations_count = qk_f32_operations + 1 };

// ---- Weights ------------------------------------------------------------------------------------
// A panel of a float format is `[columns, QK_PANEL]` values. One of a quantized format is records
// of 32 inputs, or of 256 in the K formats, of which IQ4_XS is one:
//
//     scale[16]           a half for each row
//     minimum[16]         a half, where the format has minima; as it is added, so minus a K block's
//     for each block of 32 inputs:
//       scales[groups][16]    K formats: a signed byte that is multiplied by the row's scale
//       minima[groups][16]    K formats with minima: a byte that is multiplied by its minimum
//       high[bits][64]        the high bits of q + offset, or of the number of a code,
//       low[bits][64]         and those below them
//
// Lines of 64 bytes have four for each row. With n bits of each value, input 4 * i + c of row r is
// in byte 4 * r + c of line i % n, from bit n * (i / n) on. Kernels read a block from its start to
// its end: out of that order, the processor fetched it from memory at half the rate.
//
//             inputs  groups  minima  low + high bits  offset  bytes of 256 inputs: file, panel
//     Q8_0        32       1      no            8 + 0     128   272   272
//     Q4_0        32       1      no            4 + 0       8   144   144
//     Q4_1        32       1     yes            4 + 0       0   160   160
//     Q5_0        32       1      no            4 + 1      16   176   176
//     Q5_1        32       1     yes            4 + 1       0   192   192
//     IQ4_NL      32       1      no            4 + 0    code   144   144
//     Q2_K       256       2     yes            2 + 0       0    84   100
//     Q3_K       256       2      no            2 + 1       4   110   114
//     Q4_K       256       1     yes            4 + 0       0   144   148
//     Q5_K       256       1     yes            4 + 1       0   176   180
//     Q6_K       256       2      no            4 + 2      32   210   210
//     IQ4_XS     256       1      no            4 + 0    code   136   138

/// Bytes of one row as a GGUF file has it.
size_t qk_row_bytes(qk_format format, size_t columns);

/// Bytes of one panel.
size_t qk_panel_bytes(qk_format format, size_t columns);

/// Packs `panel_count` panels from `first_panel` on. `source` is the whole matrix as a GGUF file
/// has it, row by row; `panels` is where panel 0 goes, zeros at first: rows that fill up the last
/// panel are not written.
void qk_pack(
    qk_format format, size_t rows, size_t columns, const void *source, size_t first_panel,
    size_t panel_count, void *panels);

/// Writes a row as floats to `out[columns]`; exact.
void qk_unpack_row(qk_format format, size_t columns, const void *panels, size_t row, float *out);

// ---- Inputs -------------------------------------------------------------------------------------

/// 32 inputs of one row: x is about quants * scale, scale = max |x| / 127 over the blocks that share it,
/// quants in -127...127. The starts cancel the offsets of the weights: minus the offset times the sum of
/// the quants. A word of two sums has the first in its low half.
typedef struct {
  int8_t quants[QK_BLOCK];
  float scale;
  float sum;          ///< scale * (float)(sum of the quants)
  int32_t sums;       ///< of the quants of this block and of the next one that shares the scale, or 0
  int32_t half_sums;  ///< of the quants of either half
  int32_t start_8;
  int32_t start_128;
  int32_t start_32[2];  ///< of each half
} qk_input_block;

_Static_assert(sizeof(qk_input_block) == 64, "a block fills a cache line");

/// Blocks of x that share a scale for a quantized format: 1, or the 8 of a K format's record.
size_t qk_input_run(qk_format format);

/// Quantizes up to QK_TILE rows of x, `stride` floats apart, into a tile `[blocks, rows]`, each `run` blocks
/// with one scale.
///
/// quants = round half to even of x * (127 / max |x|). A run whose largest |x| is below 2^-100
/// counts as zeros; one with a value that is not finite gets the scale NaN, so that its outputs are
/// NaN.
void qk_quantize_tile(
    qk_instruction_set set, size_t run, size_t blocks, size_t rows, const float *x, size_t stride,
    qk_input_block *tile);

// ---- Products -----------------------------------------------------------------------------------

/// y (+)= scale * x * transpose(w), then the same of the products after it.
typedef struct qk_product {
  qk_instruction_set set;
  qk_format format;
  size_t rows;         ///< of w, and columns of y
  size_t columns;      ///< of w and x
  const void *panels;  ///< w, packed
  size_t tokens;       ///< rows of x and y
  const void *x;       ///< float `[tokens, columns]`; for a quantized format its tiles in order
  float *y;            ///< `[tokens, rows]`
  float scale;
  bool adding;
  /// Another onto the same y, or NULL: each chunk of y gets it while it is at hand.
  const struct qk_product *then;
} qk_product;

/// The chunks that a product is cut into, by its shape alone; they may run in any order, at once.
size_t qk_product_chunks(const qk_product *product);
void qk_product_run(const qk_product *product, size_t chunk);

/// dx (+)= dy * w, what flows back through a product: dx[t][k] = sum over r of dy[t][r] * w[r][k].
///
/// Each QK_PART rows make a part, acc = fmaf(w[r], dy[r], acc) with r ascending from acc = 0,
/// whatever the format; dx is the parts' sum in order, y = scale * part or fmaf(scale, part, y).
///
/// In bfloat16, w and dy are rounded to it first (to nearest, ties to even; subnormals become 0),
/// and r goes 1, 0, 3, 2, ...: the order in which processors that multiply bfloat16 pairs add them up.
///
/// In int8, a part's factors are small integers, q = round half to even of x * (top / max |x|): top is 127
/// for a row of dy and 63 for a column of w, whose products in pairs fit 16 bits. acc = (float)isum *
/// (wscale * dyscale), isum being the exact sum of the products of the q and a scale max |x| / top. A maximum
/// below 2^-100 counts as 0, with a scale of 0; a row of dy with a value that is not finite has the scale NaN.
typedef struct qk_transposed {
  qk_instruction_set set;
  qk_format format;
  qk_operations operations;
  size_t rows;         ///< of w, and columns of dy
  size_t columns;      ///< of w and dx
  const void *panels;  ///< w, packed
  size_t tokens;       ///< rows of dy and dx
  const float *dy;     ///< `[tokens, rows]`
  float *parts;        ///< room for `tokens * qk_transposed_width(rows)` floats
  float *dx;           ///< `[tokens, columns]`
  float scale;
  bool adding;
  /// Another onto the same dx, or NULL, as in a product.
  const struct qk_transposed *then;
} qk_transposed;

/// Floats that a row of dy takes in `parts`.
size_t qk_transposed_width(size_t rows);

/// Lays dy out for the chunks, which come after; parts of dy in any order, at once.
size_t qk_transposed_parts(const qk_transposed *product);
void qk_transposed_split(const qk_transposed *product, size_t part);

/// As for a product: cut by shape alone, chunks in any order.
size_t qk_transposed_chunks(const qk_transposed *product);
void qk_transposed_run(const qk_transposed *product, size_t chunk);

/// c (+)= scale * transpose(a) * b, the gradient of a weight: c[i][k] = sum over t of a[t][i] * b[t][k].
///
/// Each QK_PART tokens make a part, acc = fmaf(b[t][k], a[t][i], acc) with t ascending from acc = 0;
/// part by part c = c + scale * acc.
typedef struct {
  qk_instruction_set set;
  size_t tokens;     ///< rows of a and b
  size_t few;        ///< columns of a
  size_t columns;    ///< of b
  const float *a;    ///< `[tokens, few]`
  const float *b;    ///< `[tokens, columns]`
  float *c;          ///< `[few, columns]`, or `[columns, few]` when `turned`
  bool turned;
  float scale;
} qk_gradient;

/// As for a product: cut by shape alone, chunks in any order.
size_t qk_gradient_chunks(const qk_gradient *product);
void qk_gradient_run(const qk_gradient *product, size_t chunk);

/// The backward pass of causal attention for the query heads of one key/value head and consecutive
/// positions of one sequence. For each query head, with P the softmax of scale * Q * transpose(K) over
/// the positions seen:
///
///     dV += transpose(P) * dO    dP = dO * transpose(V)    dS = scale * P o (dP - rowsum(P o dP))
///     dQ = dS * K                dK += transpose(dS) * Q
///
/// P is made again from queries and keys, 64 queries at a time, so no score outlives its tile (Dao et
/// al. 2022, "FlashAttention", section 3.1). Heads, tiles and blocks of 64 positions come in order.
typedef struct {
  qk_instruction_set set;
  /// qk_training
  void (*softmax_backward)(size_t valid, size_t n, float scale, float *scores, float *dp);
  size_t head_size;
  size_t heads;      ///< query heads of the key/value head
  size_t rows;       ///< queries
  size_t seen;       ///< positions up to the last query's own
  size_t stride;     ///< floats from a row of queries, dy and d_queries to the next
  size_t kv_stride;  ///< the same of keys, values and their gradients
  const float *queries;  ///< `[rows, stride]`, of which the first `[heads, head_size]` count, rotated
  const float *dy;       ///< the gradient at the output, alike
  const float *keys;     ///< `[seen, kv_stride]`, of which the first head_size count, rotated
  const float *values;
  float scale;
  float *d_queries;      ///< written
  float *d_keys;         ///< added to
  float *d_values;
  float *scratch;        ///< room for `qk_attention_backward_room(head_size, seen)` floats
} qk_attention_backward;

size_t qk_attention_backward_room(size_t head_size, size_t seen);
void qk_attention_backward_run(const qk_attention_backward *attention);

// ---- Limits of the machine ----------------------------------------------------------------------

/// Does nothing but the multiply-adds of an instruction set, for `rounds` rounds; returns how many
/// operations that were, a multiply-add counting two; 0 where there is no instruction, as in scalar code.
size_t qk_spin(qk_instruction_set set, qk_operations kind, size_t rounds);

/// Reads memory and does nothing else with it; returns the sum of its words.
uint64_t qk_read(qk_instruction_set set, const void *from, size_t bytes);

// ---- Threads ------------------------------------------------------------------------------------

/// Runs body(context, i) once for each i in 0 ..< chunks, on up to `threads` threads; the caller is
/// one. Called inside a body it runs on that body's thread, and so it does while another thread's
/// region is running.
void qk_parallel(size_t chunks, unsigned threads, void *context, void (*body)(void *, size_t));

/// Writes the numbers of the processors that this process may use, at most `capacity`; returns how
/// many, 0 where the system does not say.
size_t qk_allowed_processors(int32_t *numbers, size_t capacity);
