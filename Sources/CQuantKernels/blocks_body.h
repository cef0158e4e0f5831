// The products of the quantized formats for sets whose registers hold LANES rows, two registers to
// a call: two panels, or the halves of one. The file that includes this one says what LANES are and
// whether it HAS_DOT, and defines the functions that are declared here first; the rest is in vectors
// of the compiler's own kind.
//
// PASS_TOKENS pass over the weights at a time. Those of a tile meet weights as they come from memory;
// more share the work: a slice of some blocks is unpacked into the first-level cache, where every
// token of the call meets it.
#pragma once
#include "layout.h"

typedef int32_t ints __attribute__((vector_size(4 * LANES)));
typedef float floats __attribute__((vector_size(4 * LANES)));
typedef uint16_t shorts __attribute__((vector_size(4 * LANES)));
typedef uint8_t bytes __attribute__((vector_size(4 * LANES)));
typedef int8_t side_bytes_of_lanes __attribute__((vector_size(LANES)));

enum {
  REGISTERS = 2,
  SLICE = 8,     // blocks that are unpacked together, a K format's record: half of a first-level cache of 32 KiB
  byte_registers = LANES / 8,  // whose sums of weights of 8 bits are made together: as many as fit
};

/// Words of four unsigned weights.
typedef ints block_words[8][REGISTERS];

/// What the sums of a block's groups are multiplied by: a block's own scale and what its minimum adds, or the
/// scale bytes of a K format, in both halves of a word where sums of 16 bits take them.
typedef struct {
  floats scale[REGISTERS], minimum[REGISTERS];
  ints bytes[2][REGISTERS];
} block_sides;

/// What a K format's record ends with: its scale, what its minima share, and the bytes of two groups in the halves of
/// each word, which sums of inputs take: minima, or scales where an offset comes off.
typedef struct {
  floats scale[REGISTERS], minimum[REGISTERS];
  ints pairs[8][REGISTERS];
} record_sides;

/// A block of each row: `records` of the first panel, whose block j it is, and what has been unpacked
/// of it, or NULL.
typedef struct {
  const uint8_t *records;
  size_t panel_bytes, j;
  const block_words *words;
  const block_sides *sides;
} block_view;

// ---- What the instruction set's file defines

#if HAS_DOT
/// Adds each lane's four products of unsigned weights by signed inputs, exactly.
inlined ints dot(ints sum, ints words, ints inputs);
/// Sums of each output that words are dealt to, 1 or 2.
inlined size_t chains_of(qk_layout l);
#else
/// The products of unsigned weights by signed inputs, neighbours added in 16 bits, where they saturate.
inlined ints pair_products(ints words, ints inputs);
/// Inputs with their signs changed where weights are negative; anything where those are 0.
inlined ints with_signs(ints inputs, ints weights);
#endif
/// Adds each lane's two products of 16 bits.
inlined ints dot_pairs(ints sum, ints words, ints inputs);
inlined bytes look_up(bytes codes);
inlined floats floats_of_halves(const uint8_t *halves);
/// Whether words are unpacked when they are used.
inlined bool stays_packed(qk_layout l);
/// Tokens of a pass whose sums are made together.
inlined size_t together(qk_layout l);
/// Tokens from which on it pays to unpack a slice for all; SIZE_MAX for never.
inlined size_t sharing_tokens(qk_layout l);
/// Whether as many take all panels of a chunk at once (spread_body.h).
inlined bool spreads(qk_layout l);
static void store(const qk_output *out, size_t count, size_t n, floats acc[][REGISTERS]);

// ---- Unpacking

/// Whether a K format's offset comes off at the end of a record.
inlined bool ends_with_offset(qk_layout l) {
  return !HAS_DOT && l.blocks > 1 && l.offset != 0 && l.offset != 128;
}

/// Whether a K format's sums of 16 bits are multiplied by bytes.
inlined bool widens(qk_layout l) { return !HAS_DOT && l.offset != 128; }

inlined int32_t four_inputs(const qk_input_block *x, size_t i) {
  int32_t word;
  memcpy(&word, x->quants + 4 * i, sizeof word);
  return word;
}

inlined ints ints_of(int32_t value) { return (ints){0} + value; }
inlined floats floats_of(float value) { return value - (floats){0}; }

