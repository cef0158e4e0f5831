// How the quantized formats lie in a panel (CQuantKernels.h has it in words), and their weights one
// at a time, which every kernel agrees with.
//
// Kernels are compiled for each format; with the format a constant, all of this folds away.
#pragma once
#include "half.h"
#include "kernels.h"

/// Bytes of a line: four for each row.
#define QK_LINE (4 * QK_PANEL)

typedef struct {
  uint8_t low, high;      ///< bits of a stored value, in two parts
  uint8_t lift;           ///< what kernels add to it, for an offset that inputs have a start for
  bool coded;             ///< whether it is a number in qk_codes
  uint8_t offset;         ///< what kernels take off in the end
  uint8_t groups;         ///< scales of a block: one, or one for each half
  uint8_t blocks;         ///< of a record; more than one have byte scales of their own
  bool minimum;           ///< whether a weight is scale * q + minimum
  uint16_t source_bytes;  ///< what a GGUF file has for one row of a record
} qk_layout;

static const qk_layout qk_layouts[qk_format_count] = {
  [qk_q8_0] = {.low = 8, .offset = 128, .groups = 1, .blocks = 1, .source_bytes = 34},
  [qk_q4_0] = {.low = 4, .offset = 8, .groups = 1, .blocks = 1, .source_bytes = 18},
  [qk_q4_1] = {.low = 4, .groups = 1, .blocks = 1, .minimum = true, .source_bytes = 20},
  [qk_q5_0] = {.low = 4, .high = 1, .offset = 16, .groups = 1, .blocks = 1, .source_bytes = 22},
  [qk_q5_1] = {.low = 4, .high = 1, .groups = 1, .blocks = 1, .minimum = true, .source_bytes = 24},
  [qk_iq4_nl] = {
    .low = 4, .coded = true, .offset = 128, .groups = 1, .blocks = 1, .source_bytes = 18,
  },
  [qk_q2_k] = {.low = 2, .groups = 2, .blocks = 8, .minimum = true, .source_bytes = 84},
  [qk_q3_k] = {
    .low = 2, .high = 1, .lift = 28, .offset = 32, .groups = 2, .blocks = 8, .source_bytes = 110,
  },
  [qk_q4_k] = {.low = 4, .groups = 1, .blocks = 8, .minimum = true, .source_bytes = 144},
  [qk_q5_k] = {.low = 4, .high = 1, .groups = 1, .blocks = 8, .minimum = true, .source_bytes = 176},
  [qk_q6_k] = {
    .low = 4, .high = 2, .offset = 32, .groups = 2, .blocks = 8, .source_bytes = 210,
  },
  [qk_iq4_xs] = {
    .low = 4, .coded = true, .offset = 128, .groups = 1, .blocks = 8, .source_bytes = 136,
  },
};

/// The values of the IQ4 formats, + 128; source: ggml-common.h (MIT), kvalues_iq4nl.
static const uint8_t qk_codes[16] = {
  1, 24, 45, 63, 79, 93, 106, 118, 129, 141, 153, 166, 181, 197, 217, 241,
};

/// Bytes of the halves that a record begins with.
inlined size_t head_bytes(qk_layout l) { return 2 * QK_PANEL * (l.minimum ? 2 : 1); }

/// Bytes of the scales and minima that a block begins with.
inlined size_t side_bytes(qk_layout l) {
  return l.blocks == 1 ? 0 : QK_PANEL * l.groups * (l.minimum ? 2 : 1);
}

inlined size_t block_bytes(qk_layout l) {
  return side_bytes(l) + QK_LINE * (l.low + l.high);
}

inlined size_t record_bytes(qk_layout l) {
  return head_bytes(l) + l.blocks * block_bytes(l);
}

/// Block j of a record.
inlined const uint8_t *block_of(qk_layout l, const uint8_t *record, size_t j) {
  return record + head_bytes(l) + j * block_bytes(l);
}

inlined const uint8_t *scales_of(const uint8_t *block, size_t group) {
  return block + QK_PANEL * group;
}

inlined const uint8_t *minima_of(qk_layout l, const uint8_t *block, size_t group) {
  return block + QK_PANEL * (l.groups + group);
}

inlined const uint8_t *high_of(qk_layout l, const uint8_t *block) {
  return block + side_bytes(l);
}

inlined const uint8_t *low_of(qk_layout l, const uint8_t *block) {
  return high_of(l, block) + QK_LINE * l.high;
}

/// What the sum of a group's products starts with.
inlined int32_t start_of(qk_layout l, const qk_input_block *x, size_t group) {
  switch (l.offset) {
    case 8: return x->start_8;
    case 16: return 2 * x->start_8;
    case 32: return x->start_32[group];
    case 128: return x->start_128;
    default: return 0;
  }
}

/// The scale bytes of a record's group, of all its blocks' in order.
inlined const uint8_t *group_scales(qk_layout l, const uint8_t *record, size_t group) {
  return scales_of(block_of(l, record, group / l.groups), group % l.groups);
}

/// Groups of a record's blocks, two by two, for the integer sum of its minima.
inlined size_t group_pairs(qk_layout l) { return (size_t)l.blocks * l.groups / 2; }

/// The bytes, one a row, of the minimum of a record's group, of all its blocks' in order.
inlined const uint8_t *group_minima(qk_layout l, const uint8_t *record, size_t group) {
  return minima_of(l, block_of(l, record, group / l.groups), group % l.groups);
}

/// The sums of quants that a pair's minima are multiplied by; x is at a record's first block, and the next
/// block `stride` further.
inlined int32_t pair_sums(qk_layout l, const qk_input_block *x, size_t stride, size_t pair) {
  return l.groups == 1 ? x[2 * pair * stride].sums : x[pair * stride].half_sums;
}

// ---- One weight at a time -----------------------------------------------------------------------

inlined int line_bits(const uint8_t *lines, unsigned bits, size_t row, size_t i) {
  const size_t word = i / 4;
  const int byte = lines[word % bits * QK_LINE + 4 * row + i % 4];
  return byte >> (bits * (word / bits)) & ((1 << bits) - 1);
}

/// The integer q of input i of a block.
inlined int weight_value(qk_layout l, const uint8_t *block, size_t row, size_t i) {
  const int low = line_bits(low_of(l, block), l.low, row, i);
  const int high = l.high ? line_bits(high_of(l, block), l.high, row, i) : 0;
  const int stored = high << l.low | low;
  return (l.coded ? qk_codes[stored] : stored + l.lift) - l.offset;
}

inlined float half_at(const uint8_t *halves, size_t row) {
  uint16_t half;
  memcpy(&half, halves + 2 * row, sizeof half);
  return qk_half_to_float(half);
}

inlined float weight_scale(
    qk_layout l, const uint8_t *record, const uint8_t *block, size_t group, size_t row) {
  const float scale = half_at(record, row);
  return l.blocks == 1 ? scale : scale * (float)(int8_t)scales_of(block, group)[row];
}

/// 0 where the format has none.
inlined float weight_minimum(
    qk_layout l, const uint8_t *record, const uint8_t *block, size_t group, size_t row) {
  if (!l.minimum) return 0;
  const float minimum = half_at(record + 2 * QK_PANEL, row);
  return l.blocks == 1 ? minimum : minimum * (float)minima_of(l, block, group)[row];
}
