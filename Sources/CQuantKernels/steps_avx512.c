// The element-wise steps for AVX-512.
#include "qk_steps.h"
#include "qk_training.h"

#include <math.h>
#include <string.h>

#include "half.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define STEPS(name) name##_avx512
#define STEPS_HALVES(from, to)                                                          \
  do {                                                                                  \
    __m512 all = _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(from)));          \
    memcpy(&(to), &all, sizeof all);                                                    \
  } while (0)
#define STEPS_QUERIES 4
#define STEPS_VECTORS 4
#include "steps_body.h"
#include "training_body.h"
#pragma clang attribute pop

const qk_steps *qk_steps_avx512(void) { return &table_avx512; }
const qk_training *qk_training_avx512(void) { return &training_table_avx512; }
#else
const qk_steps *qk_steps_avx512(void) { return qk_steps_scalar(); }
const qk_training *qk_training_avx512(void) { return qk_training_scalar(); }
#endif