/// Word i of each row's stored bits, in the place of bits `to ..< to + bits` of its values.
inlined bytes stored_bits(
    const uint8_t *lines, unsigned bits, size_t i, unsigned to, size_t lane) {
  shorts line;
  memcpy(&line, lines + i % bits * QK_LINE + 4 * lane, sizeof line);
  if (bits == 8) return (bytes)line;
  const unsigned from = bits * (unsigned)(i / bits);
  const shorts moved = from < to ? line << (uint16_t)(to - from) : line >> (uint16_t)(from - to);
  return (bytes)moved & (uint8_t)(((1 << bits) - 1) << to);
}

/// The rows' weights of inputs 4 * i ..< 4 * i + 4 of a block, unsigned, from row `lane` on.
inlined ints block_weights(qk_layout l, const uint8_t *block, size_t i, size_t lane) {
  bytes q = stored_bits(low_of(l, block), l.low, i, 0, lane);
  if (l.high) q |= stored_bits(high_of(l, block), l.high, i, l.low, lane);
  if (HAS_DOT && l.lift) q += l.lift;
  return (ints)(l.coded ? look_up(q) : q);
}

inlined ints ints_of_bytes(const uint8_t *bytes) {
  side_bytes_of_lanes lanes;
  memcpy(&lanes, bytes, sizeof lanes);
  return __builtin_convertvector(lanes, ints);
}

/// Where register r begins: a panel, and a row of it.
inlined size_t panel_of(size_t r) { return r * LANES / QK_PANEL; }
inlined size_t lane_of(size_t r) { return r * LANES % QK_PANEL; }

/// The record that register r's rows begin with.
inlined const uint8_t *record_of(const block_view *block, size_t r) {
  return block->records + panel_of(r) * block->panel_bytes;
}

/// Word i, unpacked before or now.
inlined ints word_of(qk_layout l, const block_view *block, size_t i, size_t r) {
  if (block->words) return (*block->words)[i][r];
  return block_weights(l, block_of(l, record_of(block, r), block->j), i, lane_of(r));
}

/// The halves that a record begins with.
inlined floats scale_of(const block_view *block, size_t r) {
  if (block->sides) return block->sides->scale[r];
  return floats_of_halves(record_of(block, r) + 2 * lane_of(r));
}

/// A K format's scale bytes of a group.
inlined ints bytes_of(qk_layout l, const block_view *block, size_t g, size_t r) {
  if (block->sides) return block->sides->bytes[g][r];
  const uint8_t *bytes = scales_of(block_of(l, record_of(block, r), block->j), g) + lane_of(r);
  const ints values = ints_of_bytes(bytes);
  return widens(l) ? (values & 0xffff) | values << 16 : values;
}

/// The halves behind the scales of a record.
inlined floats minimum_of(const block_view *block, size_t r) {
  if (block->sides) return block->sides->minimum[r];
  return floats_of_halves(record_of(block, r) + 2 * QK_PANEL + 2 * lane_of(r));
}

inlined record_sides sides_of_record(qk_layout l, size_t count, const block_view *first) {
  record_sides sides;
  for (size_t r = 0; r < count; r++) {
    const uint8_t *record = record_of(first, r);
    sides.scale[r] = scale_of(first, r);
    if (l.minimum) sides.minimum[r] = minimum_of(first, r);
    if (!l.minimum && !ends_with_offset(l)) continue;
    for (size_t pair = 0; pair < group_pairs(l); pair++) {
      const uint8_t *even = l.minimum ? group_minima(l, record, 2 * pair) : group_scales(l, record, 2 * pair);
      const uint8_t *odd = l.minimum ? group_minima(l, record, 2 * pair + 1) : group_scales(l, record, 2 * pair + 1);
      sides.pairs[pair][r] =
          (ints_of_bytes(even + lane_of(r)) & 0xffff) | ints_of_bytes(odd + lane_of(r)) << 16;
    }
  }
  return sides;
}

// ---- Products

#if HAS_DOT
/// The sums of a group's products by n tokens, each with its start; of a K format times `by`, added to what is there.
inlined void sum_group(
    qk_layout l, size_t count, size_t n, size_t g, const block_view *block,
    const qk_input_block *x, const ints by[REGISTERS], ints sums[][REGISTERS]) {
  const size_t words = 8 / l.groups, chains = chains_of(l);
  ints chain[2][PASS_TOKENS][REGISTERS];
  for (size_t c = 0; c < chains; c++)
    for (size_t t = 0; t < n; t++)
      for (size_t r = 0; r < count; r++)
        chain[c][t][r] = ints_of(c == 0 ? start_of(l, &x[t], g) : 0);
  for (size_t i = g * words; i < (g + 1) * words; i += chains)
    for (size_t c = 0; c < chains; c++) {
      ints word[REGISTERS];
      for (size_t r = 0; r < count; r++) word[r] = word_of(l, block, i + c, r);
      for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < count; r++)
          chain[c][t][r] = dot(chain[c][t][r], word[r], ints_of(four_inputs(&x[t], i + c)));
    }
  for (size_t t = 0; t < n; t++)
    for (size_t r = 0; r < count; r++) {
      const ints sum = chains == 2 ? chain[0][t][r] + chain[1][t][r] : chain[0][t][r];
      sums[t][r] = l.blocks == 1 ? sum : sums[t][r] + sum * by[r];
    }
}
#else
// Sums of 16 bits saturate, so each way says why its own fit.

