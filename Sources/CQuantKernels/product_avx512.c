// The products for AVX-512 with VNNI (Cascade Lake, Ice Lake, Zen 4 and later).
#define AVX512_MORE ",avx512vnni"
#define AVX512_HAS_VNNI 1
#define AVX512_TABLE qk_kernels_avx512
#include "avx512_body.h"
