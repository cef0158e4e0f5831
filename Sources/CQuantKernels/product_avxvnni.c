// The products for AVX2 with VNNI (Alder Lake and later without AVX-512).
#define AVX2_TARGET "avx2,fma,f16c,avxvnni"
#define AVX2_HAS_VNNI 1
#define AVX2_TABLE qk_kernels_avxvnni
#include "avx2_body.h"