/// Unsigned magnitudes times inputs that take the weight's sign: a pair is at most 2 * 128 * 127 =
/// 32512.
inlined void byte_sums(
    qk_layout l, size_t count, size_t n, const block_view *block, const qk_input_block *x,
    const ints by[REGISTERS], ints sums[][REGISTERS]) {
  typedef int8_t signed_bytes __attribute__((vector_size(4 * LANES)));
  const size_t width = at_most(count, byte_registers);
  for (size_t from = 0; from < count; from += width) {
    ints sum[PASS_TOKENS][REGISTERS];
    for (size_t t = 0; t < n; t++)
      for (size_t r = 0; r < width; r++) sum[t][r] = ints_of(0);
    for (size_t i = 0; i < 8; i++) {
      signed_bytes q[REGISTERS];
      for (size_t r = 0; r < width; r++)
        q[r] = (signed_bytes)word_of(l, block, i, from + r) ^ (int8_t)0x80;
      for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < width; r++) {
          const ints input = with_signs(ints_of(four_inputs(&x[t], i)), (ints)q[r]);
          const ints pairs = pair_products((ints)__builtin_elementwise_abs(q[r]), input);
          sum[t][r] = dot_pairs(sum[t][r], pairs, ints_of(0x10001));
        }
    }
    for (size_t t = 0; t < n; t++)
      for (size_t r = 0; r < width; r++)
        sums[t][from + r] = l.blocks == 1 ? sum[t][r] : sums[t][from + r] + sum[t][r] * by[from + r];
  }
}

/// A pair of unsigned values times inputs is at most 2 * 127 times the largest value, so sums of 16
/// bits hold 8 pairs of values up to 15 (30480), 4 up to 31 (31496) and 2 up to 63 (32004).
///
/// A word's products come first, then all the sums: in turns, sums take the pipes that products need (by
/// a tenth, on Zen 5). The empty statements keep the compiler from turning that round; with 32 registers, short
/// sums are a tenth faster without them (Skylake).
inlined void small_sums(
    qk_layout l, size_t count, size_t n, size_t g, const block_view *block,
    const qk_input_block *x, const ints by[REGISTERS], ints sums[][REGISTERS]) {
  const size_t words = 8 / l.groups, largest = (1u << (l.low + l.high)) - 1;
  const size_t depth = largest <= 15 ? words : largest <= 31 ? 4 : 2;
  for (size_t first = g * words; first < (g + 1) * words; first += depth) {
    shorts pairs[PASS_TOKENS][REGISTERS];
#pragma clang loop unroll(full)
    for (size_t i = first; i < first + depth; i++) {
      shorts pair[PASS_TOKENS][REGISTERS];
      for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < count; r++)
          pair[t][r] = (shorts)pair_products(
              word_of(l, block, i, r), ints_of(four_inputs(&x[t], i)));
      for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < count; r++) {
          pairs[t][r] = i == first ? pair[t][r] : pairs[t][r] + pair[t][r];
          if (n > 1 && (LANES == 8 || depth == words)) __asm__ volatile("" : "+v"(pairs[t][r]));
        }
    }
    for (size_t t = 0; t < n; t++)
      for (size_t r = 0; r < count; r++) {
        const bool start = l.blocks == 1 && first == g * words;
        const ints before = start ? ints_of(start_of(l, &x[t], g)) : sums[t][r];
        sums[t][r] = dot_pairs(before, (ints)pairs[t][r], l.blocks == 1 ? ints_of(0x10001) : by[r]);
      }
  }
}

/// The sums of a group's products by n tokens, each with its start; of a K format times `by`, added to what is there.
inlined void sum_group(
    qk_layout l, size_t count, size_t n, size_t g, const block_view *block,
    const qk_input_block *x, const ints by[REGISTERS], ints sums[][REGISTERS]) {
  if (l.offset == 128)
    byte_sums(l, count, n, block, x, by, sums);
  else
    small_sums(l, count, n, g, block, x, by, sums);
}
#endif

