// The products as they are defined; every other file returns these bits.
#include <math.h>

#include "bytes.h"
#include "half.h"
#include "kernels.h"
#include "layout.h"
#include "quantize.h"
#include "unpack.h"

static void store(const qk_output *out, size_t t, size_t r, float acc) {
  float *y = &out->y[t * out->stride + r];
  *y = out->adding ? fmaf(out->scale, acc, *y) : out->scale * acc;
}

inlined float float_weight(qk_format format, const void *panel, size_t k, size_t r) {
  if (format == qk_f32) return ((const float *)panel)[k * QK_PANEL + r];
  const uint16_t bits = ((const uint16_t *)panel)[k * QK_PANEL + r];
  return format == qk_f16 ? qk_half_to_float(bits) : qk_bf16_to_float(bits);
}

inlined void floats(
    qk_format format, size_t columns, const void *panel, size_t tokens, const float *x,
    size_t stride, const qk_output *out) {
  for (size_t t = 0; t < tokens; t++)
    for (size_t r = 0; r < out->rows; r++) {
      float acc = 0;
      for (size_t k = 0; k < columns; k++)
        acc = fmaf(float_weight(format, panel, k, r), x[t * stride + k], acc);
      store(out, t, r, acc);
    }
}

/// The integer sum of a group's products.
inlined int32_t group_sum(
    qk_layout l, const uint8_t *block, size_t r, size_t group, const qk_input_block *x) {
  const size_t width = QK_BLOCK / l.groups;
  int32_t sum = 0;
  for (size_t i = group * width; i < (group + 1) * width; i++)
    sum += weight_value(l, block, r, i) * x->quants[i];
  return sum;
}

/// A record of one block.
inlined float add_block(
    qk_layout l, const uint8_t *record, size_t r, const qk_input_block *x, float acc) {
  const uint8_t *block = block_of(l, record, 0);
  const float scale = weight_scale(l, record, block, 0, r) * x->scale;
  acc = fmaf((float)group_sum(l, block, r, 0, x), scale, acc);
  return l.minimum ? fmaf(weight_minimum(l, record, block, 0, r), x->sum, acc) : acc;
}

/// A record of a K format; the inputs of its next block are `stride` further.
inlined float add_record(
    qk_layout l, const uint8_t *record, size_t r, const qk_input_block *x, size_t stride, float acc) {
  int32_t products = 0;
  for (size_t j = 0; j < l.blocks; j++)
    for (size_t g = 0; g < l.groups; g++) {
      const uint8_t *block = block_of(l, record, j);
      products += (int8_t)scales_of(block, g)[r] * group_sum(l, block, r, g, &x[j * stride]);
    }
  float part = (float)products * half_at(record, r);
  if (l.minimum) {
    int32_t sum = 0;
    for (size_t group = 0; group < 2 * group_pairs(l); group++) {
      const int32_t sums = pair_sums(l, x, stride, group / 2);
      sum += group_minima(l, record, group)[r] * (int16_t)(sums >> group % 2 * 16);
    }
    part = fmaf((float)sum, half_at(record + 2 * QK_PANEL, r), part);
  }
  return fmaf(part, x->scale, acc);
}

inlined void blocks(
    qk_format format, size_t columns, const void *panel, size_t tokens, const qk_input_block *x,
    const qk_output *out) {
  const qk_layout l = qk_layouts[format];
  for (size_t t = 0; t < tokens; t++)
    for (size_t r = 0; r < out->rows; r++) {
      float acc = 0;
      for (size_t b = 0; b < columns / QK_BLOCK; b += l.blocks) {
        const uint8_t *record = (const uint8_t *)panel + b / l.blocks * record_bytes(l);
        const qk_input_block *inputs = &x[b * tokens + t];
        acc = l.blocks == 1 ? add_block(l, record, r, inputs, acc)
                            : add_record(l, record, r, inputs, tokens, acc);
      }
      store(out, t, r, acc);
    }
}

#define FLOATS(format)                                                                        \
  static void tile_##format(                                                                  \
      size_t columns, const void *panel, size_t tokens, const void *x, size_t stride,         \
      const qk_output *out) {                                                                 \
    floats(qk_##format, columns, panel, tokens, x, stride, out);                              \
  }
QK_FLOATS(FLOATS)

#define BLOCKS(format)                                                                        \
  static void tile_##format(                                                                  \
      size_t columns, const void *panel, size_t tokens, const void *x, size_t stride,         \
      const qk_output *out) {                                                                 \
    (void)stride;                                                                             \
    blocks(qk_##format, columns, panel, tokens, x, out);                                      \
  }
QK_QUANTIZED(BLOCKS)

/// The nearest bfloat16, as a float: ties to even, subnormals 0.
static float rounded(float x) {
  uint32_t bits = qk_bits_of_float(x);
  if ((bits & 0x7f800000) == 0) return qk_float_from_bits(bits & 0x80000000);
  if ((bits & 0x7fffffff) > 0x7f800000) return x;
  bits += 0x7fff + (bits >> 16 & 1);
  return qk_float_from_bits(bits & 0xffff0000);
}

// What round.h does in vectors.
static void round_panels(size_t count, size_t depth, float *values) {
  for (size_t r = 0; r < count * depth; r += 2)
    for (size_t lane = 0; lane < QK_PANEL; lane++) {
      float *even = values + r * QK_PANEL + lane, *odd = even + QK_PANEL;
      const float first = rounded(*even);
      *even = rounded(*odd);
      *odd = first;
    }
}

static void round_row(size_t n, size_t depth, const float *from, void *row) {
  for (size_t i = 0; i < depth; i++) ((float *)row)[i ^ 1] = i < n ? rounded(from[i]) : 0;
}

static void byte_tile(
    size_t words, const void *panel, size_t tokens, const void *x, size_t stride, const qk_output *out) {
  for (size_t t = 0; t < tokens; t++)
    for (size_t r = 0; r < out->rows; r++) {
      const byte_row_head *row = byte_row_of(x, stride, t);
      const int8_t *inputs = (const int8_t *)(row + 1);
      const float *scales = panel;
      const uint8_t *w = (const uint8_t *)panel + QK_LINE + 4 * r;
      int32_t sum = row->start;
      for (size_t k = 0; k < 4 * words; k++) sum += w[k / 4 * QK_LINE + k % 4] * inputs[k];
      store(out, t, r, (float)sum * (scales[r] * row->scale));
    }
}

const qk_kernels qk_kernels_scalar = {
  .tile = {QK_FLOATS(QK_TILE_ENTRY) QK_QUANTIZED(QK_TILE_ENTRY)},
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
  .factors = QK_FACTORS(tile_f32, NULL, byte_tile, NULL),
  .turn = turn,
};
