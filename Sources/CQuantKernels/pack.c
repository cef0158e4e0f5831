// From a GGUF file's rows to panels of 16 rows, and single rows back.
//
// A transpose of 32-bit words for the quantized formats and of single values for the others, so
// that a panel takes exactly the bytes of its 16 rows.
#include <string.h>

#include "half.h"
#include "kernels.h"

typedef struct { uint8_t scale[2], quants[32]; } block_q8_0;
typedef struct { uint8_t scale[2], quants[16]; } block_q4_0;
_Static_assert(sizeof(block_q8_0) == 34 && sizeof(block_q4_0) == 18, "as in the file");

size_t qk_panel_bytes(qk_format format, size_t columns) {
  switch (format) {
    case qk_f32: return columns * QK_PANEL * 4;
    case qk_f16:
    case qk_bf16: return columns * QK_PANEL * 2;
    case qk_q8_0: return columns / QK_BLOCK * sizeof(qk_panel_q8_0);
    case qk_q4_0: return columns / QK_BLOCK * sizeof(qk_panel_q4_0);
    case qk_format_count: break;
  }
  return 0;
}

static void pack_rows_4(size_t rows, size_t columns, const uint8_t *source, uint32_t *panel) {
  for (size_t r = 0; r < rows; r++)
    for (size_t k = 0; k < columns; k++)
      memcpy(&panel[k * QK_PANEL + r], source + (r * columns + k) * 4, 4);
}

static void pack_rows_2(size_t rows, size_t columns, const uint8_t *source, uint16_t *panel) {
  for (size_t r = 0; r < rows; r++)
    for (size_t k = 0; k < columns; k++)
      memcpy(&panel[k * QK_PANEL + r], source + (r * columns + k) * 2, 2);
}

static void pack_q8_0(size_t rows, size_t blocks, const block_q8_0 *source, qk_panel_q8_0 *panel) {
  for (size_t b = 0; b < blocks; b++)
    for (size_t r = 0; r < rows; r++) {
      const block_q8_0 *from = &source[r * blocks + b];
      memcpy(&panel[b].scale[r], from->scale, 2);
      for (size_t i = 0; i < 32; i++)
        panel[b].quants[i / 4][4 * r + i % 4] = from->quants[i] ^ 0x80;
    }
}

static void pack_q4_0(size_t rows, size_t blocks, const block_q4_0 *source, qk_panel_q4_0 *panel) {
  for (size_t b = 0; b < blocks; b++)
    for (size_t r = 0; r < rows; r++) {
      const block_q4_0 *from = &source[r * blocks + b];
      memcpy(&panel[b].scale[r], from->scale, 2);
      for (size_t i = 0; i < 4; i++)
        memcpy(&panel[b].quants[i][4 * r], &from->quants[4 * i], 4);
    }
}

void qk_pack(
    qk_format format, size_t rows, size_t columns, const void *source, size_t first_panel,
    size_t panel_count, void *panels) {
  const size_t bytes = qk_panel_bytes(format, columns);
  for (size_t p = first_panel; p < first_panel + panel_count; p++) {
    const uint8_t *from = (const uint8_t *)source + p * bytes;  // 16 rows are as long as a panel
    uint8_t *panel = (uint8_t *)panels + p * bytes;
    const size_t count = at_most(rows - p * QK_PANEL, QK_PANEL);
    switch (format) {
      case qk_f32: pack_rows_4(count, columns, from, (uint32_t *)panel); break;
      case qk_f16:
      case qk_bf16: pack_rows_2(count, columns, from, (uint16_t *)panel); break;
      case qk_q8_0:
        pack_q8_0(count, columns / QK_BLOCK, (const block_q8_0 *)from, (qk_panel_q8_0 *)panel);
        break;
      case qk_q4_0:
        pack_q4_0(count, columns / QK_BLOCK, (const block_q4_0 *)from, (qk_panel_q4_0 *)panel);
        break;
      case qk_format_count: break;
    }
  }
}

static void row_q8_0(const qk_panel_q8_0 *panel, size_t r, size_t blocks, float *out) {
  for (size_t b = 0; b < blocks; b++) {
    float scale = qk_half_to_float(panel[b].scale[r]);
    for (size_t i = 0; i < QK_BLOCK; i++)
      out[b * QK_BLOCK + i] = scale * (float)(panel[b].quants[i / 4][4 * r + i % 4] - 128);
  }
}

static void row_q4_0(const qk_panel_q4_0 *panel, size_t r, size_t blocks, float *out) {
  for (size_t b = 0; b < blocks; b++) {
    float scale = qk_half_to_float(panel[b].scale[r]);
    for (size_t i = 0; i < QK_BLOCK / 2; i++) {
      uint8_t pair = panel[b].quants[i / 4][4 * r + i % 4];
      out[b * QK_BLOCK + i] = scale * (float)((pair & 15) - 8);
      out[b * QK_BLOCK + 16 + i] = scale * (float)((pair >> 4) - 8);
    }
  }
}

void qk_unpack_row(qk_format format, size_t columns, const void *panels, size_t row, float *out) {
  const void *panel = (const char *)panels + row / QK_PANEL * qk_panel_bytes(format, columns);
  const size_t r = row % QK_PANEL;
  switch (format) {
    case qk_f32:
      for (size_t k = 0; k < columns; k++) out[k] = ((const float *)panel)[k * QK_PANEL + r];
      break;
    case qk_f16:
      for (size_t k = 0; k < columns; k++)
        out[k] = qk_half_to_float(((const uint16_t *)panel)[k * QK_PANEL + r]);
      break;
    case qk_bf16:
      for (size_t k = 0; k < columns; k++)
        out[k] = qk_bf16_to_float(((const uint16_t *)panel)[k * QK_PANEL + r]);
      break;
    case qk_q8_0: row_q8_0(panel, r, columns / QK_BLOCK, out); break;
    case qk_q4_0: row_q4_0(panel, r, columns / QK_BLOCK, out); break;
    case qk_format_count: break;
  }
}