/// Adds a block that has a scale of its own, by n tokens.
inlined void add_block(
    qk_layout l, size_t count, size_t n, const block_view *block, const qk_input_block *x,
    floats acc[][REGISTERS]) {
  ints sums[PASS_TOKENS][REGISTERS];
  sum_group(l, count, n, 0, block, x, NULL, sums);
  for (size_t r = 0; r < count; r++) {
    const floats scale = scale_of(block, r);
    for (size_t t = 0; t < n; t++)
      acc[t][r] = __builtin_elementwise_fma(
          __builtin_convertvector(sums[t][r], floats), scale * x[t].scale, acc[t][r]);
    if (!l.minimum) continue;
    const floats minimum = minimum_of(block, r);
    for (size_t t = 0; t < n; t++)
      acc[t][r] = __builtin_elementwise_fma(minimum, floats_of(x[t].sum), acc[t][r]);
  }
}

/// Adds a block of a K format's record, by n tokens.
inlined void add_block_of_record(
    qk_layout l, size_t count, size_t n, const block_view *block, const qk_input_block *x,
    ints part[][REGISTERS]) {
  for (size_t g = 0; g < l.groups; g++) {
    ints by[REGISTERS];
    for (size_t r = 0; r < count; r++) by[r] = bytes_of(l, block, g, r);
    sum_group(l, count, n, g, block, x, by, part);
  }
}

/// Ends a K format's record by up to PASS_TOKENS tokens.
inlined void end_tokens(
    qk_layout l, size_t count, size_t n, const record_sides *sides, const qk_input_block *x,
    size_t stride, ints part[][REGISTERS], floats acc[][REGISTERS]) {
  ints sums[PASS_TOKENS][REGISTERS];
  if (l.minimum || ends_with_offset(l)) {
    for (size_t t = 0; t < n; t++)
      for (size_t r = 0; r < count; r++) sums[t][r] = ints_of(0);
    for (size_t pair = 0; pair < group_pairs(l); pair++)
      for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < count; r++)
          sums[t][r] = dot_pairs(
              sums[t][r], sides->pairs[pair][r], ints_of(pair_sums(l, &x[t], stride, pair)));
  }
  for (size_t t = 0; t < n; t++)
    for (size_t r = 0; r < count; r++) {
      ints products = part[t][r];
      if (ends_with_offset(l)) products -= sums[t][r] * (l.offset - l.lift);
      floats value = __builtin_convertvector(products, floats) * sides->scale[r];
      if (l.minimum)
        value = __builtin_elementwise_fma(
            __builtin_convertvector(sums[t][r], floats), sides->minimum[r], value);
      acc[t][r] = __builtin_elementwise_fma(value, floats_of(x[t].scale), acc[t][r]);
    }
}

/// Adds a K format's record to what comes before it; x is at its first block, the next `stride` further.
inlined void end_record(
    qk_layout l, size_t count, size_t n, const record_sides *sides, const qk_input_block *x,
    size_t stride, ints part[][REGISTERS], floats acc[][REGISTERS]) {
  const size_t step = together(l);
  for (size_t t = 0; t < n; t += step)
    end_tokens(l, count, at_most(n - t, step), sides, x + t, stride, part + t, acc + t);
}

inlined void clear_ints(size_t n, ints part[][REGISTERS]) {
  for (size_t t = 0; t < n; t++)
    for (size_t r = 0; r < REGISTERS; r++) part[t][r] = ints_of(0);
}

inlined void clear(size_t n, floats acc[][REGISTERS]) {
  for (size_t t = 0; t < n; t++)
    for (size_t r = 0; r < REGISTERS; r++) acc[t][r] = floats_of(0);
}

/// Adds a block's products by the tokens of a pass, as many at a time as pays; of a K format to `part`.
inlined void add_pass(
    qk_layout l, size_t count, size_t n, const block_view *block, const qk_input_block *x,
    ints part[][REGISTERS], floats acc[][REGISTERS]) {
  const size_t step = together(l);
  for (size_t t = 0; t < n; t += step) {
    const size_t some = at_most(n - t, step);
    if (l.blocks > 1)
      add_block_of_record(l, count, some, block, x + t, part + t);
    else
      add_block(l, count, some, block, x + t, acc + t);
  }
}

