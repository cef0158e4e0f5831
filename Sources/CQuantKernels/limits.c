// What the machine can do at best, so that a benchmark can state its share of it.
#include "kernels.h"

/// Instructions in a round, enough to keep two pipes of latency 4 to 6 busy.
enum { chains = 12 };

#if defined(__x86_64__)
#include <immintrin.h>

__attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni"))) static int32_t
spin_avx512(size_t rounds) {
  __m512i sum[chains];
  for (int i = 0; i < chains; i++) sum[i] = _mm512_set1_epi32(i);
  const __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5);
  for (size_t r = 0; r < rounds; r++) {
    for (int i = 0; i < chains; i++) sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
    for (int i = 0; i < chains; i++) __asm__ volatile("" : "+v"(sum[i]));
  }
  for (int i = 1; i < chains; i++) sum[0] = _mm512_add_epi32(sum[0], sum[i]);
  return _mm512_reduce_add_epi32(sum[0]);
}

__attribute__((target("avx512f"))) static float spin_f32_avx512(size_t rounds) {
  __m512 sum[chains];
  for (int i = 0; i < chains; i++) sum[i] = _mm512_set1_ps((float)i);
  const __m512 a = _mm512_set1_ps(0.5f), b = _mm512_set1_ps(3);
  for (size_t r = 0; r < rounds; r++) {
    for (int i = 0; i < chains; i++) sum[i] = _mm512_fmadd_ps(a, b, sum[i]);
    for (int i = 0; i < chains; i++) __asm__ volatile("" : "+v"(sum[i]));
  }
  for (int i = 1; i < chains; i++) sum[0] = _mm512_add_ps(sum[0], sum[i]);
  return _mm512_reduce_add_ps(sum[0]);
}

__attribute__((target("avx512f,avx512bf16"))) static float spin_bf16_avx512(size_t rounds) {
  __m512 sum[chains];
  for (int i = 0; i < chains; i++) sum[i] = _mm512_set1_ps((float)i);
  // 0x3f80 is 1 in bfloat16.
  const __m512bh a = (__m512bh)_mm512_set1_epi16(0x3f80), b = a;
  for (size_t r = 0; r < rounds; r++) {
    for (int i = 0; i < chains; i++) sum[i] = _mm512_dpbf16_ps(sum[i], a, b);
    for (int i = 0; i < chains; i++) __asm__ volatile("" : "+v"(sum[i]));
  }
  for (int i = 1; i < chains; i++) sum[0] = _mm512_add_ps(sum[0], sum[i]);
  return _mm512_reduce_add_ps(sum[0]);
}

__attribute__((target("avx2,avxvnni"))) static int32_t spin_avxvnni(size_t rounds) {
  __m256i sum[chains];
  for (int i = 0; i < chains; i++) sum[i] = _mm256_set1_epi32(i);
  const __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5);
  for (size_t r = 0; r < rounds; r++) {
    for (int i = 0; i < chains; i++) sum[i] = _mm256_dpbusd_avx_epi32(sum[i], a, b);
    for (int i = 0; i < chains; i++) __asm__ volatile("" : "+x"(sum[i]));
  }
  for (int i = 1; i < chains; i++) sum[0] = _mm256_add_epi32(sum[0], sum[i]);
  return _mm256_extract_epi32(sum[0], 0);
}

/// Products of a chain in a round without VNNI: as many as sums of 16 bits hold where weights have four bits.
enum { deep = 8, deep_chains = 3 };

// Products, sums of 16 bits, and one to 32 bits for all: what the tiles of four bits do at best.
__attribute__((target("avx2"))) static int32_t spin_avx2(size_t rounds) {
  __m256i sum[deep_chains];
  for (int i = 0; i < deep_chains; i++) sum[i] = _mm256_set1_epi32(i);
  __m256i a = _mm256_set1_epi8(3), b = _mm256_set1_epi8(5), ones = _mm256_set1_epi16(1);
  for (size_t r = 0; r < rounds; r++)
    for (int i = 0; i < deep_chains; i++) {
      __m256i pairs = _mm256_setzero_si256();
      for (int d = 0; d < deep; d++) {
        __asm__ volatile("" : "+v"(a));
        const __m256i pair = _mm256_maddubs_epi16(a, b);
        pairs = d == 0 ? pair : _mm256_add_epi16(pairs, pair);
      }
      sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(pairs, ones));
    }
  for (int i = 1; i < deep_chains; i++) sum[0] = _mm256_add_epi32(sum[0], sum[i]);
  return _mm256_extract_epi32(sum[0], 0);
}

__attribute__((target("avx512f,avx512bw"))) static int32_t spin_avx512bw(size_t rounds) {
  __m512i sum[deep_chains];
  for (int i = 0; i < deep_chains; i++) sum[i] = _mm512_set1_epi32(i);
  __m512i a = _mm512_set1_epi8(3), b = _mm512_set1_epi8(5), ones = _mm512_set1_epi16(1);
  for (size_t r = 0; r < rounds; r++)
    for (int i = 0; i < deep_chains; i++) {
      __m512i pairs = _mm512_setzero_si512();
      for (int d = 0; d < deep; d++) {
        __asm__ volatile("" : "+v"(a));
        const __m512i pair = _mm512_maddubs_epi16(a, b);
        pairs = d == 0 ? pair : _mm512_add_epi16(pairs, pair);
      }
      sum[i] = _mm512_add_epi32(sum[i], _mm512_madd_epi16(pairs, ones));
    }
  for (int i = 1; i < deep_chains; i++) sum[0] = _mm512_add_epi32(sum[0], sum[i]);
  return _mm512_reduce_add_epi32(sum[0]);
}

