// How a product is cut into chunks, and a chunk into tiles. Only shapes decide.
#include "kernels.h"

enum {
  cache_bytes = 512 << 10,  // panels, or inputs, that stay in a core's second-level cache
  far_bytes = 4 << 20,      // inputs that may not stay in the third-level cache
  small_bytes = 128 << 10,  // work worth handing to a thread: some microseconds
  team_chunks = 32,         // enough for a large team to share evenly
  few_tiles = 4,            // up to here a chunk takes all tokens
  many_tiles = QK_MANY / QK_TILE,
  group_bytes = 64 << 10,   // panels that few tiles share while the next are fetched
};

typedef struct {
  size_t panels, tiles;  // of the whole
  size_t panels_per_chunk, tiles_per_chunk;
  size_t panel_chunks, tile_chunks;
  bool tokens_first;  // whether the next chunk has the same tokens, not the same panels
} cut;

/// Whether a panel meets all tokens of a chunk before the next one.
static bool shares(const qk_product *p) {
  const qk_kernels *kernels = qk_kernels_for(p->set);
  return kernels->sharing_tokens && qk_is_quantized(p->format) &&
         p->tokens >= kernels->sharing_tokens(p->format);
}

/// What takes all panels and tokens of a chunk at once, or NULL.
static qk_many *many_of(const qk_product *p) {
  return shares(p) ? qk_kernels_for(p->set)->many[p->format] : NULL;
}

static cut cut_of(const qk_product *p) {
  cut c = {.panels = divide_up(p->rows, QK_PANEL), .tiles = divide_up(p->tokens, QK_TILE)};
  const size_t bytes = qk_panel_bytes(p->format, p->columns);
  if (c.panels == 0 || c.tiles == 0 || bytes == 0) return (cut){0};
  const size_t tile_bytes = QK_TILE * p->columns / QK_BLOCK * sizeof(qk_input_block);
  const bool many = many_of(p);
  const size_t most = shares(p)
      ? at_least(at_most(cache_bytes / tile_bytes, many_tiles), few_tiles)
      : many_tiles;
  c.tiles_per_chunk = c.tiles <= few_tiles ? c.tiles : most;
  c.tile_chunks = divide_up(c.tiles, c.tiles_per_chunk);
  if (many) c.tiles_per_chunk = divide_up(c.tiles, c.tile_chunks);
  // All inputs come once for each chunk of panels, or panels once for each chunk of inputs: where inputs do not stay in
  // the third-level cache in between, they should come fewer times. A panel that all tokens of a chunk share is met
  // once, so a chunk may have more of them than a cache; else the next chunk takes the same inputs.
  const bool far = c.tiles * tile_bytes > far_bytes;
  size_t height = many || (far && shares(p)) ? QK_MANY_PANELS : at_most(cache_bytes / bytes, 16);
  if (height == 0) height = 1;
  while (height > 1 && divide_up(c.panels, height) * c.tile_chunks < team_chunks &&
         height * bytes * c.tiles_per_chunk > small_bytes)
    height /= 2;
  // What has few panels, such as a factor of an adapter, is shared out by tokens.
  while (height == 1 && c.tiles_per_chunk > 1 && c.panels * c.tile_chunks < team_chunks &&
         bytes * c.tiles_per_chunk > small_bytes) {
    c.tiles_per_chunk = divide_up(c.tiles_per_chunk, 2);
    c.tile_chunks = divide_up(c.tiles, c.tiles_per_chunk);
  }
  c.panel_chunks = divide_up(c.panels, height);
  c.panels_per_chunk = divide_up(c.panels, c.panel_chunks);
  if (c.panels_per_chunk > 1) c.panels_per_chunk = divide_up(c.panels_per_chunk, 2) * 2;  // pairs
  c.panel_chunks = divide_up(c.panels, c.panels_per_chunk);
  c.tokens_first = far && !shares(p);
  return c;
}

