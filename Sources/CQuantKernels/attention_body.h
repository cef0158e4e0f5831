// Attention over the paged store, a part of `steps_body.h`, whose `exp` and `join` it uses: written
// once and compiled for each instruction set.
//
// Several queries that read the same keys (the heads of a group, consecutive positions of a
// sequence, sequences with a common beginning) go through a block together, so that a key or value
// that was loaded serves all of them: STEPS_QUERIES at most, by STEPS_VECTORS vectors of 16 at a time,
// as many as the registers hold.
// Each query's own operations and their order are the same in any company.

typedef float STEPS(lanes) __attribute__((ext_vector_type(16)));

/// The same wherever it lies among floats.
typedef STEPS(lanes) STEPS(lanes_at) __attribute__((aligned(4)));

typedef int8_t STEPS(bytes) __attribute__((ext_vector_type(16)));

/// Numbers of a head for which a key's scales are loaded once.
static inline __attribute__((always_inline)) size_t STEPS(scale_run)(
    qk_store_type type, size_t head_size) {
  return type == qk_store_q8_0 ? QK_STORE_BLOCK : head_size;
}

/// The scales of a block of 32 in a page, one a position; ones where there are none.
static inline __attribute__((always_inline)) void STEPS(scales)(
    qk_store_type type, const void *page, size_t block, STEPS(lanes) *to) {
  *to = (STEPS(lanes))(1.0f);
  if (type == qk_store_q8_0) STEPS_HALVES((const uint16_t *)page + block * QK_PAGE, *to);
}

/// 16 stored numbers from number `at` of a page on, not yet multiplied by their scales; exact.
static inline __attribute__((always_inline)) void STEPS(load)(
    qk_store_type type, size_t head_size, const void *page, size_t at, STEPS(lanes) *to) {
  switch (type) {
    case qk_store_f32: *to = *(const STEPS(lanes_at) *)((const float *)page + at); break;
    case qk_store_f16: STEPS_HALVES((const uint16_t *)page + at, *to); break;
    case qk_store_q8_0: {
      STEPS(bytes) bytes;
      memcpy(&bytes, (const char *)page + head_size / QK_STORE_BLOCK * QK_PAGE * 2 + at, sizeof bytes);
      *to = __builtin_convertvector(bytes, STEPS(lanes));
      break;
    }
  }
}

/// s[t][p * 16 + lane] = sum over i of q[t][i] * key[p][i][lane], for n queries and four pages.
static inline __attribute__((always_inline)) void STEPS(scores)(
    qk_store_type type, size_t n, size_t head_size, const float *const *q,
    const void *const key[4], float (*s)[QK_ATTENTION_BLOCK]) {
  for (size_t first = 0; first < 4; first += STEPS_VECTORS) {
    STEPS(lanes) acc[STEPS_QUERIES][STEPS_VECTORS], scale[STEPS_VECTORS];
    for (size_t t = 0; t < n; t++)
      for (size_t p = 0; p < STEPS_VECTORS; p++) acc[t][p] = (STEPS(lanes))(0.0f);
    const size_t run = STEPS(scale_run)(type, head_size);
    for (size_t start = 0; start < head_size; start += run) {
      for (size_t p = 0; p < STEPS_VECTORS; p++)
        STEPS(scales)(type, key[first + p], start / QK_STORE_BLOCK, &scale[p]);
      for (size_t i = start; i < start + run; i++) {
        STEPS(lanes) k[STEPS_VECTORS];
        for (size_t p = 0; p < STEPS_VECTORS; p++) {
          STEPS(load)(type, head_size, key[first + p], i * QK_PAGE, &k[p]);
          if (type == qk_store_q8_0) k[p] *= scale[p];
        }
        for (size_t t = 0; t < n; t++) {
          const STEPS(lanes) x = (STEPS(lanes))(q[t][i]);
          for (size_t p = 0; p < STEPS_VECTORS; p++)
            acc[t][p] = __builtin_elementwise_fma(x, k[p], acc[t][p]);
        }
      }
    }
    for (size_t t = 0; t < n; t++) memcpy(s[t] + first * QK_PAGE, acc[t], sizeof acc[t]);
  }
}