__attribute__((target("avx2,fma"))) static float spin_f32_avx2(size_t rounds) {
  __m256 sum[chains];
  for (int i = 0; i < chains; i++) sum[i] = _mm256_set1_ps((float)i);
  const __m256 a = _mm256_set1_ps(0.5f), b = _mm256_set1_ps(3);
  for (size_t r = 0; r < rounds; r++) {
    for (int i = 0; i < chains; i++) sum[i] = _mm256_fmadd_ps(a, b, sum[i]);
    for (int i = 0; i < chains; i++) __asm__ volatile("" : "+x"(sum[i]));
  }
  for (int i = 1; i < chains; i++) sum[0] = _mm256_add_ps(sum[0], sum[i]);
  return _mm256_cvtss_f32(sum[0]);
}
#elif defined(__aarch64__)
#include <arm_neon.h>

__attribute__((target("arch=armv8.2-a+dotprod"))) static int32_t spin_neon(size_t rounds) {
  int32x4_t sum[chains];
  for (int i = 0; i < chains; i++) sum[i] = vdupq_n_s32(i);
  const int8x16_t a = vdupq_n_s8(3), b = vdupq_n_s8(5);
  for (size_t r = 0; r < rounds; r++) {
    for (int i = 0; i < chains; i++) sum[i] = vdotq_s32(sum[i], a, b);
    for (int i = 0; i < chains; i++) __asm__ volatile("" : "+w"(sum[i]));
  }
  for (int i = 1; i < chains; i++) sum[0] = vaddq_s32(sum[0], sum[i]);
  return vgetq_lane_s32(sum[0], 0);
}

static float spin_f32_neon(size_t rounds) {
  float32x4_t sum[chains];
  for (int i = 0; i < chains; i++) sum[i] = vdupq_n_f32((float)i);
  const float32x4_t a = vdupq_n_f32(0.5f), b = vdupq_n_f32(3);
  for (size_t r = 0; r < rounds; r++) {
    for (int i = 0; i < chains; i++) sum[i] = vfmaq_f32(sum[i], a, b);
    for (int i = 0; i < chains; i++) __asm__ volatile("" : "+w"(sum[i]));
  }
  for (int i = 1; i < chains; i++) sum[0] = vaddq_f32(sum[0], sum[i]);
  return vgetq_lane_f32(sum[0], 0);
}
#endif

static size_t spin_int8(qk_instruction_set set, size_t rounds) {
  volatile int32_t result = 0;
  switch (set) {
#if defined(__x86_64__)
    case qk_avx512: result = spin_avx512(rounds); return rounds * chains * 2 * 64;
    case qk_avx512bw:
      result = spin_avx512bw(rounds);
      return rounds * deep_chains * deep * 2 * 64;
    case qk_avx2:
      result = spin_avx2(rounds);
      return rounds * deep_chains * deep * 2 * 32;
    case qk_avxvnni: result = spin_avxvnni(rounds); return rounds * chains * 2 * 32;
#elif defined(__aarch64__)
    case qk_neon: result = spin_neon(rounds); return rounds * chains * 2 * 16;
#endif
    default: (void)rounds, (void)result; return 0;
  }
}

static size_t spin_f32(qk_instruction_set set, size_t rounds) {
  volatile float result = 0;
  switch (set) {
#if defined(__x86_64__)
    case qk_avx512bw:
    case qk_avx512: result = spin_f32_avx512(rounds); return rounds * chains * 2 * 16;
    case qk_avx2:
    case qk_avxvnni: result = spin_f32_avx2(rounds); return rounds * chains * 2 * 8;
#elif defined(__aarch64__)
    case qk_neon: result = spin_f32_neon(rounds); return rounds * chains * 2 * 4;
#endif
    default: (void)rounds, (void)result; return 0;
  }
}

static size_t spin_bf16(qk_instruction_set set, size_t rounds) {
#if defined(__x86_64__)
  if (qk_pair_factors(set)) {
    volatile float result = spin_bf16_avx512(rounds);
    (void)result;
    return rounds * chains * 2 * 32;
  }
#endif
  (void)set, (void)rounds;
  return 0;
}

size_t qk_spin(qk_instruction_set set, qk_operations kind, size_t rounds) {
  switch (kind) {
    case qk_int8_operations: return spin_int8(set, rounds);
    case qk_bf16_operations: return spin_bf16(set, rounds);
    case qk_f32_operations: return spin_f32(set, rounds);
  }
  return 0;
}

typedef uint64_t words_8 __attribute__((vector_size(64), aligned(8)));

static inline __attribute__((always_inline)) uint64_t read_words(const words_8 *from, size_t count) {
  words_8 sum[4] = {0};
  for (size_t i = 0; i + 4 <= count; i += 4)
    for (size_t j = 0; j < 4; j++) sum[j] += from[i + j];
  sum[0] += sum[1] + sum[2] + sum[3];
  uint64_t total = 0;
  for (int i = 0; i < 8; i++) total += sum[0][i];
  return total;
}

#if defined(__x86_64__)
__attribute__((target("avx512f"))) static uint64_t read_avx512(const void *from, size_t count) {
  return read_words(from, count);
}
__attribute__((target("avx2"))) static uint64_t read_avx2(const void *from, size_t count) {
  return read_words(from, count);
}
#endif

uint64_t qk_read(qk_instruction_set set, const void *from, size_t bytes) {
  const size_t count = bytes / sizeof(words_8);
#if defined(__x86_64__)
  if (set == qk_avx512bw || set == qk_avx512) return read_avx512(from, count);
  if (set == qk_avx2 || set == qk_avxvnni) return read_avx2(from, count);
#endif
  (void)set;
  return read_words(from, count);
}
