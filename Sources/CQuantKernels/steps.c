// The reference build of the element-wise steps, and the store's one writer.
#include "qk_steps.h"
#include "qk_training.h"

#include <math.h>
#include <string.h>

#include "half.h"

#define STEPS(name) name##_scalar
#define STEPS_HALVES(from, to) \
  for (int lane = 0; lane < 16; lane++) (to)[lane] = qk_half_to_float((from)[lane])
#define STEPS_QUERIES 2
#define STEPS_VECTORS 2
#include "steps_body.h"
#include "training_body.h"

const qk_steps *qk_steps_scalar(void) { return &table_scalar; }

const qk_training *qk_training_scalar(void) { return &training_table_scalar; }

static void store_number(qk_store_type type, void *numbers, size_t at, float value) {
  if (type == qk_store_f32)
    ((float *)numbers)[at] = value;
  else
    ((uint16_t *)numbers)[at] = qk_float_to_half(value);
}

void qk_store_write(
    const qk_store_layer *store, int32_t page, size_t lane, const float *key, const float *value) {
  const size_t head_size = store->head_size;
  const size_t key_bytes = QK_PAGE * head_size * qk_store_number_bytes(store->key_type);
  const size_t head_bytes =
      key_bytes + QK_PAGE * head_size * qk_store_number_bytes(store->value_type);
  char *keys = (char *)store->pages + (size_t)page * store->kv_heads * head_bytes;
  for (size_t h = 0; h < store->kv_heads; h++, keys += head_bytes) {
    for (size_t i = 0; i < head_size; i++) {
      store_number(store->key_type, keys, i * QK_PAGE + lane, key[h * head_size + i]);
      store_number(
          store->value_type, keys + key_bytes, lane * head_size + i, value[h * head_size + i]);
    }
  }
}
