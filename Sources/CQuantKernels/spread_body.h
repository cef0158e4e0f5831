// Many tokens by many panels where no instruction multiplies and adds bytes at once: a record of each panel is
// unpacked, and four tokens at a time meet all of them. What else a set needs is in blocks_body.h.
//
// Such products begin so many instructions that these run short before the pipes do, most of all where values of
// more than four bits leave sums of 16 bits no room. So inputs are spread: a word lies in memory once for every lane,
// where a product takes it as it is, and one register of weights by four tokens keeps all its sums in registers,
// which start with what centres the weights. Spreading costs two instructions a word and token; the panels of a call
// share them.
#pragma once
#include "blocks_body.h"

enum {
  SPREAD_TOKENS = 4,
  PANEL_REGISTERS = QK_PANEL / LANES,
};

_Static_assert(4 * LANES == QK_BLOCK, "a register holds a block of inputs");

/// A block of one token.
typedef struct {
  ints words[8];
  shorts starts[2];  ///< of each group's sums of 16 bits
  floats scale, sum;
} spread_block;

/// A record, or as many blocks that have scales of their own, by up to SPREAD_TOKENS tokens.
typedef struct {
  spread_block blocks[SLICE][SPREAD_TOKENS];
  ints pair_sums[8][SPREAD_TOKENS];
} spread_record;

/// A block of a register's rows.
typedef struct {
  ints words[8], bytes[2];
  floats scale, minimum;
} unpacked_block;

/// What a register's rows have of a record: its blocks, and of a K format what it ends with.
typedef struct {
  unpacked_block blocks[SLICE];
  ints pairs[8];
  floats scale, minimum;
} unpacked_record;

typedef struct {
  unpacked_record weights[QK_MANY_PANELS][PANEL_REGISTERS];
  spread_record inputs;
  floats sums[QK_MANY / SPREAD_TOKENS][QK_MANY_PANELS][PANEL_REGISTERS][SPREAD_TOKENS];
} spread_scratch;

/// Minus the offset times the sums of each group's neighbours, in the halves of a word where their products are summed.
inlined void spread_starts(qk_layout l, const qk_input_block *x, shorts starts[2]) {
  ints quants;
  memcpy(&quants, x->quants, sizeof quants);
  shorts sums = (shorts)pair_products(ints_of(0x01010101), quants);
  sums += (shorts)__builtin_shufflevector((ints)sums, (ints)sums, 1, 0, 3, 2, 5, 4, 7, 6);
  sums += (shorts)__builtin_shufflevector((ints)sums, (ints)sums, 2, 3, 0, 1, 6, 7, 4, 5);
  if (l.groups == 1)
    sums += (shorts)__builtin_shufflevector((ints)sums, (ints)sums, 4, 5, 6, 7, 0, 1, 2, 3);
  sums *= (uint16_t)(l.lift - l.offset);
  for (size_t g = 0; g < l.groups; g++) starts[g] = (shorts)ints_of(((ints)sums)[4 * g]);
}

/// `depth` blocks of n tokens; x is at the first, the next block `stride` further.
inlined void spread_inputs(
    qk_layout l, size_t n, size_t depth, const qk_input_block *x, size_t stride, spread_record *to) {
  for (size_t j = 0; j < depth; j++)
    for (size_t t = 0; t < n; t++) {
      const qk_input_block *from = &x[j * stride + t];
      spread_block *block = &to->blocks[j][t];
      for (size_t i = 0; i < 8; i++) block->words[i] = ints_of(four_inputs(from, i));
      if (l.offset) spread_starts(l, from, block->starts);
      if (l.blocks == 1 || j == 0) block->scale = floats_of(from->scale);
      if (l.blocks == 1 && l.minimum) block->sum = floats_of(from->sum);
    }
  if (l.minimum && l.blocks > 1)
    for (size_t pair = 0; pair < group_pairs(l); pair++)
      for (size_t t = 0; t < n; t++)
        to->pair_sums[pair][t] = ints_of(pair_sums(l, &x[t], stride, pair));
}