/// acc[t] = acc[t] * keep[t] + sum over the positions below `count` of p[t] * value, in order; `width`
/// vectors of each head at a time.
static inline __attribute__((always_inline)) size_t STEPS(gather_wide)(
    qk_store_type type, size_t n, size_t width, size_t at, size_t head_size, size_t count,
    const float (*p)[QK_ATTENTION_BLOCK], const void *const value[4], const float *keep,
    float (*acc)[QK_MAX_HEAD_SIZE]) {
  for (; at + width * 16 <= head_size; at += width * 16) {
    STEPS(lanes) part[STEPS_QUERIES][STEPS_VECTORS];
    // Of the block that each pair of vectors lies in.
    float scale[(STEPS_VECTORS + 1) / 2][QK_ATTENTION_BLOCK];
    if (type == qk_store_q8_0)
      for (size_t w = 0; w < width; w += 2)
        for (size_t page = 0; page < 4; page++) {
          STEPS(lanes) scales;
          STEPS(scales)(type, value[page], (at + w * 16) / QK_STORE_BLOCK, &scales);
          memcpy(scale[w / 2] + page * QK_PAGE, &scales, sizeof scales);
        }
    for (size_t t = 0; t < n; t++)
      for (size_t w = 0; w < width; w++)
        part[t][w] = *(const STEPS(lanes_at) *)(acc[t] + at + w * 16) * (STEPS(lanes))(keep[t]);
    for (size_t j = 0; j < count; j++) {
      const size_t from = (j % QK_PAGE) * head_size + at;
      STEPS(lanes) v[STEPS_VECTORS];
      for (size_t w = 0; w < width; w++) {
        STEPS(load)(type, head_size, value[j / QK_PAGE], from + w * 16, &v[w]);
        if (type == qk_store_q8_0) v[w] *= (STEPS(lanes))(scale[w / 2][j]);
      }
      for (size_t t = 0; t < n; t++) {
        const STEPS(lanes) x = (STEPS(lanes))(p[t][j]);
        for (size_t w = 0; w < width; w++)
          part[t][w] = __builtin_elementwise_fma(x, v[w], part[t][w]);
      }
    }
    for (size_t t = 0; t < n; t++) memcpy(acc[t] + at, part[t], width * sizeof part[t][0]);
  }
  return at;
}

static inline __attribute__((always_inline)) void STEPS(gather)(
    qk_store_type type, size_t n, size_t head_size, size_t count,
    const float (*p)[QK_ATTENTION_BLOCK], const void *const value[4], const float *keep,
    float (*acc)[QK_MAX_HEAD_SIZE]) {
  size_t at = 0;
  if (STEPS_VECTORS == 4)
    at = STEPS(gather_wide)(type, n, 4, at, head_size, count, p, value, keep, acc);
  at = STEPS(gather_wide)(type, n, 2, at, head_size, count, p, value, keep, acc);
  // What is left of a head that is no multiple of 32, which Q8_0 does not take.
  if (type == qk_store_q8_0) return;
  at = STEPS(gather_wide)(type, n, 1, at, head_size, count, p, value, keep, acc);
  for (; at < head_size; at++)
    for (size_t t = 0; t < n; t++) {
      float part = acc[t][at] * keep[t];
      for (size_t j = 0; j < count; j++) {
        const size_t from = (j % QK_PAGE) * head_size + at;
        const float v = type == qk_store_f32
            ? ((const float *)value[j / QK_PAGE])[from]
            : qk_half_to_float(((const uint16_t *)value[j / QK_PAGE])[from]);
        part = fmaf(p[t][j], v, part);
      }
      acc[t][at] = part;
    }
}

/// Calls an inlined function whose first parameters are a type and n, with the type a constant.
#define STEPS_FOR_TYPE(type, function, ...)                                \
  switch (type) {                                                          \
    case qk_store_f32: STEPS(function)(qk_store_f32, __VA_ARGS__); break;   \
    case qk_store_f16: STEPS(function)(qk_store_f16, __VA_ARGS__); break;   \
    case qk_store_q8_0: STEPS(function)(qk_store_q8_0, __VA_ARGS__); break; \
  }

