// Products of bfloat16 pairs, on processors that have an instruction for them.
#pragma once
#include "kernels.h"

typedef struct {
  /// The product of a panel (or two neighbours) of pairs, 16 lanes each, and rows of pairs; a pair is a
  /// word, its first value the low half. Columns and stride count words.
  qk_tile *tile, *pair;
  /// n floats to (n + 1) / 2 words; a missing value is 0.
  void (*round_row)(size_t n, const float *x, uint32_t *words);
  /// Rows of 16 floats to half as many rows of 16 words, in place: row 2i is the low half of row i.
  void (*pair_rows)(size_t pairs, float *rows);
} qk_pair_kernels;

/// NULL where the instruction set, or the processor, has no such products.
const qk_pair_kernels *qk_pair_kernels_for(qk_instruction_set set);
