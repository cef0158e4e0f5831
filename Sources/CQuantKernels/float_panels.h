// Products of plain floats by the float tile, for which one factor is laid out in panels.
#pragma once
#include <string.h>

#include "kernels.h"

/// Floats of the panels of so many rows and columns.
static inline size_t float_panel_floats(size_t rows, size_t columns) {
  return divide_up(columns, QK_PANEL) * QK_PANEL * rows;
}

/// Panels whose lanes are the columns of x: for each 16 of them `rows` rows of 16 floats, the last ones
/// filled up with zeros.
static inline void lay_out_columns(
    const float *x, size_t stride, size_t rows, size_t columns, float *panels) {
  for (size_t k = 0; k < columns; k += QK_PANEL) {
    const size_t lanes = at_most(columns - k, QK_PANEL);
    float *to = panels + k * rows;
    if (lanes < QK_PANEL) memset(to, 0, rows * QK_PANEL * sizeof *to);
    const float *from = x + k;
    // A size that the compiler knows is copied without a call.
    if (lanes == QK_PANEL)
      for (size_t t = 0; t < rows; t++) memcpy(to + t * QK_PANEL, from + t * stride, QK_PANEL * sizeof *to);
    else
      for (size_t t = 0; t < rows; t++) memcpy(to + t * QK_PANEL, from + t * stride, lanes * sizeof *to);
  }
}

/// Panels whose lanes are the rows of x.
static inline void lay_out_rows(
    const qk_kernels *kernels, const float *x, size_t stride, size_t rows, size_t columns, float *panels) {
  for (size_t t = 0; t < rows; t += QK_PANEL) {
    const size_t lanes = at_most(rows - t, QK_PANEL);
    float *to = panels + t * columns;
    if (lanes < QK_PANEL) memset(to, 0, columns * QK_PANEL * sizeof *to);
    kernels->turn(lanes, columns, x + t * stride, stride, to, QK_PANEL);
  }
}

/// y[t][l] (+)= scale * sum over k < depth of x[t][k] * lane l of row k, for `out->rows` lanes: the tile's
/// sums, in its order.
static inline void multiply_panels(
    const qk_kernels *kernels, size_t tokens, size_t depth, const float *panels, const float *x,
    size_t stride, const qk_output *out) {
  for (size_t t = 0; t < tokens; t += QK_TILE)
    for (size_t l = 0, width; l < out->rows; l += width) {
      const bool pairs = kernels->pair[qk_f32] && out->rows - l > QK_PANEL;
      width = pairs ? 2 * QK_PANEL : QK_PANEL;
      qk_output part = qk_output_from(out, t);
      part.y += l;
      part.rows = at_most(out->rows - l, width);
      qk_tile *tile = pairs ? kernels->pair[qk_f32] : kernels->tile[qk_f32];
      tile(depth, panels + l * depth, at_most(tokens - t, QK_TILE), x + t * stride, stride, &part);
    }
}