/// Queries of one key/value head, and what is known of each so far.
typedef struct {
  const qk_store_layer *store;
  size_t kv_head;
  float scale;
  const float *q[STEPS_QUERIES];
  float *out[STEPS_QUERIES];
  const int32_t *table[STEPS_QUERIES];
  size_t count[STEPS_QUERIES];  // positions that it sees
  float acc[STEPS_QUERIES][QK_MAX_HEAD_SIZE];
  float lane[STEPS_QUERIES][16];
  float best[STEPS_QUERIES];
} STEPS(queries);

static inline size_t STEPS(most_seen)(const STEPS(queries) *a, size_t n, size_t first) {
  size_t most = 0;
  for (size_t t = first; t < first + n; t++) most = a->count[t] > most ? a->count[t] : most;
  return most;
}

/// Takes n queries from number `first` on, whose pages are the same, past the positions `begin ..< end`, whole blocks
/// or up to the last that any of them sees.
static inline __attribute__((always_inline)) void STEPS(pass_blocks)(
    size_t n, STEPS(queries) *a, size_t first, size_t begin, size_t end) {
  const qk_store_layer *store = a->store;
  const size_t head_size = store->head_size;
  const size_t key_bytes = qk_store_head_bytes(store->key_type, head_size);
  const size_t head_bytes = key_bytes + qk_store_head_bytes(store->value_type, head_size);
  const size_t page_bytes = store->kv_heads * head_bytes;
  const float scale = a->scale, *q[STEPS_QUERIES];
  size_t counts[STEPS_QUERIES];
  memcpy(q, a->q + first, n * sizeof q[0]);
  memcpy(counts, a->count + first, n * sizeof counts[0]);
  float (*acc)[QK_MAX_HEAD_SIZE] = a->acc + first, (*lane)[16] = a->lane + first;
  float *best = a->best + first;
  for (; begin < end; begin += QK_ATTENTION_BLOCK) {
    const size_t seen = end - begin;
    const size_t pages = seen < QK_ATTENTION_BLOCK ? (seen + QK_PAGE - 1) / QK_PAGE : 4;
    const void *key[4], *value[4];
    for (size_t i = 0; i < 4; i++) {
      // A block that is not full repeats its first page; those scores are never used.
      int32_t page = a->table[first][begin / QK_PAGE + (i < pages ? i : 0)];
      const char *head =
          (const char *)store->pages + (size_t)page * page_bytes + a->kv_head * head_bytes;
      key[i] = head;
      value[i] = head + key_bytes;
    }
    float s[STEPS_QUERIES][QK_ATTENTION_BLOCK], keep[STEPS_QUERIES];
    STEPS_FOR_TYPE(store->key_type, scores, n, head_size, q, key, s)
    size_t valid[STEPS_QUERIES], common = QK_ATTENTION_BLOCK, most = 0;
    float fall[STEPS_QUERIES] = {0};
    for (size_t t = 0; t < n; t++) {
      const size_t left = counts[t] > begin ? counts[t] - begin : 0;
      valid[t] = left < QK_ATTENTION_BLOCK ? left : QK_ATTENTION_BLOCK;
      common = valid[t] < common ? valid[t] : common;
      most = valid[t] > most ? valid[t] : most;
      if (valid[t] == 0) continue;
      for (size_t j = 0; j < QK_ATTENTION_BLOCK; j++)
        s[t][j] = j < valid[t] ? s[t][j] * scale : -INFINITY;
      STEPS(lanes) part[QK_ATTENTION_BLOCK / 16], highest;
      memcpy(part, s[t], sizeof part);
      highest = part[0] > part[1] ? part[0] : part[1];
      highest = part[2] > highest ? part[2] : highest;
      highest = part[3] > highest ? part[3] : highest;
      const float maximum = STEPS(join_maximum)((const float *)&highest);
      const float top = maximum > best[t] ? maximum : best[t];
      fall[t] = best[t] - top;
      best[t] = top;
    }
    for (size_t t = 0; t < STEPS_QUERIES; t++) keep[t] = STEPS(exp)(fall[t]);
    for (size_t t = 0; t < n; t++) {
      if (valid[t] == 0) continue;
      for (size_t j = 0; j < QK_ATTENTION_BLOCK; j++) s[t][j] = STEPS(exp)(s[t][j] - best[t]);
      for (int l = 0; l < 16; l++)
        lane[t][l] =
            (fmaf(lane[t][l], keep[t], s[t][l]) + s[t][16 + l]) + (s[t][32 + l] + s[t][48 + l]);
    }
    if (common == most) {
      STEPS_FOR_TYPE(store->value_type, gather, n, head_size, common, s, value, keep, acc)
    } else {
      for (size_t t = 0; t < n; t++)
        if (valid[t] > 0)
          STEPS_FOR_TYPE(
              store->value_type, gather, 1, head_size, valid[t], s + t, value, keep + t, acc + t)
    }
  }
}

