// The products for AVX2 with FMA (Haswell, Zen and later).
#define AVX2_TARGET "avx2,fma,f16c"
#define AVX2_HAS_VNNI 0
#define AVX2_TABLE qk_kernels_avx2
#include "avx2_body.h"
