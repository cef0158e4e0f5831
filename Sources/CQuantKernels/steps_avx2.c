// The element-wise steps for AVX2 with FMA.
#include "qk_steps.h"
#include "qk_training.h"

#include <math.h>
#include <string.h>

#include "half.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#define STEPS(name) name##_avx2
#define STEPS_HALVES(from, to)                                                     \
  do {                                                                             \
    __m256 low = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(from)));        \
    __m256 high = _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)((from) + 8))); \
    memcpy(&(to), &low, sizeof low);                                               \
    memcpy((char *)&(to) + sizeof low, &high, sizeof high);                        \
  } while (0)
#define STEPS_QUERIES 2
#define STEPS_VECTORS 2
#include "steps_body.h"
#include "training_body.h"
#pragma clang attribute pop

const qk_steps *qk_steps_avx2(void) { return &table_avx2; }
const qk_training *qk_training_avx2(void) { return &training_table_avx2; }
#else
const qk_steps *qk_steps_avx2(void) { return qk_steps_scalar(); }
const qk_training *qk_training_avx2(void) { return qk_training_scalar(); }
#endif
