// From a GGUF file's rows to panels of 16 rows, and single rows back.
//
// Float formats are transposed value by value. Blocks of the quantized ones are first taken apart
// into 32 stored values with their scales, which is where the file's layouts differ, and then put
// into the panel's lines, which is the same for all.
#include <string.h>

#include "half.h"
#include "kernels.h"
#include "layout.h"

static size_t value_bytes(qk_format format) { return format == qk_f32 ? 4 : 2; }

size_t qk_row_bytes(qk_format format, size_t columns) {
  if (!qk_is_quantized(format)) return columns * value_bytes(format);
  const qk_layout l = qk_layouts[format];
  return columns / (QK_BLOCK * l.blocks) * l.source_bytes;
}

size_t qk_panel_bytes(qk_format format, size_t columns) {
  if (!qk_is_quantized(format)) return columns * QK_PANEL * value_bytes(format);
  const qk_layout l = qk_layouts[format];
  return columns / (QK_BLOCK * l.blocks) * record_bytes(l);
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

// ---- The file's blocks --------------------------------------------------------------------------
// Layouts and names as in ggml-common.h; j is the block of 32 in a block of 256.

/// Where the halves of a file's block are; the minimum's sign is what it is added with.
typedef struct { size_t scale, minimum; uint16_t minimum_sign; } halves_place;

inlined halves_place halves_of(qk_format format) {
  switch (format) {
    case qk_q4_1:
    case qk_q5_1: return (halves_place){0, 2, 0};
    case qk_q2_k: return (halves_place){80, 82, 0x8000};
    case qk_q3_k: return (halves_place){108, 0, 0};
    case qk_q4_k:
    case qk_q5_k: return (halves_place){0, 2, 0x8000};
    case qk_q6_k: return (halves_place){208, 0, 0};
    default: return (halves_place){0};
  }
}

/// 32 values as they are stored, and the byte scales and minima of a K format.
typedef struct {
  uint8_t values[QK_BLOCK];
  int8_t scales[2];
  uint8_t minima[2];
} block_parts;

/// A few bits, from bit `first` on, of 16 bytes; as a vector, since the compiler makes slow work of
/// such loops.
inlined void short_values(const uint8_t *from, unsigned first, unsigned bits, uint8_t *values) {
  bytes_16 bytes;
  memcpy(&bytes, from, sizeof bytes);
  bytes = bytes >> (uint8_t)first & (uint8_t)((1 << bits) - 1);
  memcpy(values, &bytes, sizeof bytes);
}

/// 16 bytes of nibbles: the lower ones are values 0 ..< 16.
inlined void nibble_pairs(const uint8_t *from, uint8_t *values) {
  short_values(from, 0, 4, values);
  short_values(from, 4, 4, values + 16);
}

/// 32 bytes of nibbles, the lower or the upper ones.
inlined void nibbles(const uint8_t *from, bool upper, uint8_t *values) {
  for (size_t i = 0; i < 32; i += 16) short_values(from + i, upper ? 4 : 0, 4, values + i);
}

/// Four bytes of fifth bits, then the nibbles.
inlined void five_bits(const uint8_t *from, uint8_t *values) {
  nibble_pairs(from + 4, values);
  for (size_t i = 0; i < 32; i++) values[i] |= (from[i / 8] >> i % 8 & 1) << 4;
}

/// Eight scales and eight minima of six bits in 12 bytes.
inlined void six_bits(const uint8_t *packed, size_t j, block_parts *to) {
  if (j < 4) {
    to->scales[0] = packed[j] & 63;
    to->minima[0] = packed[j + 4] & 63;
  } else {
    to->scales[0] = (packed[j + 4] & 15) | packed[j - 4] >> 6 << 4;
    to->minima[0] = packed[j + 4] >> 4 | packed[j] >> 6 << 4;
  }
}

/// Block j of 64 bytes, of which four blocks share 32.
inlined void two_bits(const uint8_t *from, size_t j, uint8_t *values) {
  for (size_t i = 0; i < 32; i += 16)
    short_values(from + j / 4 * 32 + i, 2 * (j % 4), 2, values + i);
}

/// Scale s of Q3_K's 16 of six bits in 12 bytes.
inlined int8_t six_bit_scale(const uint8_t *packed, size_t s) {
  const int low = s < 8 ? packed[s] & 15 : packed[s - 8] >> 4;
  const int high = packed[8 + s % 4] >> 2 * (s / 4) & 3;
  return (int8_t)((high << 4 | low) - 32);
}

inlined void take_apart(qk_format format, const uint8_t *from, size_t j, block_parts *to) {
  switch (format) {
    case qk_q8_0:  // half, 32 values
      for (size_t i = 0; i < 32; i++) to->values[i] = from[2 + i] ^ 0x80;
      break;
    case qk_q4_0: nibble_pairs(from + 2, to->values); break;  // half, nibbles
    case qk_q4_1: nibble_pairs(from + 4, to->values); break;  // two halves, nibbles
    case qk_q5_0: five_bits(from + 2, to->values); break;     // half, fifth bits, nibbles
    case qk_q5_1: five_bits(from + 4, to->values); break;     // two halves, fifth bits, nibbles
    case qk_iq4_nl: nibble_pairs(from + 2, to->values); break;  // half, nibbles
    case qk_q2_k:  // 16 bytes of scale and minimum, 64 of two bits, two halves
      two_bits(from + 16, j, to->values);
      for (size_t g = 0; g < 2; g++) {
        to->scales[g] = from[2 * j + g] & 15;
        to->minima[g] = from[2 * j + g] >> 4;
      }
      break;
    case qk_q3_k:  // 32 bytes of third bits, one bit a block, 64 of two bits, scales, half
      two_bits(from + 32, j, to->values);
      for (size_t i = 0; i < 32; i++) to->values[i] |= (from[i] >> j & 1) << 2;
      for (size_t g = 0; g < 2; g++) to->scales[g] = six_bit_scale(from + 96, 2 * j + g);
      break;
    case qk_q4_k:  // two halves, 12 bytes of scales, nibbles: two blocks share 32 bytes
      six_bits(from + 4, j, to);
      nibbles(from + 16 + j / 2 * 32, j % 2, to->values);
      break;
    case qk_q5_k:  // as Q4_K, with 32 bytes of fifth bits before the nibbles, one bit a block
      six_bits(from + 4, j, to);
      nibbles(from + 48 + j / 2 * 32, j % 2, to->values);
      for (size_t i = 0; i < 32; i++) to->values[i] |= (from[16 + i] >> j & 1) << 4;
      break;
    case qk_q6_k: {  // 128 bytes of nibbles, 64 of upper bits, 16 scales, half
      const size_t part = j / 4, quarter = j % 4;
      nibbles(from + part * 64 + quarter % 2 * 32, quarter / 2, to->values);
      for (size_t i = 0; i < 32; i++)
        to->values[i] |= (from[128 + part * 32 + i] >> 2 * quarter & 3) << 4;
      memcpy(to->scales, from + 192 + 2 * j, 2);
      break;
    }
    case qk_iq4_xs: {  // half, upper bits of the scales, lower bits, nibbles block by block
      const int low = from[4 + j / 2] >> 4 * (j % 2) & 15;
      const int high = from[2 + j / 4] >> 2 * (j % 4) & 3;
      to->scales[0] = (int8_t)((high << 4 | low) - 32);
      nibble_pairs(from + 8 + 16 * j, to->values);
      break;
    }
    default: break;
  }
}

// ---- The panel's blocks -------------------------------------------------------------------------

/// Bits `from ..< from + bits` of each of 32 values into a row's places in `bits` lines: word i
/// goes `bits * (i / bits)` up, which folding in halves adds up to.
inlined void put_lines(
    const uint8_t *values, unsigned from, unsigned bits, size_t row, uint8_t *lines) {
  const uint32_t mask = 0x01010101u * ((1u << bits) - 1);
  uint32_t words[8];
  memcpy(words, values, sizeof words);
  for (unsigned i = 0; i < 8; i++) words[i] = words[i] >> from & mask;
  for (unsigned half = 4; half >= bits; half /= 2)
    for (unsigned i = 0; i < half; i++) words[i] |= words[i + half] << half;
  for (unsigned line = 0; line < bits; line++)
    memcpy(lines + line * QK_LINE + 4 * row, &words[line], 4);
}

inlined void put_block(qk_layout l, const block_parts *parts, size_t row, uint8_t *block) {
  if (l.blocks > 1) {
    for (size_t g = 0; g < l.groups; g++)
      block[QK_PANEL * g + row] = (uint8_t)parts->scales[g];
    for (size_t g = 0; l.minimum && g < l.groups; g++)
      block[QK_PANEL * (l.groups + g) + row] = parts->minima[g];
  }
  uint8_t *high = block + side_bytes(l);
  if (l.high) put_lines(parts->values, l.low, l.high, row, high);
  put_lines(parts->values, 0, l.low, row, high + QK_LINE * l.high);
}

inlined void put_halves(
    qk_format format, qk_layout l, const uint8_t *from, size_t row, uint8_t *record) {
  const halves_place place = halves_of(format);
  memcpy(record + 2 * row, from + place.scale, 2);
  if (!l.minimum) return;
  uint16_t minimum;
  memcpy(&minimum, from + place.minimum, 2);
  minimum ^= place.minimum_sign;
  memcpy(record + 2 * QK_PANEL + 2 * row, &minimum, 2);
}

inlined void pack_blocks(
    qk_format format, size_t rows, size_t columns, const uint8_t *source, uint8_t *panel) {
  const qk_layout l = qk_layouts[format];
  const size_t records = columns / (QK_BLOCK * l.blocks);
  for (size_t b = 0; b < records; b++)
    for (size_t r = 0; r < rows; r++) {
      const uint8_t *from = source + (r * records + b) * l.source_bytes;
      uint8_t *record = panel + b * record_bytes(l);
      put_halves(format, l, from, r, record);
      for (size_t j = 0; j < l.blocks; j++) {
        block_parts parts;
        take_apart(format, from, j, &parts);
        put_block(l, &parts, r, record + head_bytes(l) + j * block_bytes(l));
      }
    }
}

#define PACK_CASE(format) \
  case qk_##format: pack_blocks(qk_##format, count, columns, from, panel); break;

void qk_pack(
    qk_format format, size_t rows, size_t columns, const void *source, size_t first_panel,
    size_t panel_count, void *panels) {
  const size_t row_bytes = qk_row_bytes(format, columns);
  const size_t panel_bytes = qk_panel_bytes(format, columns);
  for (size_t p = first_panel; p < first_panel + panel_count; p++) {
    const uint8_t *from = (const uint8_t *)source + p * QK_PANEL * row_bytes;
    uint8_t *panel = (uint8_t *)panels + p * panel_bytes;
    const size_t count = at_most(rows - p * QK_PANEL, QK_PANEL);
    switch (format) {
      case qk_f32: pack_rows_4(count, columns, from, (uint32_t *)panel); break;
      case qk_f16:
      case qk_bf16: pack_rows_2(count, columns, from, (uint16_t *)panel); break;
      QK_QUANTIZED(PACK_CASE)
      case qk_format_count: break;
    }
  }
}

inlined void row_blocks(
    qk_format format, size_t columns, const uint8_t *panel, size_t row, float *out) {
  const qk_layout l = qk_layouts[format];
  const size_t width = QK_BLOCK / l.groups;
  for (size_t b = 0; b < columns / QK_BLOCK; b++, out += QK_BLOCK) {
    const uint8_t *record = panel + b / l.blocks * record_bytes(l);
    const uint8_t *block = block_of(l, record, b % l.blocks);
    for (size_t i = 0; i < QK_BLOCK; i++) {
      out[i] = weight_scale(l, record, block, i / width, row) *
               (float)weight_value(l, block, row, i);
      if (l.minimum) out[i] += weight_minimum(l, record, block, i / width, row);
    }
  }
}

#define ROW_CASE(format) \
  case qk_##format: row_blocks(qk_##format, columns, panel, r, out); break;

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
    QK_QUANTIZED(ROW_CASE)
    case qk_format_count: break;
  }
}