/// `depth` blocks of a panel from the record at `record` on.
inlined void unpack_panel_record(
    qk_layout l, size_t depth, const uint8_t *record, unpacked_record to[PANEL_REGISTERS]) {
  block_view block = {record, 0, 0, NULL, NULL};
  for (size_t j = 0; j < depth; j++) {
    for (size_t r = 0; r < PANEL_REGISTERS; r++) {
      unpacked_block *b = &to[r].blocks[j];
      for (size_t i = 0; i < 8; i++) b->words[i] = word_of(l, &block, i, r);
      for (size_t g = 0; l.blocks > 1 && g < l.groups; g++) b->bytes[g] = bytes_of(l, &block, g, r);
      if (l.blocks == 1) b->scale = scale_of(&block, r);
      if (l.blocks == 1 && l.minimum) b->minimum = minimum_of(&block, r);
    }
    if (l.blocks > 1) block.j++;
    else block.records += record_bytes(l);
  }
  if (l.blocks == 1) return;
  const block_view first = {record, 0, 0, NULL, NULL};
  const record_sides sides = sides_of_record(l, PANEL_REGISTERS, &first);
  for (size_t r = 0; r < PANEL_REGISTERS; r++) {
    for (size_t pair = 0; l.minimum && pair < group_pairs(l); pair++) to[r].pairs[pair] = sides.pairs[pair][r];
    to[r].scale = sides.scale[r];
    if (l.minimum) to[r].minimum = sides.minimum[r];
  }
}

/// Words of a group whose products sums of 16 bits hold: all where an offset centres the values, in the end at most
/// 16 * 16 * 127 or 8 * 32 * 127, whatever a sum passes until then; else four of values up to 31, 8 * 31 * 127.
inlined size_t words_together(qk_layout l) { return l.offset ? 8 / l.groups : 4; }

/// The sums of 16 bits of `words_together` words from word `first` of group g on by n tokens.
inlined void spread_sums(
    qk_layout l, size_t n, size_t g, size_t first, const unpacked_block *w, const spread_block *x,
    shorts sums[]) {
#pragma clang loop unroll(full)
  for (size_t i = first; i < first + words_together(l); i++)
    for (size_t t = 0; t < n; t++) {
      const shorts pairs = (shorts)pair_products(w->words[i], x[t].words[i]);
      sums[t] = i > first ? sums[t] + pairs : l.offset ? x[t].starts[g] + pairs : pairs;
    }
}

/// Adds a group's products by n tokens, of a K format times its byte.
inlined void add_spread_group(
    qk_layout l, size_t n, size_t g, const unpacked_block *w, const spread_block *x, ints sums[]) {
  const size_t words = 8 / l.groups;
#pragma clang loop unroll(full)
  for (size_t first = g * words; first < (g + 1) * words; first += words_together(l)) {
    shorts pairs[SPREAD_TOKENS];
    spread_sums(l, n, g, first, w, x, pairs);
    for (size_t t = 0; t < n; t++)
      sums[t] = dot_pairs(sums[t], (ints)pairs[t], l.blocks == 1 ? ints_of(0x10001) : w->bytes[g]);
  }
}

/// Adds a block that has a scale of its own, by n tokens.
inlined void add_spread_block(
    qk_layout l, size_t n, const unpacked_block *w, const spread_block *x, floats acc[]) {
  ints sums[SPREAD_TOKENS];
  for (size_t t = 0; t < n; t++) sums[t] = ints_of(0);
  add_spread_group(l, n, 0, w, x, sums);
  for (size_t t = 0; t < n; t++) {
    acc[t] = __builtin_elementwise_fma(
        __builtin_convertvector(sums[t], floats), w->scale * x[t].scale, acc[t]);
    if (l.minimum) acc[t] = __builtin_elementwise_fma(w->minimum, x[t].sum, acc[t]);
  }
}

/// Ends a K format's record by n tokens.
inlined void end_spread_record(
    qk_layout l, size_t n, const unpacked_record *w, const spread_record *x, const ints part[],
    floats acc[]) {
  for (size_t t = 0; t < n; t++) {
    floats value = __builtin_convertvector(part[t], floats) * w->scale;
    if (l.minimum) {
      ints sum = ints_of(0);
      for (size_t pair = 0; pair < group_pairs(l); pair++)
        sum = dot_pairs(sum, w->pairs[pair], x->pair_sums[pair][t]);
      value = __builtin_elementwise_fma(__builtin_convertvector(sum, floats), w->minimum, value);
    }
    acc[t] = __builtin_elementwise_fma(value, x->blocks[0][t].scale, acc[t]);
  }
}

