// The products for AVX-512 without VNNI (Skylake-X and its servers).
#define AVX512_MORE
#define AVX512_HAS_VNNI 0
#define AVX512_TABLE qk_kernels_avx512bw
#include "avx512_body.h"