static void STEPS(pass)(size_t n, STEPS(queries) *a, size_t first, size_t begin, size_t end) {
  switch (n) {
    case 1: STEPS(pass_blocks)(1, a, first, begin, end); break;
    case 2: STEPS(pass_blocks)(2, a, first, begin, end); break;
#if STEPS_QUERIES > 2
    case STEPS_QUERIES: STEPS(pass_blocks)(STEPS_QUERIES, a, first, begin, end); break;
#endif
  }
}

/// Positions of whole blocks that are the same ones for n queries.
static size_t STEPS(shared)(const STEPS(queries) *a, size_t n) {
  size_t least = a->count[0], end = 0;
  for (size_t t = 1; t < n; t++) least = a->count[t] < least ? a->count[t] : least;
  for (; end + QK_ATTENTION_BLOCK <= least; end += QK_ATTENTION_BLOCK) {
    const size_t page = end / QK_PAGE, bytes = QK_ATTENTION_BLOCK / QK_PAGE * sizeof(int32_t);
    for (size_t t = 1; t < n; t++)
      if (memcmp(a->table[t] + page, a->table[0] + page, bytes) != 0) return end;
  }
  return end;
}

/// All positions of n queries.
static void STEPS(attend_together)(STEPS(queries) *a, size_t n) {
  const size_t head_size = a->store->head_size;
  for (size_t t = 0; t < n; t++) {
    memset(a->acc[t], 0, head_size * sizeof(float));
    memset(a->lane[t], 0, sizeof a->lane[t]);
    a->best[t] = -INFINITY;
  }
  const size_t shared = n == STEPS_QUERIES ? STEPS(shared)(a, n) : 0;
  STEPS(pass)(n, a, 0, 0, shared);
  // Beyond a common beginning those of one sequence, which are neighbours, stay together.
  for (size_t t = 0, run; t < n; t += run) {
    for (run = 1; t + run < n && a->table[t + run] == a->table[t]; run++) continue;
    if (run < STEPS_QUERIES) run = run < 2 ? 1 : 2;
    STEPS(pass)(run, a, t, shared, STEPS(most_seen)(a, run, t));
  }
  for (size_t t = 0; t < n; t++) {
    const float sum = STEPS(join)(a->lane[t]);
    for (size_t i = 0; i < head_size; i++) a->out[t][i] = a->acc[t][i] / sum;
  }
}

static void STEPS(attend)(
    const qk_store_layer *store, size_t kv_head, size_t group, size_t rows, const float *q,
    size_t stride, const int32_t *pages, const size_t *starts, const size_t *counts, float scale,
    float *out) {
  STEPS(queries) a;
  a.store = store, a.kv_head = kv_head, a.scale = scale;
  size_t n = 0;
  for (size_t row = 0; row < rows; row++)
    for (size_t g = 0; g < group; g++) {
      const size_t at = row * stride + g * store->head_size;
      a.q[n] = q + at, a.out[n] = out + at;
      a.table[n] = pages + starts[row], a.count[n] = counts[row];
      if (++n == STEPS_QUERIES) {
        STEPS(attend_together)(&a, n);
        n = 0;
      }
    }
  if (n > 0) STEPS(attend_together)(&a, n);
}
