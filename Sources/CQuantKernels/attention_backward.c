// Attention's backward pass (contract: qk_attention_backward), 64 queries by the keys that they see at
// a time. Every product goes through the float tile, so its bits are those of any instruction set.
#include "float_panels.h"

enum { block = 64 };  // queries of a tile; and positions whose panels lie together

static size_t padded(size_t n, size_t unit) { return divide_up(n, unit) * unit; }

/// Where in the scratch things lie, in floats from its start.
typedef struct {
  size_t keys_across, values_across;  ///< panels whose lanes are positions
  size_t keys_along;                  ///< a block's panels whose lanes are numbers of the head, block by block
  size_t queries, dy;                 ///< a tile's panels, whose lanes are numbers of the head
  size_t scores, d_scores;            ///< `[block, width]`
  size_t turned;                      ///< `[block positions, block queries]`
  size_t width, end;
} room;

static room room_of(size_t head_size, size_t seen) {
  const size_t across = padded(seen, QK_PANEL) * head_size;
  const size_t along = padded(head_size, QK_PANEL);
  room r = {.width = padded(seen, QK_PANEL)};
  size_t at = 0;
  r.keys_across = at, at += across;
  r.values_across = at, at += across;
  r.keys_along = at, at += along * seen;
  r.queries = at, at += along * block;
  r.dy = at, at += along * block;
  r.scores = at, at += r.width * block;
  r.d_scores = at, at += r.width * block;
  r.turned = at, at += block * block;
  r.end = at;
  return r;
}

size_t qk_attention_backward_room(size_t head_size, size_t seen) { return room_of(head_size, seen).end; }

/// Queries `first ..< first + count` of one head.
static void run_tile(const qk_attention_backward *p, const room *r, size_t head, size_t first, size_t count) {
  const qk_kernels *kernels = qk_kernels_for(p->set);
  const size_t size = p->head_size, before = p->seen - p->rows;
  const size_t at = first * p->stride + head * size;
  const float *queries = p->queries + at, *dy = p->dy + at;
  float *scratch = p->scratch, *scores = scratch + r->scores, *d_scores = scratch + r->d_scores;
  // Whole blocks of positions: those that are not seen count 0.
  const size_t seen = at_most(padded(before + first + count, block), p->seen);
  const qk_output scores_out = {.y = scores, .stride = r->width, .rows = seen, .scale = 1};
  const qk_output d_scores_out = {.y = d_scores, .stride = r->width, .rows = seen, .scale = 1};
  multiply_panels(kernels, count, size, scratch + r->keys_across, queries, p->stride, &scores_out);
  multiply_panels(kernels, count, size, scratch + r->values_across, dy, p->stride, &d_scores_out);
  for (size_t row = 0; row < count; row++)
    p->softmax_backward(
        before + first + row + 1, seen, p->scale, scores + row * r->width, d_scores + row * r->width);

  lay_out_columns(queries, p->stride, count, size, scratch + r->queries);
  lay_out_columns(dy, p->stride, count, size, scratch + r->dy);
  qk_output d_queries = {.y = p->d_queries + at, .stride = p->stride, .rows = size, .scale = 1};
  for (size_t k = 0; k < seen; k += block) {
    const size_t positions = at_most(seen - k, block);
    qk_output out = {.stride = p->kv_stride, .rows = size, .scale = 1, .adding = true};
    kernels->turn(count, positions, scores + k, r->width, scratch + r->turned, block);
    out.y = p->d_values + k * p->kv_stride;
    multiply_panels(kernels, positions, count, scratch + r->dy, scratch + r->turned, block, &out);
    kernels->turn(count, positions, d_scores + k, r->width, scratch + r->turned, block);
    out.y = p->d_keys + k * p->kv_stride;
    multiply_panels(kernels, positions, count, scratch + r->queries, scratch + r->turned, block, &out);

    d_queries.adding = k > 0;
    const float *keys = scratch + r->keys_along + k * padded(size, QK_PANEL);
    multiply_panels(kernels, count, positions, keys, d_scores + k, r->width, &d_queries);
  }
}

void qk_attention_backward_run(const qk_attention_backward *p) {
  const qk_kernels *kernels = qk_kernels_for(p->set);
  const size_t size = p->head_size;
  const room r = room_of(size, p->seen);
  lay_out_rows(kernels, p->keys, p->kv_stride, p->seen, size, p->scratch + r.keys_across);
  lay_out_rows(kernels, p->values, p->kv_stride, p->seen, size, p->scratch + r.values_across);
  for (size_t k = 0; k < p->seen; k += block)
    lay_out_columns(
        p->keys + k * p->kv_stride, p->kv_stride, at_most(p->seen - k, block), size,
        p->scratch + r.keys_along + k * padded(size, QK_PANEL));
  for (size_t head = 0; head < p->heads; head++)
    for (size_t first = 0; first < p->rows; first += block)
      run_tile(p, &r, head, first, at_most(p->rows - first, block));
}