/// Tokens of the next pass where `left` are left of a tile. Passes of fewer than PASS_TOKENS are summed all together:
/// with a number that varies sums are in memory, and five tokens took twice as long as eight. Five are three and two,
/// not four and one, which has little to share.
inlined size_t next_pass(qk_layout l, size_t left) {
  const size_t most = left < PASS_TOKENS ? together(l) : PASS_TOKENS;
  return left == 5 && most < 5 ? 3 : at_most(left, most);
}

/// A pass of n tokens of a tile of `stride`, which take each weight as it comes from memory.
inlined void few_tokens(
    qk_format format, size_t count, size_t n, size_t columns, const void *panels,
    const qk_input_block *x, size_t stride, const qk_output *out) {
  const qk_layout l = qk_layouts[format];
  const size_t blocks = columns / QK_BLOCK, panel_bytes = qk_panel_bytes(format, columns);
  const uint8_t *record = panels;
  const char *ahead = out->ahead;
  const size_t lines = qk_fetch_lines(out, blocks);
  floats acc[PASS_TOKENS][REGISTERS];
  ints part[PASS_TOKENS][REGISTERS];
  clear(n, acc);
  for (size_t b = 0; b < blocks; b += l.blocks, record += record_bytes(l)) {
    const qk_input_block *first = x;
    if (l.blocks > 1) clear_ints(n, part);
    for (size_t j = 0; j < l.blocks; j++, x += stride) {
      for (size_t k = 0; k < lines; k++, ahead += 64) __builtin_prefetch(ahead, 0, 2);
      const block_view block = {record, panel_bytes, j, NULL, NULL};
      add_pass(l, count, n, &block, x, part, acc);
    }
    if (l.blocks == 1) continue;
    const block_view block = {record, panel_bytes, 0, NULL, NULL};
    const record_sides sides = sides_of_record(l, count, &block);
    end_record(l, count, n, &sides, first, stride, part, acc);
  }
  store(out, count, n, acc);
}

inlined void tile_of_few(
    qk_format format, size_t count, size_t columns, const void *panels, size_t tokens,
    const qk_input_block *x, const qk_output *out) {
  for (size_t first = 0; first < tokens;) {
    const size_t n = next_pass(qk_layouts[format], tokens - first);
    qk_output part = qk_output_from(out, first);
    part.ahead_bytes = out->ahead_bytes / tokens * n;
    part.ahead += out->ahead_bytes / tokens * first;
    switch (n) {
      case 1: few_tokens(format, count, 1, columns, panels, x, 1, &part); break;  // the only one
      case 2: few_tokens(format, count, 2, columns, panels, x + first, tokens, &part); break;
      case 3: few_tokens(format, count, 3, columns, panels, x + first, tokens, &part); break;
      case 4: few_tokens(format, count, 4, columns, panels, x + first, tokens, &part); break;
#if PASS_TOKENS == QK_TILE
      case 5: few_tokens(format, count, 5, columns, panels, x + first, tokens, &part); break;
      case 6: few_tokens(format, count, 6, columns, panels, x + first, tokens, &part); break;
      case 7: few_tokens(format, count, 7, columns, panels, x + first, tokens, &part); break;
      case 8: few_tokens(format, count, 8, columns, panels, x + first, tokens, &part); break;
#endif
    }
    first += n;
  }
}

/// Blocks that many tokens meet, unpacked, and memory to fetch meanwhile.
typedef struct {
  block_words words[SLICE];
  block_sides sides[SLICE];
  block_view blocks[SLICE];
  record_sides record;
  size_t depth;
  const char *ahead, *ahead_end;
  size_t lines;  // to fetch beside a block and PASS_TOKENS
} slice;

/// Unpacks `count` registers of blocks b ..< b + depth.
inlined void unpack_slice(
    qk_layout l, size_t count, const uint8_t *panels, size_t panel_bytes, size_t b, slice *to) {
  for (size_t i = 0; i < to->depth; i++) {
    const uint8_t *records = panels + (b + i) / l.blocks * record_bytes(l);
    const block_view block = {records, panel_bytes, (b + i) % l.blocks, NULL, NULL};
    for (size_t r = 0; r < count; r++) {
      for (size_t k = 0; !stays_packed(l) && k < 8; k++)
        to->words[i][k][r] = word_of(l, &block, k, r);
      for (size_t g = 0; l.blocks > 1 && g < l.groups; g++)
        to->sides[i].bytes[g][r] = bytes_of(l, &block, g, r);
      if (l.blocks == 1) to->sides[i].scale[r] = scale_of(&block, r);
      if (l.minimum && l.blocks == 1) to->sides[i].minimum[r] = minimum_of(&block, r);
    }
    if (l.blocks > 1 && i == 0) to->record = sides_of_record(l, count, &block);
    to->blocks[i] = block;
  }
}

