// The products as they are defined; every other file returns these bits.
#include <math.h>

#include "half.h"
#include "kernels.h"
#include "quantize.h"
#include "unpack.h"

static void store(const qk_output *out, size_t t, size_t r, float acc) {
  float *y = &out->y[t * out->stride + r];
  *y = out->adding ? fmaf(out->scale, acc, *y) : out->scale * acc;
}

static void tile_f32(
    size_t columns, const void *panel, size_t tokens, const void *x, size_t stride,
    const qk_output *out) {
  const float *w = panel, *inputs = x;
  for (size_t t = 0; t < tokens; t++)
    for (size_t r = 0; r < out->rows; r++) {
      float acc = 0;
      for (size_t k = 0; k < columns; k++)
        acc = fmaf(w[k * QK_PANEL + r], inputs[t * stride + k], acc);
      store(out, t, r, acc);
    }
}

static void tile_f16(
    size_t columns, const void *panel, size_t tokens, const void *x, size_t stride,
    const qk_output *out) {
  const uint16_t *w = panel;
  const float *inputs = x;
  for (size_t t = 0; t < tokens; t++)
    for (size_t r = 0; r < out->rows; r++) {
      float acc = 0;
      for (size_t k = 0; k < columns; k++)
        acc = fmaf(qk_half_to_float(w[k * QK_PANEL + r]), inputs[t * stride + k], acc);
      store(out, t, r, acc);
    }
}

static void tile_bf16(
    size_t columns, const void *panel, size_t tokens, const void *x, size_t stride,
    const qk_output *out) {
  const uint16_t *w = panel;
  const float *inputs = x;
  for (size_t t = 0; t < tokens; t++)
    for (size_t r = 0; r < out->rows; r++) {
      float acc = 0;
      for (size_t k = 0; k < columns; k++)
        acc = fmaf(qk_bf16_to_float(w[k * QK_PANEL + r]), inputs[t * stride + k], acc);
      store(out, t, r, acc);
    }
}

static void tile_q8_0(
    size_t columns, const void *panel, size_t tokens, const void *x, size_t stride,
    const qk_output *out) {
  (void)stride;
  const qk_panel_q8_0 *w = panel;
  const qk_input_block *inputs = x;
  for (size_t t = 0; t < tokens; t++)
    for (size_t r = 0; r < out->rows; r++) {
      float acc = 0;
      for (size_t b = 0; b < columns / QK_BLOCK; b++) {
        const qk_input_block *in = &inputs[b * tokens + t];
        int32_t sum = 0;
        for (size_t i = 0; i < QK_BLOCK; i++)
          sum += (w[b].quants[i / 4][4 * r + i % 4] - 128) * in->quants[i];
        acc = fmaf((float)sum, qk_half_to_float(w[b].scale[r]) * in->scale, acc);
      }
      store(out, t, r, acc);
    }
}

static void tile_q4_0(
    size_t columns, const void *panel, size_t tokens, const void *x, size_t stride,
    const qk_output *out) {
  (void)stride;
  const qk_panel_q4_0 *w = panel;
  const qk_input_block *inputs = x;
  for (size_t t = 0; t < tokens; t++)
    for (size_t r = 0; r < out->rows; r++) {
      float acc = 0;
      for (size_t b = 0; b < columns / QK_BLOCK; b++) {
        const qk_input_block *in = &inputs[b * tokens + t];
        int32_t sum = 0;
        for (size_t i = 0; i < QK_BLOCK / 2; i++) {
          uint8_t pair = w[b].quants[i / 4][4 * r + i % 4];
          sum += ((pair & 15) - 8) * in->quants[i] + ((pair >> 4) - 8) * in->quants[16 + i];
        }
        acc = fmaf((float)sum, qk_half_to_float(w[b].scale[r]) * in->scale, acc);
      }
      store(out, t, r, acc);
    }
}

const qk_kernels qk_kernels_scalar = {
  .tile = {
    [qk_f32] = tile_f32,
    [qk_f16] = tile_f16,
    [qk_bf16] = tile_bf16,
    [qk_q8_0] = tile_q8_0,
    [qk_q4_0] = tile_q4_0,
  },
  .quantize_tile = quantize_tile,
  .unpack_panel = unpack_panel,
};
