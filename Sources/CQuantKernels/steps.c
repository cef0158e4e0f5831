// The reference build of the element-wise steps, and the store's one writer.
#include "qk_steps.h"
#include "qk_training.h"

#include <math.h>

#define STEPS(name) name##_scalar
#include "steps_body.h"
#include "training_body.h"

const qk_steps *qk_steps_scalar(void) { return &table_scalar; }

const qk_training *qk_training_scalar(void) { return &training_table_scalar; }

void qk_store_write(
    const qk_store_layer *store, int32_t page, size_t lane, const float *key, const float *value) {
  const size_t head_size = store->head_size, head_floats = 2 * QK_PAGE * head_size;
  float *base = store->pages + (size_t)page * store->kv_heads * head_floats;
  for (size_t h = 0; h < store->kv_heads; h++, base += head_floats)
    for (size_t i = 0; i < head_size; i++) {
      base[i * QK_PAGE + lane] = key[h * head_size + i];
      base[QK_PAGE * head_size + lane * head_size + i] = value[h * head_size + i];
    }
}