/// A slice by n tokens of a tile of `stride`.
inlined void add_slice(
    qk_layout l, size_t count, size_t n, slice *from, const qk_input_block *x, size_t stride,
    floats acc[][REGISTERS]) {
  const qk_input_block *first = x;
  floats sums[PASS_TOKENS][REGISTERS];
  ints part[PASS_TOKENS][REGISTERS];
  if (l.blocks > 1) clear_ints(n, part);
  else memcpy(sums, acc, n * sizeof sums[0]);
  for (size_t j = 0; j < from->depth; j++, x += stride) {
    for (size_t k = 0; k < from->lines && from->ahead < from->ahead_end; k++, from->ahead += 64)
      __builtin_prefetch(from->ahead, 0, 2);
    block_view block = from->blocks[j];
    block.words = stays_packed(l) ? NULL : &from->words[j];
    block.sides = &from->sides[j];
    add_pass(l, count, n, &block, x, part, sums);
  }
  if (l.blocks > 1) end_record(l, count, n, &from->record, first, stride, part, acc);
  else memcpy(acc, sums, n * sizeof sums[0]);
}

inlined void tiles_of_many(
    qk_format format, size_t count, size_t columns, const void *panels, size_t tokens,
    const qk_input_block *x, const qk_output *out) {
  const qk_layout l = qk_layouts[format];
  const size_t blocks = columns / QK_BLOCK, panel_bytes = qk_panel_bytes(format, columns);
  floats acc[QK_MANY][REGISTERS];
  memset(acc, 0, tokens * sizeof acc[0]);
  slice s;
  s.ahead = out->ahead;
  s.ahead_end = out->ahead + out->ahead_bytes;
  s.lines = qk_fetch_lines(out, blocks * divide_up(tokens, PASS_TOKENS));
  for (size_t b = 0; b < blocks; b += SLICE) {
    s.depth = at_most(blocks - b, SLICE);
    unpack_slice(l, count, panels, panel_bytes, b, &s);
    for (size_t first = 0, n; first < tokens; first += n) {
      const size_t tile = first / QK_TILE * QK_TILE, height = at_most(tokens - tile, QK_TILE);
      n = next_pass(l, tile + height - first);
      const qk_input_block *inputs = x + tile * blocks + b * height + (first - tile);
      switch (n) {
        case 1: add_slice(l, count, 1, &s, inputs, height, acc + first); break;
        case 2: add_slice(l, count, 2, &s, inputs, height, acc + first); break;
        case 3: add_slice(l, count, 3, &s, inputs, height, acc + first); break;
        case 4: add_slice(l, count, 4, &s, inputs, height, acc + first); break;
#if PASS_TOKENS == QK_TILE
        case 5: add_slice(l, count, 5, &s, inputs, height, acc + first); break;
        case 6: add_slice(l, count, 6, &s, inputs, height, acc + first); break;
        case 7: add_slice(l, count, 7, &s, inputs, height, acc + first); break;
        case 8: add_slice(l, count, 8, &s, inputs, height, acc + first); break;
#endif
      }
      // One after another, since each goes to lines that are far away.
      if (b + s.depth == blocks) {
        const qk_output part = qk_output_from(out, first);
        store(&part, count, n, acc + first);
      }
    }
  }
}

inlined void tile_blocks(
    qk_format format, size_t count, size_t columns, const void *panels, size_t tokens,
    const void *x, const qk_output *out) {
  const qk_layout l = qk_layouts[format];
  if (!spreads(l) && (tokens > QK_TILE || tokens >= sharing_tokens(l)))
    tiles_of_many(format, count, columns, panels, tokens, x, out);
  else
    tile_of_few(format, count, columns, panels, tokens, x, out);
}

static size_t sharing_tokens_of(qk_format format) { return sharing_tokens(qk_layouts[format]); }

/// A qk_tile of `count` registers.
#define BLOCKS(format, count, name)                                                           \
  static void name(                                                                           \
      size_t columns, const void *panels, size_t tokens, const void *x, size_t stride,        \
      const qk_output *out) {                                                                 \
    (void)stride;                                                                             \
    tile_blocks(qk_##format, count, columns, panels, tokens, x, out);                         \
  }
