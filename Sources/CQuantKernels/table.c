#include "CQuantKernels.h"
