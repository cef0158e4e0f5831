// The products as they are defined; every other file returns these bits.
#include <math.h>

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

/// One block of 32 inputs of one row.
inlined float add_block(
    qk_layout l, const uint8_t *record, const uint8_t *block, size_t r, const qk_input_block *x,
    float acc) {
  const size_t width = QK_BLOCK / l.groups;
  for (size_t g = 0; g < l.groups; g++) {
    int32_t sum = 0;
    for (size_t i = g * width; i < (g + 1) * width; i++)
      sum += weight_value(l, block, r, i) * x->quants[i];
    acc = fmaf((float)sum, weight_scale(l, record, block, g, r) * x->scale, acc);
  }
  for (size_t g = 0; l.minimum && g < l.groups; g++)
    acc = fmaf(weight_minimum(l, record, block, g, r), sum_of(l, x, g), acc);
  return acc;
}

inlined void blocks(
    qk_format format, size_t columns, const void *panel, size_t tokens, const qk_input_block *x,
    const qk_output *out) {
  const qk_layout l = qk_layouts[format];
  for (size_t t = 0; t < tokens; t++)
    for (size_t r = 0; r < out->rows; r++) {
      float acc = 0;
      for (size_t b = 0; b < columns / QK_BLOCK; b++) {
        const uint8_t *record = (const uint8_t *)panel + b / l.blocks * record_bytes(l);
        acc = add_block(l, record, block_of(l, record, b % l.blocks), r, &x[b * tokens + t], acc);
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

const qk_kernels qk_kernels_scalar = {
  .tile = {QK_FLOATS(QK_TILE_ENTRY) QK_QUANTIZED(QK_TILE_ENTRY)},
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
  .turn = turn,
};
