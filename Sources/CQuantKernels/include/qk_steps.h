// Element-wise steps and attention of a transformer layer, on rows of floats.
//
// Each row is computed alone and in one fixed order, so that its bits do not depend on its neighbours,
// on threads or on the instruction set: sums run in 16 lanes (element i adds into lane i % 16) that are
// joined as a tree, and where a fused multiply-add is meant the source says fmaf.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// Positions that share one page of the key/value store.
#define QK_PAGE 16
/// Positions that one step of the online softmax takes together; a multiple of QK_PAGE.
#define QK_ATTENTION_BLOCK 64
/// The largest head size that attention takes.
#define QK_MAX_HEAD_SIZE 256

/// Numbers of a head that share a scale in a quantized store.
#define QK_STORE_BLOCK 32

/// What keys and values are stored as; what is computed with them is always floats, which all of
/// these become exactly. A number of Q8_0 is a signed byte times its block's half.
typedef enum { qk_store_f32, qk_store_f16, qk_store_q8_0 } qk_store_type;

/// Bytes of the keys, or the values, of one head in one page. Q8_0 takes head sizes that are
/// multiples of QK_STORE_BLOCK.
static inline size_t qk_store_head_bytes(qk_store_type type, size_t head_size) {
  const size_t numbers = QK_PAGE * head_size;
  switch (type) {
    case qk_store_f32: return 4 * numbers;
    case qk_store_f16: return 2 * numbers;
    case qk_store_q8_0: return numbers + 2 * numbers / QK_STORE_BLOCK;
  }
  return 0;
}

/// One layer's keys and values, page by page; for each page and key/value head
/// `[head_size, QK_PAGE]` keys, then `[QK_PAGE, head_size]` values. Before those of Q8_0 stand their
/// scales, `[head_size / QK_STORE_BLOCK, QK_PAGE]` halves for keys and values alike.
typedef struct {
  void *pages;
  qk_store_type key_type;
  qk_store_type value_type;
  size_t kv_heads;
  size_t head_size;
} qk_store_layer;

typedef struct {
  /// y[n] = x[n] / sqrt(mean(x^2) + epsilon) * weight[n]
  void (*rms_norm)(size_t n, const float *x, const float *weight, float epsilon, float *y);
  /// y[n] += x[n]
  void (*add)(size_t n, const float *x, float *y);
  /// y[n] = silu(gate[n]) * up[n]
  void (*swiglu)(size_t n, const float *gate, const float *up, float *y);
  /// Turns the pairs (2i, 2i+1) of each head by the angles whose cosines and sines are given, in place;
  /// `x[heads, head_size]`, `cosine[pairs]`, `sine[pairs]`; sign -1 turns back.
  void (*rotate)(size_t heads, size_t head_size, size_t pairs, const float *cosine, const float *sine,
                 float sign, float *x);
  /// Attention of positions of one or more sequences for the query heads of one key/value head:
  /// `q[rows, stride]` and `out[rows, stride]`, of which the first `[group, head_size]` count;
  /// row r sees the first `counts[r]` positions, whose page numbers are in `pages` from `starts[r]` on.
  /// Neighbours of one sequence, or whose first pages are the same, cost less.
  void (*attend)(const qk_store_layer *store, size_t kv_head, size_t group, size_t rows,
                 const float *q, size_t stride, const int32_t *pages, const size_t *starts,
                 const size_t *counts, float scale, float *out);
  /// The largest of x[n]; n > 0.
  float (*maximum)(size_t n, const float *x);
  /// sum of exp(x[n] - shift); where y is given, y[n] gets the terms.
  float (*exp_sum)(size_t n, const float *x, float shift, float *y);
} qk_steps;

/// The steps for an instruction set; the reference serves where there is no faster twin.
const qk_steps *qk_steps_scalar(void);
const qk_steps *qk_steps_avx2(void);
const qk_steps *qk_steps_avx512(void);

/// Stores the rotated key and the value of one position: `key[kv_heads, head_size]`, `value` alike,
/// rounded half to even. The scale of a block of Q8_0 is max |x| / 127, NaN where a number is not
/// finite, and rounded to a half after the bytes were made with it.
void qk_store_write(const qk_store_layer *store, int32_t page, size_t lane, const float *key,
                    const float *value);