/// `count` panels from `panel` on, one or two, by tokens `first ..< end`; `ahead_bytes` from `ahead` on, counted from
/// the first panel, are fetched meanwhile.
static void run_tile(
    const qk_product *p, size_t panel, size_t count, size_t first, size_t end, size_t ahead,
    size_t ahead_bytes) {
  const qk_kernels *kernels = qk_kernels_for(p->set);
  const size_t tokens = at_most(p->tokens, end) - first;
  const size_t row = panel * QK_PANEL, rows = at_most(p->rows - row, count * QK_PANEL);
  const void *x = qk_is_quantized(p->format)
      ? (const void *)((const qk_input_block *)p->x + first * (p->columns / QK_BLOCK))
      : (const void *)((const float *)p->x + first * p->columns);
  const size_t bytes = qk_panel_bytes(p->format, p->columns);
  const char *weights = (const char *)p->panels + panel * bytes;
  qk_output out = {
    .y = p->y + first * p->rows + row, .stride = p->rows, .rows = rows, .scale = p->scale,
    .adding = p->adding, .ahead = (const char *)p->panels + ahead, .ahead_bytes = ahead_bytes,
  };
  qk_tile *tile = count == 2 ? kernels->pair[p->format] : kernels->tile[p->format];
  tile(p->columns, weights, tokens, x, p->columns, &out);
}

size_t qk_product_chunks(const qk_product *product) {
  cut c = cut_of(product);
  return c.panel_chunks * c.tile_chunks;
}

/// Panels `panel ..< panel_end` and the tiles of tokens `first ..< end`, all at once.
static void run_many(
    const qk_product *p, qk_many *many, size_t panel, size_t panel_end, size_t first, size_t end) {
  const size_t token = first * QK_TILE, row = panel * QK_PANEL;
  const size_t bytes = qk_panel_bytes(p->format, p->columns);
  const qk_output out = {
    .y = p->y + token * p->rows + row, .stride = p->rows, .rows = p->rows - row, .scale = p->scale,
    .adding = p->adding,
  };
  many(
      p->columns, panel_end - panel, (const char *)p->panels + panel * bytes,
      at_most(p->tokens, end * QK_TILE) - token,
      (const qk_input_block *)p->x + token * (p->columns / QK_BLOCK), &out);
}

/// Panels `panel ..< panel_end` by the tiles of tokens `first ..< end`.
static void run_part(
    const qk_product *product, size_t panel, size_t panel_end, size_t first, size_t end) {
  const bool pairs = qk_kernels_for(product->set)->pair[product->format] &&
                     product->tokens >= QK_PAIR_TOKENS;
  const size_t step = pairs ? 2 : 1;
  const size_t bytes = qk_panel_bytes(product->format, product->columns);
  qk_many *many = many_of(product);
  if (many) {
    run_many(product, many, panel, panel_end, first, end);
    return;
  }
  // A thread goes on with the next chunk, for which it fetches while it finishes this one, unless that has the same panels.
  const size_t known = end * QK_TILE < product->tokens ? panel_end : divide_up(product->rows, QK_PANEL);
  if (shares(product)) {
    for (size_t p = panel; p < panel_end; p += step) {
      const size_t next = at_most(p + step, panel_end), after = at_most(next + step, known);
      run_tile(
          product, p, next - p, first * QK_TILE, end * QK_TILE, next * bytes, (after - next) * bytes);
    }
    return;
  }
  // One or two tokens take no longer than memory does to bring their weights: it is busy enough.
  const bool fetches =
      product->tokens <= few_tiles * QK_TILE && product->tokens > QK_PAIR_TOKENS;
  const size_t group = fetches ? at_least(group_bytes / bytes, step) / step * step : panel_end - panel;
  for (size_t p = panel; p < panel_end; p += group) {
    const size_t group_end = at_most(p + group, panel_end);
    const size_t ahead = fetches ? (at_most(group_end + group, known) - group_end) * bytes : 0;
    const size_t calls = divide_up(group_end - p, step) * (end - first);
    size_t call = 0;
    for (size_t t = first; t < end; t++)
      for (size_t q = p; q < group_end; q += step, call++) {
        const size_t from = ahead * call / calls, to = ahead * (call + 1) / calls;
        run_tile(
            product, q, at_most(group_end - q, step), t * QK_TILE, (t + 1) * QK_TILE,
            group_end * bytes + from, to - from);
      }
  }
}

void qk_product_run(const qk_product *product, size_t chunk) {
  const cut c = cut_of(product);
  const size_t panel = (c.tokens_first ? chunk % c.panel_chunks : chunk / c.tile_chunks) * c.panels_per_chunk;
  const size_t first = (c.tokens_first ? chunk / c.panel_chunks : chunk % c.tile_chunks) * c.tiles_per_chunk;
  const size_t panel_end = at_most(panel + c.panels_per_chunk, c.panels);
  const size_t end = at_most(first + c.tiles_per_chunk, c.tiles);
  for (const qk_product *p = product; p; p = p->then) run_part(p, panel, panel_end, first, end);
}
