// The reference build of the element-wise steps, and the store's one writer.
#include "qk_steps.h"
#include "qk_training.h"

#include <math.h>
#include <string.h>

#include "half.h"
#include "quantize.h"

#define STEPS(name) name##_scalar
#define STEPS_HALVES(from, to) \
  for (int lane = 0; lane < 16; lane++) (to)[lane] = qk_half_to_float((from)[lane])
#define STEPS_QUERIES 2
#define STEPS_VECTORS 2
#include "steps_body.h"
#include "training_body.h"

const qk_steps *qk_steps_scalar(void) { return &table_scalar; }

const qk_training *qk_training_scalar(void) { return &training_table_scalar; }

/// One head's key or value of one position: number i goes to i * `step` after the position's first.
static void store_head(
    qk_store_type type, size_t head_size, size_t position, size_t first, size_t step,
    const float *from, void *to) {
  switch (type) {
    case qk_store_f32:
      for (size_t i = 0; i < head_size; i++) ((float *)to)[first + i * step] = from[i];
      break;
    case qk_store_f16:
      for (size_t i = 0; i < head_size; i++)
        ((uint16_t *)to)[first + i * step] = qk_float_to_half(from[i]);
      break;
    case qk_store_q8_0: {
      int8_t *bytes = (int8_t *)((uint16_t *)to + head_size / QK_STORE_BLOCK * QK_PAGE);
      for (size_t b = 0; b < head_size / QK_STORE_BLOCK; b++) {
        qk_input_block block;
        quantize_run(1, from + b * QK_STORE_BLOCK, &block, 1);
        ((uint16_t *)to)[b * QK_PAGE + position] = qk_float_to_half(block.scale);
        for (size_t i = 0; i < QK_STORE_BLOCK; i++)
          bytes[first + (b * QK_STORE_BLOCK + i) * step] = block.quants[i];
      }
      break;
    }
  }
}

void qk_store_write(
    const qk_store_layer *store, int32_t page, size_t lane, const float *key, const float *value) {
  const size_t head_size = store->head_size;
  const size_t key_bytes = qk_store_head_bytes(store->key_type, head_size);
  const size_t head_bytes = key_bytes + qk_store_head_bytes(store->value_type, head_size);
  char *to = (char *)store->pages + (size_t)page * store->kv_heads * head_bytes;
  for (size_t h = 0; h < store->kv_heads; h++, to += head_bytes) {
    store_head(store->key_type, head_size, lane, lane, QK_PAGE, key + h * head_size, to);
    store_head(
        store->value_type, head_size, lane, lane * head_size, 1, value + h * head_size,
        to + key_bytes);
  }
}
