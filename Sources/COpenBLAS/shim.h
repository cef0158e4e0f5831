// OpenBLAS as the system installs it; Debian and Ubuntu: libopenblas-dev.
#include <cblas.h>