/// Adds a record, or as many blocks that have scales of their own, by n tokens.
inlined void add_spread_record(
    qk_layout l, size_t n, size_t depth, const unpacked_record *w, const spread_record *x, floats acc[]) {
  floats sums[SPREAD_TOKENS];
  ints part[SPREAD_TOKENS];
  for (size_t t = 0; t < n; t++) sums[t] = acc[t], part[t] = ints_of(0);
  // Plain pointers: with an index an instruction that reads memory counts as two.
  const unpacked_block *weights = w->blocks;
  const spread_block *inputs = x->blocks[0];
  for (size_t j = 0; j < depth; j++, weights++, inputs += SPREAD_TOKENS) {
    __asm__("" : "+r"(weights), "+r"(inputs));
    if (l.blocks == 1) add_spread_block(l, n, weights, inputs, sums);
    for (size_t g = 0; l.blocks > 1 && g < l.groups; g++)
      add_spread_group(l, n, g, weights, inputs, part);
  }
  if (l.blocks > 1) end_spread_record(l, n, w, x, part, sums);
  for (size_t t = 0; t < n; t++) acc[t] = sums[t];
}

inlined void many_tokens(
    qk_format format, size_t columns, size_t panel_count, const uint8_t *panels, size_t tokens,
    const qk_input_block *x, const qk_output *out) {
  const qk_layout l = qk_layouts[format];
  const size_t blocks = columns / QK_BLOCK, panel_bytes = qk_panel_bytes(format, columns);
  const size_t step_bytes = SLICE / l.blocks * record_bytes(l);
  const size_t lines = divide_up(step_bytes, 64 * divide_up(tokens, SPREAD_TOKENS));
  spread_scratch s;
  memset(s.sums, 0, divide_up(tokens, SPREAD_TOKENS) * sizeof s.sums[0]);
  for (size_t b = 0; b < blocks; b += SLICE, panels += step_bytes) {
    const size_t depth = at_most(blocks - b, SLICE);
    const bool more = b + SLICE < blocks;
    for (size_t p = 0; p < panel_count; p++)
      unpack_panel_record(l, depth, panels + p * panel_bytes, s.weights[p]);
    for (size_t first = 0; first < tokens; first += SPREAD_TOKENS) {
      const size_t tile = first / QK_TILE * QK_TILE, height = at_most(tokens - tile, QK_TILE);
      const size_t n = at_most(tokens - first, SPREAD_TOKENS);
      spread_inputs(l, n, depth, x + tile * blocks + b * height + (first - tile), height, &s.inputs);
      const uint8_t *ahead = panels + step_bytes + first / SPREAD_TOKENS * lines * 64;
      for (size_t p = 0; p < panel_count; p++) {
        for (size_t k = 0; more && k < lines; k++)
          __builtin_prefetch(ahead + p * panel_bytes + 64 * k, 0, 2);
        for (size_t r = 0; r < PANEL_REGISTERS; r++) {
          floats *acc = s.sums[first / SPREAD_TOKENS][p][r];
          const unpacked_record *w = &s.weights[p][r];
          switch (n) {
            case 1: add_spread_record(l, 1, depth, w, &s.inputs, acc); break;
            case 2: add_spread_record(l, 2, depth, w, &s.inputs, acc); break;
            case 3: add_spread_record(l, 3, depth, w, &s.inputs, acc); break;
            case 4: add_spread_record(l, 4, depth, w, &s.inputs, acc); break;
          }
        }
      }
    }
  }
  for (size_t first = 0; first < tokens; first += SPREAD_TOKENS)
    for (size_t p = 0; p < panel_count; p++) {
      const size_t n = at_most(tokens - first, SPREAD_TOKENS);
      floats acc[SPREAD_TOKENS][REGISTERS];
      for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < PANEL_REGISTERS; r++) acc[t][r] = s.sums[first / SPREAD_TOKENS][p][r][t];
      qk_output part = qk_output_from(out, first);
      part.y += p * QK_PANEL;
      part.rows = at_most(out->rows - p * QK_PANEL, QK_PANEL);
      store(&part, PANEL_REGISTERS, n, acc);
    }
}

/// A qk_many.
#define MANY(format)                                                                          \
  static void many_##format(                                                                  \
      size_t columns, size_t panel_count, const void *panels, size_t tokens, const void *x,   \
      const qk_output *out) {                                                                 \
    many_tokens(qk_##format, columns, panel_count, panels, tokens, x, out);                   \
  }
