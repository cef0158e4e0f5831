// Which kernels this CPU runs.
#include "kernels.h"
#include "layout.h"

#if defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

bool qk_available(qk_instruction_set set) {
  switch (set) {
    case qk_scalar: return true;
#if defined(__x86_64__)
    // From Haswell (2013) and Zen (2017) on.
    case qk_avx2:
      return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("f16c");
    // Alder Lake and Sierra Forest have it without AVX-512, newer processors beside it.
    case qk_avxvnni: return qk_available(qk_avx2) && __builtin_cpu_supports("avxvnni");
    // Skylake-X and its servers.
    case qk_avx512bw:
      return qk_available(qk_avx2) && __builtin_cpu_supports("avx512f") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
    // Cascade Lake, Ice Lake, Sapphire Rapids; Zen 4 and later.
    case qk_avx512: return qk_available(qk_avx512bw) && __builtin_cpu_supports("avx512vnni");
#elif defined(__aarch64__) && defined(__linux__)
    // Cortex-A76, Neoverse N1 and later.
    case qk_neon: return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
#elif defined(__aarch64__)
    case qk_neon: return true;  // every Apple chip that runs macOS
#endif
    default: return false;
  }
}

const qk_kernels *qk_kernels_for(qk_instruction_set set) {
  switch (set) {
#if defined(__x86_64__)
    case qk_avx2: return &qk_kernels_avx2;
    case qk_avxvnni: return &qk_kernels_avxvnni;
    case qk_avx512bw: return &qk_kernels_avx512bw;
    case qk_avx512: return &qk_kernels_avx512;
#elif defined(__aarch64__)
    case qk_neon: return &qk_kernels_neon;
#endif
    default: return &qk_kernels_scalar;
  }
}

size_t qk_input_run(qk_format format) { return qk_layouts[format].blocks; }

void qk_quantize_tile(
    qk_instruction_set set, size_t run, size_t blocks, size_t rows, const float *x, size_t stride,
    qk_input_block *tile) {
  qk_kernels_for(set)->quantize_tile(run, blocks, rows, x, stride, tile);
}
